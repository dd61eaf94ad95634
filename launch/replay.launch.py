"""Plays a rosbag through the emotion and overlay node on the bag's own clock.

`ros2 launch emotion_bringup replay.launch.py bag:=my_bag image:=/camera/image_raw`
"""

from launch.action import Action
from launch.actions import DeclareLaunchArgument, OpaqueFunction

from emotion_bringup.launch_arguments import (
    bag_path,
    common_arguments,
    flag,
    foxglove_arguments,
    image_arguments,
    images_of,
    overlay_argument,
    positive,
    switch_argument,
)
from emotion_bringup.launching import bag_player, emotion_node, foxglove_node, overlay_node
from launch import LaunchContext, LaunchDescription

_MODE = 'replay'


def generate_launch_description() -> LaunchDescription:
    """The arguments stand here, at the top level, so that `--show-args` lists them."""
    return LaunchDescription(
        [
            *common_arguments(use_sim_time='true'),
            DeclareLaunchArgument('bag', description='rosbag2 folder or file to play'),
            *image_arguments('bag'),
            DeclareLaunchArgument(
                'rate', default_value='1.0', description='speed of the replay; 1 is as recorded'
            ),
            switch_argument('loop', 'false', 'start the bag again at its end'),
            DeclareLaunchArgument(
                'delay',
                default_value='5.0',
                description='seconds before the first message, for the nodes to be ready',
            ),
            overlay_argument(),
            *foxglove_arguments(),
            OpaqueFunction(function=_nodes),
        ]
    )


def _nodes(context: LaunchContext) -> list[Action]:
    images = images_of(context)
    return [
        emotion_node(context, _MODE, images),
        *overlay_node(context, _MODE, images),
        *foxglove_node(context, _MODE, images),
        bag_player(context, _play_command(context)),
    ]


def _play_command(context: LaunchContext) -> list[str]:
    command = ['ros2', 'bag', 'play', bag_path(context), '--clock']
    command += ['--rate', positive(context, 'rate')]
    command += ['--delay', positive(context, 'delay', or_zero=True)]
    return [*command, '--loop'] if flag(context, 'loop') else command
