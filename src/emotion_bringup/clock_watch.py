"""Notices a simulated clock that never starts or stands still, and says what usually helps."""

import time
from collections.abc import Callable

from rclpy.node import Node

from emotion_perception.types import NS_PER_S

# A simulator or a bag may be started after the nodes.
_TIMEOUT_S = 5.0


class ClockWatch:
    """Warns once while `use_sim_time` is true and no time comes, and says when it has come."""

    def __init__(self, node: Node, steady: Callable[[], float] = time.monotonic) -> None:
        """Starts counting now.

        Args:
            node: Node whose clock, logger and graph are used.
            steady: Seconds, counting up whatever the node's clock does.
        """
        self._node = node
        self._steady = steady
        self._changed_s = steady()
        self._last_ns = 0
        self._is_warned = False

    def problem(self) -> str:
        """Why there is no time, or that it stands still; empty while it goes on."""
        now_ns = self._node.get_clock().now().nanoseconds
        if now_ns != self._last_ns:
            self._last_ns, self._changed_s = now_ns, self._steady()
            self._tell_of_the_time()
            return ''
        waited_s = self._steady() - self._changed_s
        # Only a simulated clock says zero, until its first message, or the same twice.
        if now_ns and waited_s < _TIMEOUT_S:
            return ''
        problem = f'use_sim_time is true, but {self._cause(now_ns)}'
        if not self._is_warned and waited_s >= _TIMEOUT_S:
            self._is_warned = True
            self._node.get_logger().warning(f'{problem}: {_CURE}')
        return problem

    def _tell_of_the_time(self) -> None:
        if self._is_warned:
            self._is_warned = False
            self._node.get_logger().info('The time of /clock has come.')

    def _cause(self, now_ns: int) -> str:
        if not self._node.count_publishers('/clock'):
            return 'nothing publishes /clock'
        if now_ns:
            return f'the time of /clock stands still at {now_ns / NS_PER_S:.3f} s'
        return 'no time comes on /clock'


_CURE = (
    'start or unpause the simulator, play the bag with --clock, or set use_sim_time to false. '
    'Until then stamps are those of the images, or zero.'
)
