"""Writes down what the nodes say of every frame.

Run as a process of its own. One line of CSV for every message: `i` camera_info (number, stamp), `a`
a result (life, number, stamp, faces), `p` an image of the overlay (stamp), `d` a report of the
emotion node (life, frames, dropped, uncounted, bad). A number is the middleware's own count of the
messages of a publisher, so that a message that is lost on the way to the recorder is missed. A life
is one process of the node, counted from 1: its publishers number their messages from 1 again.

It prints its counts as a line of JSON once a second, until it is interrupted.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, CompressedImage

from benchmarks.soak.life_counter import LifeCounter
from emotion_bringup.conversion import stamp_to_ns
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.outputs.results import JsonLinesWriter
from emotion_perception.outputs.standard_output import STANDARD_OUTPUT

_PERIOD_S = 1.0
_POLL_S = 0.1
_COUNTS = ('frames', 'dropped frames', 'uncounted frames', 'bad frames')
# A recorder that falls behind on a busy machine must not miss anything.
_ALL = QoSProfile(reliability=ReliabilityPolicy.RELIABLE, history=HistoryPolicy.KEEP_ALL, depth=1)


class Recorder(Node):
    """Subscribes to everything but the images themselves."""

    def __init__(self, namespace: str, output: TextIO, lines: JsonLinesWriter) -> None:
        """Subscribes to all that it counts.

        Args:
            namespace: Namespace of the emotion node and the overlay.
            output: Where the lines of CSV go.
            lines: Where the counts go.
        """
        super().__init__('soak_recorder')
        self._output = output
        self._lines = lines
        self._reporter = f'{namespace}/emotion_node'
        self._lives = LifeCounter()
        self._counts = {'infos': 0, 'results': 0, 'overlay_images': 0, 'lives': 0, 'reported': 0}
        subscriptions: tuple[tuple[type, str, Callable[..., None]], ...] = (
            (CameraInfo, f'{namespace}/camera/camera_info', self._on_info),
            (FaceEmotionArray, f'{namespace}/emotions', self._on_result),
            (CompressedImage, f'{namespace}/emotions/image/compressed', self._on_overlay_image),
            (DiagnosticArray, '/diagnostics', self._on_diagnostics),
        )
        for kind, topic, handle in subscriptions:
            self.create_subscription(kind, topic, handle, _ALL)
        self.create_timer(_PERIOD_S, self._tell)

    def _tell(self) -> None:
        self._output.flush()
        self._lines.write(self._counts)

    def _write(self, *values: object) -> None:
        print(*values, sep=',', file=self._output)

    def _on_info(self, message: CameraInfo, info: Mapping[str, Any]) -> None:
        self._counts['infos'] += 1
        self._write('i', info['publication_sequence_number'], stamp_to_ns(message.header.stamp))

    def _on_result(self, message: FaceEmotionArray, info: Mapping[str, Any]) -> None:
        number = info['publication_sequence_number']
        life = self._lives.life_of('results', number)
        if life != self._counts['lives']:
            self._counts.update(lives=life, results=0, reported=0)
        self._counts['results'] = number
        self._write('a', life, number, stamp_to_ns(message.header.stamp), len(message.faces))

    def _on_overlay_image(self, message: CompressedImage) -> None:
        self._counts['overlay_images'] += 1
        self._write('p', stamp_to_ns(message.header.stamp))

    def _on_diagnostics(self, message: DiagnosticArray, info: Mapping[str, Any]) -> None:
        for status in message.status:
            if status.hardware_id != self._reporter:
                continue
            values = {pair.key: pair.value for pair in status.values}
            counts = [int(values[key].split()[-1]) for key in _COUNTS]
            life = self._lives.life_of('reports', info['publication_sequence_number'])
            self._write('d', life, *counts)
            if life == self._counts['lives']:
                self._counts['reported'] = counts[0]


def main() -> int:
    """Records until SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--namespace', required=True)
    parser.add_argument('--output', type=Path, required=True)
    options = parser.parse_args()
    lines = JsonLinesWriter(STANDARD_OUTPUT)  # before a library may print
    stopped: list[int] = []
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    signal.signal(signal.SIGINT, lambda number, _: stopped.append(number))
    with options.output.open('w', encoding='utf-8') as output:
        recorder = Recorder(options.namespace, output, lines)
        executor = SingleThreadedExecutor()
        executor.add_node(recorder)
        lines.write({'started_ns': time.time_ns()})
        while not stopped:
            executor.spin_once(timeout_sec=_POLL_S)
    recorder.destroy_node()
    rclpy.shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
