"""Records the session's topics to a rosbag, as the bytes they arrive in."""

from pathlib import Path
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image

from emotion_bringup import qos
from emotion_msgs.msg import EmotionLabels, FaceEmotionArray
from emotion_perception.bags.writer import BagWriter


class BagRecorder:
    """Raw subscriptions that write to a bag; part of the monitor's node."""

    def __init__(self, node: Node, path: Path, mode: str) -> None:
        """Creates the bag and subscribes.

        Args:
            node: Node that subscribes.
            path: Folder of the new rosbag2 bag.
            mode: 'live' or 'replay'.

        Raises:
            BagError: The bag exists already or cannot be written.
        """
        self._node = node
        self._writer = BagWriter(path, storage='mcap')
        self._subscribe('camera/image_raw', Image, qos.image_in(mode))
        self._subscribe('camera/camera_info', CameraInfo, qos.camera_info(mode))
        self._subscribe('emotions', FaceEmotionArray, qos.emotions(mode))
        self._subscribe('emotions/labels', EmotionLabels, qos.LABELS)

    def close(self) -> None:
        """Finishes the bag."""
        self._writer.close()

    def _subscribe(self, name: str, message_type: Any, profile: QoSProfile) -> None:
        topic = self._node.resolve_topic_name(name)
        package = message_type.__module__.split('.')[0]
        type_name = f'{package}/msg/{message_type.__name__}'
        connection = self._writer.add_topic(topic, type_name, profile)

        def write(data: bytes) -> None:
            self._writer.write(connection, self._node.get_clock().now().nanoseconds, data)

        self._node.create_subscription(message_type, topic, write, profile, raw=True)
