"""Camera, emotion and overlay node: `ros2 launch emotion_bringup live.launch.py source:=0`."""

from launch.action import Action
from launch.actions import DeclareLaunchArgument, OpaqueFunction

from emotion_bringup.launch_arguments import (
    common_arguments,
    flag,
    foxglove_arguments,
    overlay_argument,
    switch_argument,
    text,
)
from emotion_bringup.launching import (
    camera_node,
    emotion_node,
    foxglove_node,
    overlay_node,
    rqt_node,
)
from emotion_bringup.parameter_tables import LIVE, REPLAY, REPLAY_IN_FLIGHT
from launch import LaunchContext, LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """The arguments stand here, at the top level, so that `--show-args` lists them."""
    return LaunchDescription(
        [
            *common_arguments(),
            DeclareLaunchArgument(
                'source',
                default_value='0',
                description='camera index or device, address, video, GIF, image, folder, '
                'rosbag, or demo',
            ),
            DeclareLaunchArgument(
                'mode',
                default_value=LIVE,
                description='live keeps only the newest frame, replay drops none',
                choices=[LIVE, REPLAY],
            ),
            switch_argument('loop', 'true', 'start a file again at its end'),
            overlay_argument(),
            *foxglove_arguments(),
            switch_argument('rqt', 'false', 'show the overlay in rqt_image_view'),
            OpaqueFunction(function=_nodes),
        ]
    )


def _nodes(context: LaunchContext) -> list[Action]:
    mode = text(context, 'mode')
    camera = {
        'mode': mode,
        # In replay mode the camera waits for results, so that nothing piles up.
        'max_in_flight': REPLAY_IN_FLIGHT if mode == REPLAY else 0,
    }
    return [
        camera_node(context, text(context, 'source'), flag(context, 'loop'), camera),
        emotion_node(context, mode),
        *overlay_node(context, mode),
        *foxglove_node(context, mode),
        *rqt_node(context),
    ]
