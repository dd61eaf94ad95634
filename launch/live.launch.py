"""Camera, emotion and overlay node: `ros2 launch emotion_bringup live.launch.py source:=0`."""

from launch.action import Action
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from emotion_bringup.launching import (
    camera_node,
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
from emotion_bringup.parameter_tables import REPLAY, REPLAY_IN_FLIGHT
from launch import LaunchContext, LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """The arguments stand here, at the top level, so that `--show-args` lists them."""
    return LaunchDescription(
        [
            *common_arguments(),
            DeclareLaunchArgument(
                'source',
                default_value='0',
                description='camera index or device, address, video, GIF, picture, folder, '
                'rosbag, or demo',
            ),
            DeclareLaunchArgument(
                'mode',
                default_value='live',
                description='live keeps only the newest frame, replay drops none',
                choices=['live', 'replay'],
            ),
            DeclareLaunchArgument(
                'loop', default_value='true', description='start a file again at its end'
            ),
            overlay_argument(),
            *foxglove_arguments(),
            DeclareLaunchArgument(
                'rqt', default_value='false', description='show the overlay in rqt_image_view'
            ),
            *dds_profile(),
            OpaqueFunction(function=_nodes),
            Node(
                package='rqt_image_view',
                executable='rqt_image_view',
                namespace=LaunchConfiguration('namespace'),
                arguments=['emotions/image'],
                condition=IfCondition(LaunchConfiguration('rqt')),
            ),
        ]
    )


def _nodes(context: LaunchContext) -> list[Action]:
    mode = text(context, 'mode')
    camera = {
        'mode': mode,
        # In replay mode the camera waits for answers, so that nothing piles up.
        'max_in_flight': REPLAY_IN_FLIGHT if mode == REPLAY else 0,
    }
    return [
        camera_node(context, text(context, 'source'), flag(context, 'loop'), camera),
        emotion_node(context, mode),
        *overlay_node(context, mode),
        *foxglove_node(context, mode),
    ]
