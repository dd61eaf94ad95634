"""A camera that costs next to nothing: publishes prepared frames at exact times.

Run as a process of its own. It takes the place of a camera driver, so that the figures are those of
the emotion node. The header's frame_id names the segment, and results carry it unchanged.
"""

import argparse
import array
import itertools
import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
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

_POLL_S = 0.02
_WAIT_S = 60.0
_LINGER_S = 1.0


def main() -> int:
    """Publishes all segments, prints how many frames each had, and ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--frames', type=Path, required=True, help='.npy, uint8 [n, h, w, 3], BGR')
    parser.add_argument('--topic', required=True)
    parser.add_argument(
        '--segments', required=True, help='JSON: [[name, rate in Hz, seconds], ...]'
    )
    parser.add_argument('--subscribers', type=int, default=1, help='to wait for; 0 waits for none')
    parser.add_argument(
        '--start', type=float, default=0.0, help='earliest time of the first frame, monotonic clock'
    )
    options = parser.parse_args()
    lines = JsonLinesWriter(STANDARD_OUTPUT)  # before a library may print
    # Nothing is lost when it ends at once, and a traceback would only alarm.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node('frame_publisher')
    publisher = node.create_publisher(Image, options.topic, qos.image_out(LIVE))
    messages = [_message(frame) for frame in np.load(options.frames, mmap_mode='r')]
    deadline = time.monotonic() + _WAIT_S
    while publisher.get_subscription_count() < options.subscribers:
        if time.monotonic() > deadline:
            return 1
        time.sleep(_POLL_S)
    time.sleep(max(options.start - time.monotonic(), 0))
    counts: dict[str, int] = {}
    # The clip goes on from segment to segment: a cut would have every camera search anew.
    frames = itertools.cycle(messages)
    for name, rate, seconds in json.loads(options.segments):
        counts[name] = _publish(publisher, frames, name, rate, seconds)
    lines.write(counts)
    # A camera goes on: an image whose publisher ends at once may never arrive.
    time.sleep(_LINGER_S)
    node.destroy_node()
    rclpy.shutdown()
    return 0


def _message(frame: npt.NDArray[np.uint8]) -> Image:
    height, width = frame.shape[:2]
    return Image(
        height=height,
        width=width,
        encoding='bgr8',
        step=3 * width,
        data=array.array('B', frame.tobytes()),
    )


def _publish(
    publisher: Any, frames: Iterator[Image], name: str, rate: float, seconds: float
) -> int:
    count = round(rate * seconds)
    start = time.monotonic()
    for index in range(count):
        pause = start + index / rate - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        message = next(frames)
        message.header = Header(stamp=ns_to_stamp(time.time_ns()), frame_id=name)
        publisher.publish(message)
    return count


if __name__ == '__main__':
    sys.exit(main())
