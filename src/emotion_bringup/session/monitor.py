"""Subscribes to what the nodes publish: counts, prints and writes it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rclpy.node import Node
from sensor_msgs.msg import CameraInfo

from emotion_bringup import qos
from emotion_bringup.conversion import faces_from_message, stamp_to_ns
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.results import Record, frame_record
from emotion_perception.types import Face


@dataclass(slots=True)
class Account:
    """Which frames were published and which were answered.

    Attributes:
        published: Stamps of all frames, in nanoseconds, as `camera_info` told them.
        answered: Stamps of all answers.
    """

    published: set[int] = field(default_factory=set)
    answered: set[int] = field(default_factory=set)

    @property
    def missing(self) -> int:
        """Frames that were published and not answered (yet)."""
        return len(self.published - self.answered)


FrameHandler = Callable[[Record, list[Face], float], None]
"""Called with the record, the faces and the latency in milliseconds of every answer."""


class MonitorNode(Node):
    """Receives every answer, and in replay mode accounts for every frame."""

    def __init__(self, namespace: str, mode: str, on_frame: FrameHandler) -> None:
        """Subscribes to the answers.

        Args:
            namespace: Namespace of the nodes.
            mode: 'live' or 'replay'.
            on_frame: Called for every answer.
        """
        super().__init__('emotion_monitor', namespace=namespace)
        self.account = Account()
        self._mode = mode
        self._on_frame = on_frame
        self.create_subscription(
            FaceEmotionArray, 'emotions', self._on_emotions, qos.emotions(mode)
        )

    def is_pipeline_ready(self, overlay: bool) -> bool:
        """Whether the other nodes have found each other: frames published now reach them all."""
        readers = 1 + overlay
        return (
            self.count_publishers('emotions') >= 1
            and self.count_subscribers('emotions') >= 1 + overlay
            and self.count_subscribers('camera/image_raw') >= readers
        )

    def open_gate(self) -> None:
        """Subscribes to camera_info, which a waiting camera node takes as its sign to start."""
        self.create_subscription(
            CameraInfo, 'camera/camera_info', self._on_camera_info, qos.camera_info(self._mode)
        )

    def _on_camera_info(self, message: CameraInfo) -> None:
        self.account.published.add(stamp_to_ns(message.header.stamp))

    def _on_emotions(self, message: FaceEmotionArray) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        self.account.answered.add(stamp_ns)
        faces = faces_from_message(message)
        record = frame_record(stamp_ns, message.image_width, message.image_height, faces)
        latency_ms = (self.get_clock().now().nanoseconds - stamp_ns) / 1e6
        self._on_frame(record, faces, latency_ms)
