"""Publishing where nothing may be lost: a subscriber that is behind is waited for, not for ever."""

import time
from typing import Any

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node

from emotion_perception.errors import OutputError

_TIMEOUT_S = 10.0


class BlockingPublisher:
    """Publishes on topics that keep all; only there a full queue makes `publish` fail."""

    def __init__(self, node: Node) -> None:
        """Stores the node.

        Args:
            node: Whose logger is used.
        """
        self._node = node
        self._told = self._given_up = False

    def publish(self, publisher: Any, message: Any) -> None:
        """Publishes; where a queue is full it tries on, each time for the middleware's 100 ms.

        Raises:
            OutputError: A subscriber has read nothing for 10 s. From then on it is not waited for
                until it reads again.
        """
        deadline_s = time.monotonic() + (0.0 if self._given_up else _TIMEOUT_S)
        while True:
            try:
                publisher.publish(message)
                self._given_up = False
                return
            except rclpy_implementation.RCLError as error:
                self._tell(publisher.topic_name)
                if time.monotonic() > deadline_s:
                    self._given_up = True
                    raise OutputError(
                        f'A subscriber of {publisher.topic_name} has read nothing for '
                        f'{_TIMEOUT_S:g} s, so the result is lost: end it or make it quicker.'
                    ) from error

    def _tell(self, topic: str) -> None:
        if not self._told:
            self._told = True
            self._node.get_logger().warning(
                f'A subscriber of {topic} does not keep up and its queue is full: waiting for it.'
            )
