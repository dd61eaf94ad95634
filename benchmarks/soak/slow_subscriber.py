"""A behaviour that hangs: subscribes reliably to images and results, and never reads one.

Run as a process of its own, until it is interrupted. It prints a line when it has subscribed.
"""

import argparse
import signal
import sys

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

from emotion_bringup import qos
from emotion_bringup.parameter_tables import REPLAY
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.outputs.results import JsonLinesWriter
from emotion_perception.outputs.standard_output import STANDARD_OUTPUT


def main() -> int:
    """Subscribes and waits for SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--namespace', required=True)
    options = parser.parse_args()
    lines = JsonLinesWriter(STANDARD_OUTPUT)  # before a library may print
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node('hanging_behaviour')
    for kind, topic in ((Image, 'camera/image_raw'), (FaceEmotionArray, 'emotions')):
        # The queue is bounded, or it would fill this process's own memory.
        profile = qos.emotions(REPLAY)
        profile.depth = 5
        node.create_subscription(kind, f'{options.namespace}/{topic}', lambda _: None, profile)
    lines.write({'joined': 1})
    signal.sigwait([signal.SIGINT])
    node.destroy_node()
    rclpy.shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
