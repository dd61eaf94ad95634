"""The topics `emotions/detections` and `emotions/label_info` of the emotion node."""

import importlib
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.event_handler import PublisherEventCallbacks
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Header

from emotion_bringup import qos
from emotion_bringup.interop.packages import MessagePackageError, require_messages
from emotion_bringup.parameters import value_of
from emotion_perception.types import Face


class DetectionTopics:
    """Publishes faces as vision_msgs; where that package is missing it does nothing."""

    def __init__(self, node: LifecycleNode, on_demand: Callable[[], None]) -> None:
        """Stores the node; the publishers are made on demand.

        Args:
            node: Has the parameters `publish_detections`, `mode` and `confidence_threshold`.
            on_demand: Called when a subscriber comes or goes.
        """
        self._node = node
        self._on_demand = on_demand
        self._conversion: Any = None
        self._detections: Any = None
        self._label_info: Any = None
        self._labels: tuple[str, ...] = ()
        self._was_told = False

    @property
    def subscribers(self) -> int:
        """Number of subscribers of the detections."""
        return self._detections.get_subscription_count() if self._detections is not None else 0

    def open(self, labels: Sequence[str]) -> None:
        """Creates both publishers, if they are wanted and can be, and announces the labels.

        Args:
            labels: Class names; the position is the class index.
        """
        if not value_of(self._node, 'publish_detections') or not self._is_possible():
            return
        # Only now: it needs vision_msgs.
        self._conversion = importlib.import_module('emotion_bringup.interop.detections')
        self._detections = self._node.create_lifecycle_publisher(
            self._conversion.Detection2DArray,
            'emotions/detections',
            qos.emotions(value_of(self._node, 'mode')),
            event_callbacks=PublisherEventCallbacks(matched=lambda _: self._on_demand()),
            qos_overriding_options=qos.overridable(),
        )
        # Not a lifecycle publisher: the labels are announced before the node is active.
        self._label_info = self._node.create_publisher(
            self._conversion.LabelInfo, 'emotions/label_info', qos.LABELS
        )
        self._labels = tuple(labels)
        self.announce()

    def announce(self) -> None:
        """Publishes the labels again, with the threshold in use now."""
        if self._label_info is None:
            return
        header = Header(stamp=self._node.get_clock().now().to_msg())
        threshold: float = value_of(self._node, 'confidence_threshold')
        message = self._conversion.label_info_message(header, self._labels, threshold)
        self._label_info.publish(message)

    def publish(self, header: Header, width: int, height: int, faces: Sequence[Face]) -> None:
        """Publishes the faces of one image, if somebody listens; see `detections_message`."""
        if self.subscribers:
            message = self._conversion.detections_message(header, width, height, faces)
            self._detections.publish(message)

    def close(self) -> None:
        """Ends both publishers; without any it does nothing."""
        if self._detections is not None:
            self._node.destroy_lifecycle_publisher(self._detections)
            self._node.destroy_publisher(self._label_info)
        self._detections = self._label_info = None

    def _is_possible(self) -> bool:
        try:
            require_messages('vision_msgs', 'Detection2DArray', 'LabelInfo')
        except MessagePackageError as error:
            self._tell(f'emotions/detections is off: {error}')
            return False
        return True

    def _tell(self, sentence: str) -> None:
        """Says it once, however often the node is configured."""
        if not self._was_told:
            self._node.get_logger().info(sentence)
        self._was_told = True
