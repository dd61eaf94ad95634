"""One emotion node for each of several cameras, in one process."""

from collections.abc import Sequence
from functools import partial

import cv2

from emotion_bringup.node_arguments import Camera
from emotion_bringup.nodes.emotion import EmotionNode
from emotion_bringup.running import MakeNode, Stop
from emotion_bringup.shared_networks import SharedNetworks


def emotion_nodes(cameras: Sequence[Camera]) -> list[MakeNode]:
    """What makes the nodes; they share their networks.

    Args:
        cameras: Each has a namespace of its own.
    """
    # Cameras use the cores side by side: threads that divide one image would only cost time.
    cv2.setNumThreads(1)
    networks = SharedNetworks()
    return [partial(_emotion_node, networks, camera) for camera in cameras]


def _emotion_node(networks: SharedNetworks, camera: Camera, stop: Stop) -> EmotionNode:
    return EmotionNode(stop, networks, cli_args=['--ros-args', *camera.remappings])
