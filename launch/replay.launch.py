"""Plays a rosbag through the emotion and overlay node on the bag's own clock.

`ros2 launch emotion_bringup replay.launch.py bag:=my_bag image:=/camera/image_raw`
"""

from launch.action import Action
from launch.actions import OpaqueFunction

from emotion_bringup.launch_arguments import bag_path, images_of, launch_arguments, value
from emotion_bringup.launching import (
    bag_player,
    emotion_node,
    foxglove_node,
    overlay_node,
    people_node,
)
from launch import LaunchContext, LaunchDescription

_MODE = 'replay'


def generate_launch_description() -> LaunchDescription:
    """The arguments stand here, at the top level, so that `--show-args` lists them."""
    return LaunchDescription([*launch_arguments('replay'), OpaqueFunction(function=_nodes)])


def _nodes(context: LaunchContext) -> list[Action]:
    images = images_of(context)
    return [
        emotion_node(context, _MODE, images),
        *overlay_node(context, _MODE, images),
        *people_node(context, _MODE),
        *foxglove_node(context, _MODE, images),
        bag_player(context, _play_command(context)),
    ]


def _play_command(context: LaunchContext) -> list[str]:
    command = ['ros2', 'bag', 'play', bag_path(context), '--clock']
    command += ['--rate', str(value(context, 'rate'))]
    command += ['--delay', str(value(context, 'delay'))]
    return [*command, '--loop'] if value(context, 'loop') else command
