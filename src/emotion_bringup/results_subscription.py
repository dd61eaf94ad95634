"""The subscription to results that several nodes have."""

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.subscription import Subscription

from emotion_bringup import qos
from emotion_bringup.callback_groups import forget_destroyed
from emotion_bringup.graph import EMOTIONS
from emotion_bringup.parameters import value_of
from emotion_bringup.publisher_wait import PublisherWait, waits_for_publisher
from emotion_msgs.msg import FaceEmotionArray


class ResultsSubscription:
    """Listens to `emotions` on demand, in the mode of the node's parameters."""

    def __init__(self, node: Node, callback: Callable[[FaceEmotionArray], Any]) -> None:
        """Stores the callback; `start` subscribes.

        Args:
            node: Has the parameter `mode`, and may have `wait_for_publisher`.
            callback: Gets every message.
        """
        self._node, self._callback = node, callback
        self._wait: PublisherWait | None = None
        self._subscription: Subscription | None = None

    @property
    def is_listening(self) -> bool:
        """Whether there is a subscription, or will be one as soon as there is a publisher."""
        return self._subscription is not None or self._wait is not None

    @property
    def publishers(self) -> int:
        """How many publishers are connected; 0 without a subscription."""
        return self._subscription.get_publisher_count() if self._subscription is not None else 0

    def start(self) -> None:
        """Subscribes."""
        if waits_for_publisher(self._node):
            self._wait = PublisherWait(self._node, EMOTIONS, self._subscribe)
        else:
            self._subscribe()

    def stop(self) -> None:
        """Ends the subscription; without one it does nothing."""
        if self._wait is not None:
            self._wait.end()
            self._wait = None
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None
            forget_destroyed(self._node)

    def _subscribe(self) -> None:
        self._subscription = self._node.create_subscription(
            FaceEmotionArray,
            EMOTIONS,
            self._callback,
            qos.emotions(value_of(self._node, 'mode')),
            qos_overriding_options=qos.overridable(),
        )
