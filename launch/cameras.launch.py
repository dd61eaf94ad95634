"""The emotion nodes of several cameras in one process, each in the namespace of its camera.

`ros2 launch emotion_bringup cameras.launch.py cameras:='[front, rear]' image:=color/image_raw`
(docs/ros.md); with `sources:='[/dev/video0, /dev/video2]'` the cameras are started too.
"""

from itertools import chain

from launch.action import Action
from launch.actions import OpaqueFunction

from emotion_bringup.launch_arguments import images_of, items, launch_arguments
from emotion_bringup.launching import emotion_node, people_node, several_cameras
from launch import LaunchContext, LaunchDescription

_MODE = 'live'


def generate_launch_description() -> LaunchDescription:
    """The arguments stand here, at the top level, so that `--show-args` lists them."""
    return LaunchDescription([*launch_arguments('cameras'), OpaqueFunction(function=_nodes)])


def _nodes(context: LaunchContext) -> list[Action]:
    cameras = items(context, 'cameras')
    return [
        *several_cameras(context, cameras, items(context, 'sources')),
        emotion_node(context, _MODE, images_of(context), cameras),
        *chain.from_iterable(
            people_node(context, _MODE, camera.partition('=')[0]) for camera in cameras
        ),
    ]
