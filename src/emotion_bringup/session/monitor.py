"""Subscribes to what the nodes publish: counts, prints and writes it."""

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, Image

from emotion_bringup import qos
from emotion_bringup.conversion import faces_from_message, stamp_to_ns
from emotion_bringup.graph import CAMERA_IMAGE, EMOTIONS, EVENTS
from emotion_bringup.session.frame_counter import FrameCounter
from emotion_msgs.msg import EmotionLabels, ExpressionEvent, FaceEmotionArray
from emotion_perception.bags.writer import BagWriter
from emotion_perception.outputs.results import FrameRecord, frame_record
from emotion_perception.types import NS_PER_S, Face

FrameHandler = Callable[[FrameRecord, list[Face], float | None], None]
"""Called with the record, the faces and the latency in milliseconds of every result."""
EventHandler = Callable[[ExpressionEvent], None]
"""Called with what happened on a face."""


class MonitorNode(Node):
    """Receives every result, accounts for every frame, and records both if wanted.

    Messages arrive as bytes, so that a bag gets exactly what was sent, from one subscription.
    """

    def __init__(
        self,
        namespace: str,
        mode: str,
        on_frame: FrameHandler,
        bag: BagWriter | None = None,
        on_event: EventHandler | None = None,
    ) -> None:
        """Subscribes to the session's topics.

        Args:
            namespace: Namespace of the nodes.
            mode: 'live' or 'replay'.
            on_frame: Called for every result.
            bag: Where to record images, results and events; None records nothing.
            on_event: Called for every event; None listens to none.
        """
        super().__init__('emotion_monitor', namespace=namespace)
        self.frames = FrameCounter()
        self._on_frame = on_frame
        self._bag = bag
        if bag is not None:
            self._listen(CAMERA_IMAGE, Image, qos.image_in(mode))
            self._listen('emotions/labels', EmotionLabels, qos.LABELS)
        self._listen('camera/camera_info', CameraInfo, qos.camera_info(mode), self._on_camera_info)
        self._listen(EMOTIONS, FaceEmotionArray, qos.emotions(mode), self._on_emotions)
        if on_event is not None:
            self._listen(EVENTS, ExpressionEvent, qos.EVENTS, on_event)

    def _listen(
        self,
        name: str,
        message_type: Any,
        profile: QoSProfile,
        handle: Callable[[Any], None] | None = None,
    ) -> None:
        record = self._recording_of(name, message_type, profile)

        def receive(data: bytes) -> None:
            record(data)
            if handle is not None:
                handle(deserialize_message(data, message_type))

        self.create_subscription(message_type, name, receive, profile, raw=True)

    def _recording_of(
        self, name: str, message_type: Any, profile: QoSProfile
    ) -> Callable[[bytes], None]:
        bag = self._bag
        if bag is None:
            return lambda data: None
        package = message_type.__module__.split('.')[0]
        type_name = f'{package}/msg/{message_type.__name__}'
        connection = bag.add_topic(self.resolve_topic_name(name), type_name, profile)
        return lambda data: bag.write(connection, self.get_clock().now().nanoseconds, data)

    def _on_camera_info(self, message: CameraInfo) -> None:
        self.frames.frame_published(stamp_to_ns(message.header.stamp))

    def _on_emotions(self, message: FaceEmotionArray) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        latency_ms = self.frames.result_received(stamp_ns)
        faces = faces_from_message(message)
        record = frame_record(stamp_ns, message.image_width, message.image_height, faces)
        self._on_frame(record, faces, latency_ms)


def event_line(event: ExpressionEvent) -> str:
    """An event that started or ended, as a line for people."""
    if event.kind == ExpressionEvent.STARTED:
        return f'#{event.track_id} starts to look {event.emotion}'
    seconds = event.duration.sec + event.duration.nanosec / NS_PER_S
    return f'#{event.track_id} looked {event.emotion} for {seconds:.1f} s'
