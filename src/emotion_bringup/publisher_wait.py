"""Waits for the publisher of a topic before its reader is made, so that the reader misses nothing.

A publisher and a reader find each other one after the other: a camera that waits for its readers
may know a reader, and publish, before the reader knows the camera, and then the reader drops the
first messages. A reader that is made where the publisher is known already is matched with it at
once, before the publisher hears of the reader.
"""

from collections.abc import Callable

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.timer import Timer

from emotion_bringup.callback_groups import forget_destroyed
from emotion_bringup.parameter_tables import WAIT_FOR_PUBLISHER
from emotion_bringup.parameters import value_of

# Far below the time that nodes need to find each other.
_POLL_S = 0.02


def waits_for_publisher(node: Node) -> bool:
    """Whether the parameters of a node ask for it."""
    name = WAIT_FOR_PUBLISHER.name
    return node.has_parameter(name) and bool(value_of(node, name))


class PublisherWait:
    """Calls a function once a topic has a publisher.

    Nobody needs to keep it: the node keeps its timer.
    """

    def __init__(self, node: Node, topic: str, then: Callable[[], None]) -> None:
        """Calls `then` at once where there is a publisher, and from the executor otherwise.

        Args:
            node: Looks for publishers.
            topic: Name as the node writes it; remappings apply.
            then: Called once.
        """
        self._node, self._then = node, then
        self._topic = node.resolve_topic_name(topic)
        self._timer: Timer | None = None
        if node.count_publishers(self._topic):
            then()
        else:
            clock = Clock(clock_type=ClockType.STEADY_TIME)
            self._timer = node.create_timer(_POLL_S, self._look, clock=clock)

    @property
    def is_waiting(self) -> bool:
        """Whether the function has still to be called."""
        return self._timer is not None

    def end(self) -> None:
        """Does not call it any more."""
        if self._timer is not None:
            self._node.destroy_timer(self._timer)
            self._timer = None
            forget_destroyed(self._node)

    def _look(self) -> None:
        if self._timer is not None and self._node.count_publishers(self._topic):
            self.end()
            self._then()
