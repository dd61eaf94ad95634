"""Several clients change the parameters of the running emotion node, well and badly.

Run as a process of its own. It prints how many changes were answered rightly and wrongly, and ends.
A response can get lost on its way though nobody failed: a service sends it into the void while its
middleware has not found the client's reader yet, which under load comes after the request (rmw's
"failed to send response"). A client therefore asks again, as a user would, and that is counted.
"""

import argparse
import itertools
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

import rclpy
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_parameters
from rclpy.signals import SignalHandlerOptions

from emotion_perception.outputs.results import JsonLinesWriter
from emotion_perception.outputs.standard_output import STANDARD_OUTPUT

_CLIENTS = 3
_PERIOD_S = 0.1
_ANSWER_S = 30.0
_ASK_AGAIN_S = 3.0
# Each with whether it is to be accepted. The load of the node stays as it is.
CHANGES: tuple[tuple[dict[str, object], bool], ...] = (
    ({'smoothing': 0.5, 'confidence_threshold': 0.2}, True),
    ({'smoothing': -1.0, 'confidence_threshold': 0.1}, False),
    ({'smoothing': 0.3, 'confidence_threshold': 0.0}, True),
    ({'confidence_threshold': float('nan')}, False),
    ({'max_faces': 0, 'min_face_size': 24}, True),
    ({'min_face_size': 0}, False),
    ({'max_faces': 'many'}, False),
    ({'model_path': 'other.onnx'}, False),
)


class ParameterClient(Node):
    """One client that changes parameters in turn."""

    def __init__(self, number: int, target: str) -> None:
        """Waits for the node's parameter service.

        Args:
            number: Its number; each client starts elsewhere in the list of changes.
            target: Fully qualified name of the emotion node.
        """
        super().__init__(f'tuner{number}')
        self._client = self.create_client(
            SetParametersAtomically,
            f'{target}/set_parameters_atomically',
            qos_profile=qos_profile_parameters,
        )
        self._changes = itertools.islice(itertools.cycle(CHANGES), number, None)
        self._asked: _Asked | None = None
        self.ends = False  # asks for nothing new
        self.counts = {'right': 0, 'wrong': 0, 'asked_again': 0}
        self._client.wait_for_service(_ANSWER_S)

    @property
    def waits(self) -> bool:
        """Whether a change is still unanswered."""
        return self._asked is not None

    def ask(self) -> None:
        """Asks for the next change once the last one is answered, and again when it is not."""
        if self._asked is None:
            if not self.ends:
                self._send(*next(self._changes))
        elif time.monotonic() - self._asked.second > _ASK_AGAIN_S:
            self._client.remove_pending_request(self._asked.future)
            self.counts['asked_again'] += 1
            self._send(self._asked.values, self._asked.is_valid)

    def _send(self, values: dict[str, object], is_valid: bool) -> None:
        changes = [
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()
        ]
        future = self._client.call_async(SetParametersAtomically.Request(parameters=changes))
        self._asked = _Asked(values, is_valid, future, time.monotonic())
        future.add_done_callback(self._note)

    def _note(self, answered: Any) -> None:
        if self._asked is None or answered is not self._asked.future:
            return
        right = answered.result().result.successful is self._asked.is_valid
        self.counts['right' if right else 'wrong'] += 1
        self._asked = None


@dataclass(frozen=True)
class _Asked:
    """A change that waits for its response."""

    values: dict[str, object]
    is_valid: bool
    future: Any  # rclpy's Future, whose type takes a parameter from Kilted on only
    second: float  # when it was asked for


def main() -> int:
    """Changes parameters for a while, prints the counts, and ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--target', required=True)
    parser.add_argument('--seconds', type=float, required=True)
    options = parser.parse_args()
    lines = JsonLinesWriter(STANDARD_OUTPUT)  # before a library may print
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    tuners = [ParameterClient(number, options.target) for number in range(_CLIENTS)]
    executor = SingleThreadedExecutor()
    for tuner in tuners:
        executor.add_node(tuner)
        tuner.create_timer(_PERIOD_S, tuner.ask)
    end = time.monotonic() + options.seconds
    while time.monotonic() < end:
        executor.spin_once(timeout_sec=_PERIOD_S)
    for tuner in tuners:
        tuner.ends = True
    deadline = time.monotonic() + _ANSWER_S
    while any(tuner.waits for tuner in tuners) and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=_PERIOD_S)
    counts = {name: sum(tuner.counts[name] for tuner in tuners) for name in tuners[0].counts}
    counts['unanswered'] = sum(tuner.waits for tuner in tuners)
    lines.write(counts)
    for tuner in tuners:
        tuner.destroy_node()
    rclpy.shutdown()
    return 0


if __name__ == '__main__':
    sys.exit(main())
