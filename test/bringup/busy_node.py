"""Runs one callback after the other and prints the allocated memory blocks around many of them."""

import json
import sys

from rclpy.node import Node

from emotion_bringup.running import run_nodes

WARM_UP = 300


class BusyNode(Node):
    """Wakes itself."""

    def __init__(self, stop):
        super().__init__('busy_node')
        self._left = WARM_UP + int(sys.argv[1])
        self._blocks = {}
        self._stop = stop
        self._condition = self.create_guard_condition(self._work)
        self._condition.trigger()

    def _work(self):
        self._left -= 1
        if self._left == int(sys.argv[1]):
            self._blocks['start'] = sys.getallocatedblocks()
        if self._left:
            self._condition.trigger()
        else:
            self._blocks['end'] = sys.getallocatedblocks()
            self._stop()

    def close(self):
        print(json.dumps(self._blocks), flush=True)


if __name__ == '__main__':
    sys.exit(run_nodes([BusyNode], args=[]))
