"""Only the emotion node, for a robot with a camera of its own.

`ros2 launch emotion_bringup emotion.launch.py image:=/my_camera/image_raw`
"""

from launch.action import Action
from launch.actions import OpaqueFunction

from emotion_bringup.launch_arguments import images_of, launch_arguments
from emotion_bringup.launching import emotion_node, foxglove_node, people_node
from launch import LaunchContext, LaunchDescription

_MODE = 'live'


def generate_launch_description() -> LaunchDescription:
    """The arguments stand here, at the top level, so that `--show-args` lists them."""
    return LaunchDescription([*launch_arguments('emotion'), OpaqueFunction(function=_nodes)])


def _nodes(context: LaunchContext) -> list[Action]:
    images = images_of(context)
    return [
        emotion_node(context, _MODE, images),
        *people_node(context, _MODE),
        *foxglove_node(context, _MODE, images),
    ]
