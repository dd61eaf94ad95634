"""Camera, emotion and overlay node: `ros2 launch emotion_bringup live.launch.py source:=0`."""

from launch.action import Action
from launch.actions import OpaqueFunction

from emotion_bringup.launch_arguments import launch_arguments, text, value
from emotion_bringup.launching import (
    camera_node,
    emotion_node,
    foxglove_node,
    overlay_node,
    people_node,
    rqt_node,
)
from emotion_bringup.parameter_tables import REPLAY, REPLAY_IN_FLIGHT
from launch import LaunchContext, LaunchDescription


def generate_launch_description() -> LaunchDescription:
    """The arguments stand here, at the top level, so that `--show-args` lists them."""
    return LaunchDescription([*launch_arguments('live'), OpaqueFunction(function=_nodes)])


def _nodes(context: LaunchContext) -> list[Action]:
    mode = text(context, 'mode')
    camera = {
        'mode': mode,
        # In replay mode the camera waits for results, so that nothing piles up.
        'max_in_flight': REPLAY_IN_FLIGHT if mode == REPLAY else 0,
    }
    return [
        camera_node(context, text(context, 'source'), value(context, 'loop'), camera),
        emotion_node(context, mode),
        *overlay_node(context, mode),
        *people_node(context, mode),
        *foxglove_node(context, mode),
        *rqt_node(context),
    ]
