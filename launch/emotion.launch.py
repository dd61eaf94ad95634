"""Only the emotion node, for a robot with a camera of its own.

`ros2 launch emotion_bringup emotion.launch.py image:=/my_camera/image_raw`
"""

from launch.action import Action
from launch.actions import DeclareLaunchArgument, OpaqueFunction

from emotion_bringup.launching import (
    common_arguments,
    dds_profile,
    emotion_node,
    foxglove_arguments,
    foxglove_node,
    text,
)
from launch import LaunchContext, LaunchDescription

_MODE = 'live'


def generate_launch_description() -> LaunchDescription:
    """The arguments stand here, at the top level, so that `--show-args` lists them."""
    return LaunchDescription(
        [
            *common_arguments(),
            DeclareLaunchArgument(
                'image',
                default_value='camera/image_raw',
                description='image topic of the camera; relative ones lie in the namespace',
            ),
            *foxglove_arguments(),
            *dds_profile(),
            OpaqueFunction(function=_nodes),
        ]
    )


def _nodes(context: LaunchContext) -> list[Action]:
    image = text(context, 'image')
    return [emotion_node(context, _MODE, image), *foxglove_node(context, _MODE, image)]
