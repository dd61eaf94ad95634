"""One face of another package under /humans/faces/<id>: needs the package hri_msgs."""

from collections.abc import Callable, Mapping
from typing import Any

from hri_msgs.msg import Expression
from rclpy.event_handler import (
    PublisherEventCallbacks,
    QoSRequestedIncompatibleQoSInfo,
    SubscriptionEventCallbacks,
)
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from emotion_bringup import qos
from emotion_bringup.callback_groups import forget_destroyed
from emotion_bringup.conversion import stamp_to_ns
from emotion_bringup.interop.humans import expression_message
from emotion_bringup.statistics import LossCounter
from emotion_perception.tracking.tracker import Probabilities, SmoothedProbabilities

OnCrop = Callable[['CropTopics', Image, int | None], None]
"""Called with a face, an image of it, and how many were lost before it; None where unknown."""


class CropTopics:
    """Listens to a face's image while its expression has a subscriber.

    The profiles cannot be overridden by parameters: every face would leave parameters behind.

    Attributes:
        topic: Name of the image's topic.
    """

    def __init__(self, node: Node, face_topic: str, image: str, mode: str, on_crop: OnCrop):
        """Creates the publisher.

        Args:
            node: Owns it.
            face_topic: Name above the face's topics, such as /humans/faces/f1.
            image: Which image to listen to: `cropped` or `aligned`.
            mode: `live` or `replay`.
            on_crop: Called with every image.
        """
        self.topic = f'{face_topic}/{image}'
        self._node = node
        self._mode = mode
        self._on_crop = on_crop
        self._emotion = SmoothedProbabilities()
        self._losses = LossCounter()
        self._subscription: Any = None
        self._expression: Any = node.create_publisher(
            Expression,
            f'{face_topic}/expression',
            qos.emotions(mode),
            event_callbacks=PublisherEventCallbacks(matched=lambda _: self._update_subscriptions()),
        )

    @property
    def is_listening(self) -> bool:
        """Whether somebody wants the expression."""
        return self._subscription is not None

    @property
    def has_rival(self) -> bool:
        """Whether somebody else publishes this face's expression too."""
        return self._node.count_publishers(self._expression.topic_name) > 1

    def publish(
        self, header: Header, current: Probabilities, now_ns: int, time_constant_s: float
    ) -> None:
        """Publishes the expression of one image.

        Args:
            header: The image's, passed on unchanged.
            current: float32 [7], of this image alone.
            now_ns: Time in nanoseconds, for an image without a stamp.
            time_constant_s: Of the smoothing, in seconds; 0 is off.
        """
        stamp_ns = stamp_to_ns(header.stamp) or now_ns
        smoothed = self._emotion.update(current, stamp_ns, time_constant_s)
        self._expression.publish(expression_message(header, smoothed))

    def destroy(self) -> None:
        """Ends both topics and leaves nothing of them behind."""
        self._stop()
        self._node.destroy_publisher(self._expression)
        # The publisher's events hold this object: without the way back both are freed at once.
        self._expression = None
        forget_destroyed(self._node)

    def _update_subscriptions(self) -> None:
        if self._expression is None:  # an event that was on its way when the face ended
            return
        wanted = self._expression.get_subscription_count() > 0
        if wanted and not self.is_listening:
            self._listen(qos.image_in(self._mode))
        elif not wanted:
            self._stop()

    def _listen(self, profile: QoSProfile) -> None:
        self._losses = losses = LossCounter()
        receive: Callable[..., None] = self._receive  # with message info, which few types tell
        self._subscription = self._node.create_subscription(
            Image,
            self.topic,
            receive,
            profile,
            event_callbacks=SubscriptionEventCallbacks(
                incompatible_qos=self._fall_back, matched=lambda _: losses.publishers_changed()
            ),
        )

    def _receive(self, message: Image, info: Mapping[str, Any]) -> None:
        publishers = self._subscription.get_publisher_count()
        self._on_crop(self, message, self._losses.missed(info, publishers))

    def _fall_back(self, _: QoSRequestedIncompatibleQoSInfo) -> None:
        """Best effort is better than silence."""
        if self.is_listening:
            self._stop()
            self._listen(qos.image_fallback(self._mode))

    def _stop(self) -> None:
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None
            forget_destroyed(self._node)
