"""Plays a rosbag through the emotion and overlay node on the bag's own clock.

`ros2 launch emotion_bringup replay.launch.py bag:=my_bag image:=/camera/image_raw`
"""

from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    OpaqueFunction,
    Shutdown,
)

from emotion_bringup.launching import (
    common_arguments,
    dds_profile,
    emotion_node,
    flag,
    foxglove_arguments,
    foxglove_node,
    overlay_argument,
    overlay_node,
    text,
)
from launch import LaunchContext, LaunchDescription

_MODE = 'replay'


def generate_launch_description() -> LaunchDescription:
    """The arguments stand here, at the top level, so that `--show-args` lists them."""
    return LaunchDescription(
        [
            *common_arguments(use_sim_time='true'),
            DeclareLaunchArgument('bag', description='rosbag2 folder or file to play'),
            DeclareLaunchArgument(
                'image',
                default_value='camera/image_raw',
                description='image topic of the bag; relative ones lie in the namespace',
            ),
            DeclareLaunchArgument(
                'rate', default_value='1.0', description='speed of the replay; 1 is as recorded'
            ),
            DeclareLaunchArgument(
                'loop', default_value='false', description='start the bag again at its end'
            ),
            DeclareLaunchArgument(
                'delay',
                default_value='5.0',
                description='seconds before the first message, for the nodes to be ready',
            ),
            overlay_argument(),
            *foxglove_arguments(),
            *dds_profile(),
            OpaqueFunction(function=_nodes),
        ]
    )


def _nodes(context: LaunchContext) -> list[Action]:
    image = text(context, 'image')
    return [
        emotion_node(context, _MODE, image),
        *overlay_node(context, _MODE, image),
        *foxglove_node(context, _MODE, image),
        ExecuteProcess(
            cmd=_play_command(context),
            output='screen',
            on_exit=Shutdown(reason='the bag has ended'),
        ),
    ]


def _play_command(context: LaunchContext) -> list[str]:
    command = [
        'ros2',
        'bag',
        'play',
        text(context, 'bag'),
        '--clock',
    ]
    command += ['--rate', text(context, 'rate'), '--delay', text(context, 'delay')]
    return [*command, '--loop'] if flag(context, 'loop') else command
