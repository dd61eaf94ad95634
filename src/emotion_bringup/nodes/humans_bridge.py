"""Passes faces on as REP-155 (ROS4HRI) has them: needs the package hri_msgs."""

import math
import time
from collections.abc import Iterator

from hri_msgs.msg import Gaze, IdsList
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from emotion_bringup import diagnostics, qos
from emotion_bringup.callback_groups import forget_destroyed
from emotion_bringup.conversion import faces_from_message, image_from_message, stamp_to_ns
from emotion_bringup.endings import EXIT_OK
from emotion_bringup.graph import EMOTIONS
from emotion_bringup.image_subscription import ImageMessage
from emotion_bringup.interop.face_topics import FaceTopics
from emotion_bringup.interop.humans import faces_topic, gaze_message, gazing_topic, ids_message
from emotion_bringup.interop.packages import require_messages
from emotion_bringup.interop.presence import FaceRegistry
from emotion_bringup.paired_images import PairedImages
from emotion_bringup.parameter_tables import HUMANS_PARAMETERS
from emotion_bringup.parameters import CheckedParameters, declare_parameters, value_of
from emotion_bringup.running import Stop
from emotion_bringup.statistics import StreamStatistics
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.errors import EmotionPerceptionError, ImageFormatError
from emotion_perception.heads.networks import HeadNetworks
from emotion_perception.types import NS_PER_S, BgrImage, Face

_WARN_PERIOD_S = 5.0


class HumansBridgeNode(CheckedParameters, Node):
    """Publishes /humans/faces while somebody listens to it."""

    def __init__(self, stop: Stop) -> None:
        """Declares parameters and listens as soon as somebody wants to know.

        Args:
            stop: Ends the process; not used, the node runs until it is stopped.

        Raises:
            EmotionPerceptionError: A parameter or the installed hri_msgs is unusable.
        """
        super().__init__('humans_bridge')
        require_messages(
            'hri_msgs', 'IdsList', 'Expression', 'FacialLandmarks', 'Gaze', 'EngagementLevel'
        )
        declare_parameters(self, HUMANS_PARAMETERS)
        self.exit_code = EXIT_OK
        self._mode: str = value_of(self, 'mode')
        self._size: tuple[int, int] = (value_of(self, 'face_width'), value_of(self, 'face_height'))
        # Their files are read when they are needed first.
        self._networks = HeadNetworks() if value_of(self, 'all_landmarks') else None
        self._timeout_ns = round(value_of(self, 'emotions_timeout') * NS_PER_S)
        self._topic = faces_topic(value_of(self, 'humans_topic'))
        self._faces: FaceRegistry[FaceTopics] = FaceRegistry(self._open_face, self._close_face)
        self._statistics = StreamStatistics()
        self._image = Image()
        self._header = Header()
        self._heard_ns = 0
        self._input = PairedImages(self, self._on_pair, self._on_emotions)
        self._tracked = self._offer(IdsList, f'{self._topic}/tracked')
        self._gazing = self._offer(Gaze, gazing_topic(value_of(self, 'humans_topic')))
        self._diagnostics = diagnostics.DiagnosticsPublisher(self, 'humans', self._report)
        self._update_subscriptions()

    def close(self) -> None:
        """Tells listeners that nobody is tracked any more."""
        self._forget_faces()

    def _offer(self, message_type: type, topic: str) -> Publisher:
        return self.create_publisher(
            message_type,
            topic,
            qos.emotions(self._mode),
            event_callbacks=PublisherEventCallbacks(matched=lambda _: self._update_subscriptions()),
            qos_overriding_options=qos.overridable(),
        )

    def _open_face(self, face_id: str) -> FaceTopics:
        return FaceTopics(self, self._topic, face_id, self._networks)

    def _close_face(self, topics: FaceTopics) -> None:
        topics.destroy()
        forget_destroyed(self)

    def _update_subscriptions(self) -> None:
        """Listens to results while anything is subscribed to, to images while images are."""
        faces = self._faces.kept
        topics = (self._tracked, self._gazing)
        wanted = any(one.get_subscription_count() for one in topics)
        wanted = wanted or any(one.is_watched for one in faces)
        if wanted and not self._input.is_listening:
            self._heard_ns = time.monotonic_ns()
        images = any(one.wants_images for one in faces)
        self._input.listen(results=wanted, images=images)
        if not wanted:
            self._faces.clear()

    def _on_emotions(self, message: FaceEmotionArray) -> None:
        self._heard_ns = time.monotonic_ns()
        self._header = message.header
        stamp_ns = self._stamp_of(message)
        # First the publishers, then the news: who hears of a face finds its topics.
        self._faces.update(stamp_ns, (face.track_id for face in message.faces))
        self._tracked.publish(ids_message(message.header, self._faces.ids))
        self._publish_results(message)
        self._statistics.add(self._now_ns(), stamp_ns)
        self._update_subscriptions()

    def _publish_results(self, message: FaceEmotionArray) -> None:
        width, height = message.image_width, message.image_height
        if not width or not height:
            self._warn('Results on emotions have no image size: regions are left out.')
            return
        stamp_ns = self._stamp_of(message)
        for face, topics in self._topics_of(message):
            looking = math.nan if face.head is None else face.head.looking_at_camera
            topics.engagement.update(looking, stamp_ns)
            topics.publish_results(message.header, face, width, height)
            if topics.engagement.looks and self._gazing.get_subscription_count():
                self._gazing.publish(gaze_message(message.header, topics.face_id))

    def _on_pair(self, message: ImageMessage, emotions: FaceEmotionArray) -> None:
        watched = [
            (face, topics) for face, topics in self._topics_of(emotions) if topics.wants_images
        ]
        if not watched:
            return
        try:
            image = _image_of(emotions, message)
            for face, topics in watched:
                topics.publish_images(self._image, image, emotions.header, face, self._size)
        except EmotionPerceptionError as error:
            self._statistics.leave_out(str(error))
            self._warn(f'Images left out: {error}')
            return
        self._statistics.image_used()

    def _topics_of(self, message: FaceEmotionArray) -> Iterator[tuple[Face, FaceTopics]]:
        """The faces of a result with the topics that are kept for them."""
        stamp_ns = self._stamp_of(message)
        for face in faces_from_message(message):
            topics = self._faces.find(face.track_id, stamp_ns)
            if topics is not None:
                yield face, topics

    def _forget_faces(self) -> None:
        """Nobody processes images any more: no face is known to be there."""
        if self._faces.ids and self.context.ok():
            header = Header(stamp=self.get_clock().now().to_msg(), frame_id=self._header.frame_id)
            self._tracked.publish(ids_message(header, []))
        self._faces.reset()

    def _is_silent(self) -> bool:
        waited_ns = time.monotonic_ns() - self._heard_ns
        topic = self.resolve_topic_name(EMOTIONS)
        return waited_ns > self._timeout_ns or not self.count_publishers(topic)

    def _warn(self, sentence: str) -> None:
        self.get_logger().warning(sentence, throttle_duration_sec=_WARN_PERIOD_S)

    def _stamp_of(self, message: FaceEmotionArray) -> int:
        """The stamp in nanoseconds; where the camera gives none, the time now."""
        return stamp_to_ns(message.header.stamp) or self._now_ns()

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def _report(self) -> diagnostics.Report:
        self._update_subscriptions()
        self._input.forget_unmatched()
        self._statistics.dropped = self._input.dropped
        values = diagnostics.stream_values(self._statistics, self._now_ns())
        if not self._input.is_listening:
            return diagnostics.OK, 'Idle: nobody listens', values
        if self._is_silent():
            self._forget_faces()
            return diagnostics.WARN, 'No results on emotions: is the emotion node running?', values
        return diagnostics.health(
            self._statistics, values, f'Faces in view: {len(self._faces.ids)}'
        )


def _image_of(emotions: FaceEmotionArray, message: ImageMessage) -> BgrImage:
    """Decodes the image that a result belongs to.

    Raises:
        ImageFormatError: It is damaged, or of another size than the result says.
    """
    image = image_from_message(message)
    height, width = image.shape[:2]
    if (width, height) != (emotions.image_width, emotions.image_height):
        raise ImageFormatError(
            f'the image has {width}x{height} pixels, its results are for '
            f'{emotions.image_width}x{emotions.image_height}: remap `image` to what the emotion '
            'node listens to.'
        )
    return image
