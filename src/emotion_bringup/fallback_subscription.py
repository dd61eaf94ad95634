"""A subscription that listens best effort where a publisher offers no more: better than silence."""

from collections.abc import Callable
from typing import Any

from rclpy.event_handler import QoSRequestedIncompatibleQoSInfo, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.qos_overriding_options import QoSOverridingOptions

from emotion_bringup import qos
from emotion_bringup.on_demand_subscription import OnDemandSubscription


class FallbackSubscription(OnDemandSubscription):
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
    ) -> None:
        """Stores what to subscribe to; `start` does.

        Args:
            node: Subscribes; may have the parameter `wait_for_publisher`.
            message_type: Of the topic.
            topic: Full name.
            callback: Gets every message, and its message info if it takes two arguments.
            profiles: The one that is asked for, which `qos_overrides.*` parameters may change, and
                the one where a publisher does not offer that.
            on_fallback: Called when a publisher does not offer the reliability asked for.
            on_publishers: Called when a publisher has come or gone.
        """
        super().__init__(node, topic)
        self._type = message_type
        self._callback = callback
        self._profile, self._fallback = profiles
        self._on_fallback = on_fallback
        self._on_publishers = on_publishers

    def _subscribe(self) -> None:
        self._subscribe_with(self._profile, qos.overridable())

    def _subscribe_with(self, profile: QoSProfile, override: QoSOverridingOptions | None) -> None:
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
        self._subscribe_with(self._fallback, None)
