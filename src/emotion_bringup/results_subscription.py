"""The subscription to results that several nodes have."""

from collections.abc import Callable
from typing import Any

from rclpy.node import Node

from emotion_bringup import qos
from emotion_bringup.graph import EMOTIONS
from emotion_bringup.on_demand_subscription import OnDemandSubscription
from emotion_bringup.parameters import value_of
from emotion_msgs.msg import FaceEmotionArray


class ResultsSubscription(OnDemandSubscription):
    """Listens to `emotions` on demand, in the mode of the node's parameters."""

    def __init__(self, node: Node, callback: Callable[[FaceEmotionArray], Any]) -> None:
        """Stores the callback; `start` subscribes.

        Args:
            node: Has the parameter `mode`, and may have `wait_for_publisher`.
            callback: Gets every message.
        """
        super().__init__(node, EMOTIONS)
        self._callback = callback

    def _subscribe(self) -> None:
        self.subscription = self._node.create_subscription(
            FaceEmotionArray,
            EMOTIONS,
            self._callback,
            qos.emotions(value_of(self._node, 'mode')),
            qos_overriding_options=qos.overridable(),
        )
