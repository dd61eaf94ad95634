"""Adds expressions to faces that another package finds (REP-155): needs the package hri_msgs."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from hri_msgs.msg import IdsList
from rclpy.event_handler import QoSRequestedIncompatibleQoSInfo, SubscriptionEventCallbacks
from rclpy.exceptions import InvalidTopicNameException
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.validate_full_topic_name import validate_full_topic_name
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from emotion_bringup import diagnostics, qos
from emotion_bringup.callback_groups import forget_destroyed
from emotion_bringup.conversion import image_from_message, stamp_to_ns
from emotion_bringup.endings import EXIT_OK
from emotion_bringup.interop.crop_topics import CropTopics
from emotion_bringup.interop.humans import faces_topic
from emotion_bringup.interop.packages import require_messages
from emotion_bringup.interop.presence import NamedFaces
from emotion_bringup.networks import networks_of
from emotion_bringup.parameter_tables import EXPRESSION_PARAMETERS
from emotion_bringup.parameters import CheckedParameters, declare_parameters, value_of
from emotion_bringup.running import Stop
from emotion_bringup.statistics import StreamStatistics
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.face_crops import FaceCropReader
from emotion_perception.types import NS_PER_S, BgrImage

_WARN_PERIOD_S = 5.0


class ExpressionNode(CheckedParameters, Node):
    """Publishes /humans/faces/<id>/expression for the faces that somebody else tracks."""

    def __init__(self, stop: Stop) -> None:
        """Loads the networks and listens to who is tracked.

        Args:
            stop: Ends the process; not used, the node runs until it is stopped.

        Raises:
            EmotionPerceptionError: A parameter, the model or the installed hri_msgs is unusable.
        """
        super().__init__('expression_node')
        require_messages('hri_msgs', 'IdsList', 'Expression')
        declare_parameters(self, EXPRESSION_PARAMETERS)
        self.exit_code = EXIT_OK
        self._mode: str = value_of(self, 'mode')
        self._image: str = value_of(self, 'face_image')
        self._timeout_ns = round(value_of(self, 'image_timeout') * NS_PER_S)
        self._topic = self.resolve_topic_name(faces_topic(value_of(self, 'humans_topic')))
        detector, classifier, _ = networks_of(self)
        self._reader = FaceCropReader(detector, classifier)
        self._faces: NamedFaces[CropTopics] = NamedFaces(self._open_face, CropTopics.destroy)
        self._pending: list[tuple[CropTopics, Image]] = []
        self._arrived = self.create_guard_condition(self._read_pending)
        self._statistics = StreamStatistics()
        self._heard_ns = time.monotonic_ns()
        self._had_problem = False
        self._tracked: Any = None
        self._listen(qos.emotions(self._mode))
        self._diagnostics = diagnostics.DiagnosticsPublisher(self, 'expressions', self._report)
        self.get_logger().info(
            f'{classifier.manifest.name} on {classifier.provider}, detector {detector.name}, '
            f'faces from {self._topic} ({self._mode}).'
        )

    def close(self) -> None:
        """Frees the networks, whoever still holds the node."""
        del self._reader

    def _listen(self, profile: QoSProfile) -> None:
        events = SubscriptionEventCallbacks(incompatible_qos=self._fall_back)
        self._tracked = self.create_subscription(
            IdsList, f'{self._topic}/tracked', self._on_tracked, profile, event_callbacks=events
        )

    def _fall_back(self, _: QoSRequestedIncompatibleQoSInfo) -> None:
        """A detector may offer its ids best effort only."""
        self.destroy_subscription(self._tracked)
        forget_destroyed(self)
        self._listen(qos.image_fallback(self._mode))

    def _open_face(self, face_id: str) -> CropTopics:
        topic = f'{self._topic}/{face_id}'
        return CropTopics(self, topic, self._image, self._mode, self._on_crop)

    def _on_tracked(self, message: IdsList) -> None:
        self._faces.update(time.monotonic_ns(), self._usable(message.ids))

    def _usable(self, ids: Iterable[str]) -> Iterable[str]:
        for face_id in ids:
            try:
                validate_full_topic_name(f'{self._topic}/{face_id}/{self._image}')
            except InvalidTopicNameException:
                self._warn(
                    f'The face {face_id!r:.40} is left out: its id cannot be part of a topic in '
                    'ROS 2; use letters, digits and underscores, a letter first.'
                )
            else:
                yield face_id

    def _on_crop(self, face: CropTopics, message: Image, missed: int | None) -> None:
        """Waits for the images that are there already: together they cost less."""
        self._heard_ns = time.monotonic_ns()
        self._statistics.note_losses(missed)
        self._pending.append((face, message))
        self._arrived.trigger()

    def _read_pending(self) -> None:
        pending, self._pending = self._pending, []
        decoded = [crop for item in pending if (crop := self._decoded(*item))]
        try:
            rows = self._reader.read([image for _, _, image in decoded])
        except Exception as error:  # one bad image must never end a robot's perception
            self._leave_out(len(decoded), f'{type(error).__name__}: {error}')
            return
        smoothing: float = value_of(self, 'smoothing')
        for (face, header, _), row in zip(decoded, rows, strict=True):
            face.publish(header, row, self._now_ns(), smoothing)
            self._statistics.image_used()
            self._statistics.add(self._now_ns(), stamp_to_ns(header.stamp) or self._now_ns())

    def _decoded(
        self, face: CropTopics, message: Image
    ) -> tuple[CropTopics, Header, BgrImage] | None:
        if not face.is_listening:  # gone, or unwanted, since the image came
            return None
        try:
            return face, message.header, image_from_message(message)
        except EmotionPerceptionError as error:
            self._leave_out(1, f'{face.topic}: {error}')
            return None

    def _leave_out(self, count: int, cause: str) -> None:
        self._statistics.leave_out(cause, count)
        self._warn(f'Image of a face left out: {cause}')

    def _warn(self, sentence: str) -> None:
        self.get_logger().warning(sentence, throttle_duration_sec=_WARN_PERIOD_S)

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _report(self) -> diagnostics.Report:
        now_ns = time.monotonic_ns()
        if not self.count_publishers(f'{self._topic}/tracked'):
            self._faces.update(now_ns, ())
        self._faces.forget_gone(now_ns)
        values = diagnostics.stream_values(self._statistics, self._now_ns())
        faces = self._faces.kept
        watched = [face for face in faces if face.is_listening]
        problem = self._rivalry(faces) or self._silence(watched, now_ns)
        if problem and not self._had_problem:
            self.get_logger().warning(problem)
        self._had_problem = bool(problem)
        if problem:
            return diagnostics.WARN, problem, values
        summary = f'Faces tracked: {len(faces)}, listened to: {len(watched)}'
        return diagnostics.health(self._statistics, values, summary)

    def _rivalry(self, faces: Sequence[CropTopics]) -> str:
        """Says that an expression has two authors; empty when none has."""
        if not any(face.has_rival for face in faces):
            return ''
        return f'Another node publishes expressions below {self._topic} too: stop one of them.'

    def _silence(self, watched: Sequence[CropTopics], now_ns: int) -> str:
        """Says that nothing comes to look at; empty while all is well."""
        if not watched:
            self._heard_ns = now_ns
        waited_ns = now_ns - self._heard_ns
        if waited_ns < self._timeout_ns:
            return ''
        return (
            f'No image on {watched[0].topic} for {waited_ns / NS_PER_S:.0f} s: '
            'does the face detector publish it?'
        )
