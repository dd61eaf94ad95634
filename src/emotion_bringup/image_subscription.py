"""The subscription to images that the emotion node and the overlay node share."""

from collections.abc import Callable
from typing import Any

from rclpy.event_handler import QoSRequestedIncompatibleQoSInfo, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage, Image

from emotion_bringup import qos
from emotion_bringup.callback_groups import forget_destroyed
from emotion_bringup.parameter_tables import COMPRESSED
from emotion_bringup.parameters import value_of

ImageMessage = Image | CompressedImage

# As image_transport has it: the compressed form of an image topic, below it.
_TWIN = f'/{COMPRESSED}'


def is_compressed(topic: str) -> bool:
    """Whether a topic is the compressed form of an image topic."""
    return topic.endswith(_TWIN)


def transported(topic: str, transport: str) -> str:
    """The topic that is subscribed to.

    Args:
        topic: Full name of the image topic; one that is itself compressed says more than
            the transport does.
        transport: `raw` or `compressed`.
    """
    return f'{topic}{_TWIN}' if transport == COMPRESSED and not is_compressed(topic) else topic


class ImageSubscription:
    """Listens to the topic `image` on demand, in the transport and mode of the node's parameters.

    A bag may offer its images best effort only: listening so is better than silence.
    """

    def __init__(
        self,
        node: Node,
        callback: Callable[..., None],
        on_fallback: Callable[[], None] = lambda: None,
        on_publishers: Callable[[], None] = lambda: None,
    ) -> None:
        """Stores the callbacks; the subscriptions are made on demand.

        Args:
            node: Has the parameters `mode` and `image_transport`.
            callback: Gets every message, and its message info if it takes two arguments.
            on_fallback: Called when a publisher does not offer the reliability asked for.
            on_publishers: Called when a publisher has come or gone.
        """
        self._node = node
        self._callback = callback
        self._on_fallback = on_fallback
        self._on_publishers = on_publishers
        self._mode: str = value_of(node, 'mode')
        transport: str = value_of(node, 'image_transport')
        self.topic = transported(node.resolve_topic_name('image'), transport)
        self._type: Any = CompressedImage if is_compressed(self.topic) else Image
        self._subscription: Subscription | None = None

    @property
    def is_listening(self) -> bool:
        """Whether there is a subscription."""
        return self._subscription is not None

    @property
    def type_name(self) -> str:
        """Its message type as ROS writes it, such as sensor_msgs/msg/Image."""
        return f'sensor_msgs/msg/{self._type.__name__}'

    @property
    def publishers(self) -> int:
        """How many publishers are connected; 0 without a subscription."""
        return self._subscription.get_publisher_count() if self._subscription is not None else 0

    def start(self) -> None:
        """Subscribes."""
        self._subscribe(qos.image_in(self._mode), qos.overridable())

    def stop(self) -> None:
        """Ends the subscription; without one it does nothing."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None
            forget_destroyed(self._node)

    def _subscribe(self, profile: QoSProfile, override: QoSOverridingOptions | None) -> None:
        self._subscription = self._node.create_subscription(
            self._type,
            self.topic,
            self._callback,
            profile,
            event_callbacks=SubscriptionEventCallbacks(
                incompatible_qos=self._fall_back, matched=lambda _: self._on_publishers()
            ),
            qos_overriding_options=override,
        )

    def _fall_back(self, event: QoSRequestedIncompatibleQoSInfo) -> None:
        if self._subscription is None:
            return
        self._on_fallback()
        self.stop()
        # Without overrides: their parameters hold the profile of the first subscription.
        self._subscribe(qos.image_fallback(self._mode), None)
