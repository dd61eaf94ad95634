"""Subscribes to what the nodes publish: counts, prints and writes it."""

from collections.abc import Callable
from typing import Any, TypedDict

from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CameraInfo, Image

from emotion_bringup import qos
from emotion_bringup.conversion import faces_from_message, stamp_to_ns
from emotion_bringup.graph import CAMERA_IMAGE, EMOTIONS, EVENTS
from emotion_bringup.parameter_tables import REPLAY
from emotion_bringup.publisher_wait import PublisherWait
from emotion_bringup.session.frame_counter import FrameCounter
from emotion_msgs.msg import EmotionLabels, ExpressionEvent, FaceEmotionArray
from emotion_perception.bags.writer import BagWriter
from emotion_perception.outputs.results import FrameRecord, frame_record
from emotion_perception.types import NS_PER_S, Face

FrameHandler = Callable[[FrameRecord, list[Face]], None]
"""Called with the record and the faces of every result."""
LatencyHandler = Callable[[float], None]
"""Called with the milliseconds from a frame's publication to its result's, after the result."""
EventHandler = Callable[[ExpressionEvent], None]
"""Called with what happened on a face."""


class _MessageInfo(TypedDict):
    """What is read here of what rclpy tells of a message."""

    source_timestamp: int


class MonitorNode(Node):
    """Receives every result, accounts for every frame, and records both if wanted.

    Messages arrive as bytes, so that a bag gets exactly what was sent, from one subscription.
    """

    def __init__(
        self,
        namespace: str,
        mode: str,
        on_frame: FrameHandler,
        on_latency: LatencyHandler,
        bag: BagWriter | None = None,
        on_event: EventHandler | None = None,
    ) -> None:
        """Subscribes to the session's topics.

        Args:
            namespace: Namespace of the nodes.
            mode: 'live' or 'replay'.
            on_frame: Called for every result.
            on_latency: Called for every result whose latency is known, once.
            bag: Where to record images, results and events; None records nothing.
            on_event: Called for every event; None listens to none.
        """
        super().__init__('emotion_monitor', namespace=namespace)
        self.frames = FrameCounter()
        self._on_frame = on_frame
        self._on_latency = on_latency
        self._bag = bag
        self._is_replay = mode == REPLAY
        if bag is not None:
            self._listen(CAMERA_IMAGE, Image, qos.image_in(mode))
            self._listen('emotions/labels', EmotionLabels, qos.LABELS)
        self._listen('camera/camera_info', CameraInfo, qos.camera_info(mode), self._on_camera_info)
        self._listen(EMOTIONS, FaceEmotionArray, qos.emotions(mode), self._on_emotions)
        if on_event is not None:
            self._listen(EVENTS, ExpressionEvent, qos.EVENTS, lambda event, _: on_event(event))

    def _listen(
        self,
        name: str,
        message_type: Any,
        profile: QoSProfile,
        handle: Callable[[Any, int], None] | None = None,
    ) -> None:
        """Subscribes; `handle` gets the message and when it was published (ns; 0: not told)."""
        record = self._recording_of(name, message_type, profile)

        def receive(data: bytes, info: _MessageInfo) -> None:
            record(data)
            if handle is not None:
                handle(deserialize_message(data, message_type), info['source_timestamp'])

        # Typed so since Jazzy's rclpy declares callbacks of one argument only.
        callback: Callable[..., None] = receive

        def subscribe() -> None:
            self.create_subscription(message_type, name, callback, profile, raw=True)

        if self._is_replay:
            PublisherWait(self, name, subscribe)
        else:
            subscribe()

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

    def _on_camera_info(self, message: CameraInfo, published_ns: int) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        self._tell_latency(self.frames.frame_published(stamp_ns, published_ns))

    def _on_emotions(self, message: FaceEmotionArray, published_ns: int) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        latency_ms = self.frames.result_received(stamp_ns, published_ns)
        faces = faces_from_message(message)
        record = frame_record(stamp_ns, message.image_width, message.image_height, faces)
        self._on_frame(record, faces)
        self._tell_latency(latency_ms)

    def _tell_latency(self, latency_ms: float | None) -> None:
        if latency_ms is not None:
            self._on_latency(latency_ms)


def event_line(event: ExpressionEvent) -> str:
    """An event that started or ended, as a line for people."""
    if event.kind == ExpressionEvent.STARTED:
        return f'#{event.track_id} starts to look {event.emotion}'
    seconds = event.duration.sec + event.duration.nanosec / NS_PER_S
    return f'#{event.track_id} looked {event.emotion} for {seconds:.1f} s'
