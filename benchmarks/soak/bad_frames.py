"""A camera driver gone wrong: publishes images that cannot be read.

Run as a process of its own. It prints how many it has sent, and ends.
"""

import argparse
import itertools
import signal
import sys
import time

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from emotion_bringup import qos
from emotion_bringup.conversion import ns_to_stamp
from emotion_bringup.parameter_tables import LIVE
from emotion_perception.outputs.results import JsonLinesWriter
from emotion_perception.outputs.standard_output import STANDARD_OUTPUT

_WAIT_S = 30.0
_POLL_S = 0.02
_RATE = 20.0


def bad_images() -> list[Image]:
    """Images of which no pixel can be trusted: what cameras and bad drivers really send."""
    return [
        Image(),
        Image(height=480, width=640, encoding='bgr8', step=1920, data=bytes(1000)),
        Image(height=480, width=640, encoding='bgr9', step=1920, data=bytes(100)),
        Image(height=2**31, width=2**31, encoding='mono8', step=2**31, data=bytes(8)),
        Image(height=2, width=64, encoding='rgb8', step=3, data=bytes(6)),
        Image(height=4, width=4, encoding='32FC1', step=16, data=b'\xff' * 63),
        Image(height=3, width=3, encoding='yuv422', step=6, data=bytes(18)),
        Image(height=0, width=640, encoding='bgr8', step=1920),
    ]


def main() -> int:
    """Publishes a burst, prints the number of images, and ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--topic', required=True)
    parser.add_argument('--seconds', type=float, required=True)
    options = parser.parse_args()
    lines = JsonLinesWriter(STANDARD_OUTPUT)  # before a library may print
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node('bad_camera')
    publisher = node.create_publisher(Image, options.topic, qos.image_out(LIVE))
    deadline = time.monotonic() + _WAIT_S
    while not publisher.get_subscription_count() and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    images = itertools.cycle(bad_images())
    count = round(options.seconds * _RATE)
    for _ in range(count):
        message = next(images)
        message.header = Header(stamp=ns_to_stamp(time.time_ns()), frame_id='bad')
        publisher.publish(message)
        time.sleep(1 / _RATE)
    lines.write({'sent': count})
    node.destroy_node()
    rclpy.shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
