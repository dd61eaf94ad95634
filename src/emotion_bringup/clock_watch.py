"""Notices a simulated clock that never starts, and says what usually helps."""

import time
from collections.abc import Callable

from rclpy.node import Node

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
        self._start_s = steady()
        self._is_warned = False

    def problem(self) -> str:
        """Why there is no time; empty while there is one."""
        # Only a simulated clock says zero, until its first message.
        if self._node.get_clock().now().nanoseconds:
            self._tell_of_the_start()
            return ''
        problem = f'use_sim_time is true, but {self._cause()}'
        if not self._is_warned and self._steady() - self._start_s >= _TIMEOUT_S:
            self._is_warned = True
            self._node.get_logger().warning(f'{problem}: {_CURE}')
        return problem

    def _tell_of_the_start(self) -> None:
        if self._is_warned:
            self._is_warned = False
            self._node.get_logger().info('The time of /clock has come.')

    def _cause(self) -> str:
        if self._node.count_publishers('/clock'):
            return 'no time comes on /clock'
        return 'nothing publishes /clock'


_CURE = (
    'start or unpause the simulator, play the bag with --clock, or set use_sim_time to false. '
    'Until then stamps are zero or those of the images.'
)
