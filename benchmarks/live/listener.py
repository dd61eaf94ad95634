"""A robot behaviour that only listens: notes when every result arrives.

Run as a process of its own. It prints a line when it listens and one at the first result of every
topic, and writes all arrivals as JSON when it is interrupted.
"""

import argparse
import json
import signal
import sys
import time
from pathlib import Path

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from emotion_bringup import qos
from emotion_bringup.conversion import stamp_to_ns
from emotion_bringup.parameter_tables import LIVE
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.outputs.results import JsonLinesWriter
from emotion_perception.outputs.standard_output import STANDARD_OUTPUT

_POLL_S = 0.1


def main() -> int:
    """Listens until SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--topics', nargs='+', required=True)
    parser.add_argument('--output', type=Path, required=True)
    options = parser.parse_args()
    lines = JsonLinesWriter(STANDARD_OUTPUT)  # before a library may print
    stopped: list[int] = []
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
    node = Node('emotion_listener')
    arrivals: dict[str, list[tuple[str, int, int, int]]] = {topic: [] for topic in options.topics}

    def listen(topic: str) -> None:
        def receive(message: FaceEmotionArray) -> None:
            now_ns = time.time_ns()
            header = message.header
            if not arrivals[topic]:
                lines.write({'first': topic, 'arrived_ns': now_ns})
            arrivals[topic].append(
                (header.frame_id, stamp_to_ns(header.stamp), now_ns, len(message.faces))
            )

        node.create_subscription(FaceEmotionArray, topic, receive, qos.emotions(LIVE))

    for topic in options.topics:
        listen(topic)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    lines.write({'listening': True})
    while not stopped:
        executor.spin_once(timeout_sec=_POLL_S)
    options.output.write_text(json.dumps(arrivals), encoding='utf-8')
    node.destroy_node()
    rclpy.shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
