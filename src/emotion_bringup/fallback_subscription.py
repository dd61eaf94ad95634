"""A subscription that listens best effort where a publisher offers no more: better than silence."""

from collections.abc import Callable
from typing import Any

from rclpy.event_handler import QoSRequestedIncompatibleQoSInfo, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

from emotion_bringup import qos
from emotion_bringup.callback_groups import forget_destroyed
from emotion_bringup.publisher_wait import PublisherWait


class FallbackSubscription:
    """Listens to one topic on demand."""

    def __init__(
        self,
        node: Node,
        message_type: Any,
        topic: str,
        callback: Callable[..., None],
        profiles: tuple[QoSProfile, QoSProfile],
        on_fallback: Callable[[], None] = lambda: None,
        on_publishers: Callable[[], None] = lambda: None,
        *,
        waits_for_publisher: bool = False,
    ) -> None:
        """Stores what to subscribe to; `start` does.

        Args:
            node: Subscribes.
            message_type: Of the topic.
            topic: Full name.
            callback: Gets every message, and its message info if it takes two arguments.
            profiles: The one that is asked for, which `qos_overrides.*` parameters may change, and
                the one where a publisher does not offer that.
            on_fallback: Called when a publisher does not offer the reliability asked for.
            on_publishers: Called when a publisher has come or gone.
            waits_for_publisher: Whether to subscribe only once there is one: its first messages
                are not missed where it waits for its readers.
        """
        self._node = node
        self._type = message_type
        self._topic = topic
        self._callback = callback
        self._profile, self._fallback = profiles
        self._on_fallback = on_fallback
        self._on_publishers = on_publishers
        self._waits_for_publisher = waits_for_publisher
        self._wait: PublisherWait | None = None
        self.subscription: Subscription | None = None

    @property
    def is_listening(self) -> bool:
        """Whether there is a subscription, or will be one as soon as there is a publisher."""
        return self.subscription is not None or self._wait is not None

    @property
    def publishers(self) -> int:
        """How many publishers are connected; 0 without a subscription."""
        return self.subscription.get_publisher_count() if self.subscription is not None else 0

    def start(self) -> None:
        """Subscribes."""
        if self._waits_for_publisher:
            self._wait = PublisherWait(self._node, self._topic, self._subscribe_as_asked)
        else:
            self._subscribe_as_asked()

    def stop(self) -> None:
        """Ends the subscription; without one it does nothing."""
        if self._wait is not None:
            self._wait.end()
            self._wait = None
        if self.subscription is not None:
            self._node.destroy_subscription(self.subscription)
            self.subscription = None
            forget_destroyed(self._node)

    def _subscribe_as_asked(self) -> None:
        self._subscribe(self._profile, qos.overridable())

    def _subscribe(self, profile: QoSProfile, override: QoSOverridingOptions | None) -> None:
        self.subscription = self._node.create_subscription(
            self._type,
            self._topic,
            self._callback,
            profile,
            event_callbacks=SubscriptionEventCallbacks(
                incompatible_qos=self._fall_back, matched=lambda _: self._on_publishers()
            ),
            qos_overriding_options=override,
        )

    def _fall_back(self, event: QoSRequestedIncompatibleQoSInfo) -> None:
        if self.subscription is None:
            return
        self._on_fallback()
        self.stop()
        # Without overrides: their parameters hold the profile of the first subscription.
        self._subscribe(self._fallback, None)
