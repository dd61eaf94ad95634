"""A subscription that comes and goes, and may wait for its publisher."""

from abc import ABC, abstractmethod

from rclpy.node import Node
from rclpy.subscription import Subscription

from emotion_bringup.callback_groups import forget_destroyed
from emotion_bringup.publisher_wait import PublisherWait, waits_for_publisher


class OnDemandSubscription(ABC):
    """Listens to one topic between `start` and `stop`."""

    def __init__(self, node: Node, topic: str) -> None:
        """Stores what to subscribe to.

        Args:
            node: Subscribes; if its parameter `wait_for_publisher` is set, only once there is one.
            topic: Name as the node writes it; remappings apply.
        """
        self._node, self._topic = node, topic
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
        if waits_for_publisher(self._node):
            self._wait = PublisherWait(self._node, self._topic, self._subscribe)
        else:
            self._subscribe()

    def stop(self) -> None:
        """Ends the subscription; without one it does nothing."""
        if self._wait is not None:
            self._wait.end()
            self._wait = None
        if self.subscription is not None:
            self._node.destroy_subscription(self.subscription)
            self.subscription = None
            forget_destroyed(self._node)

    @abstractmethod
    def _subscribe(self) -> None:
        """Sets `subscription`."""
