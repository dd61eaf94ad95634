"""The one stopwatch of the suite: wall-clock and CPU time of repeated calls.

CPU time is that of the whole process, ONNX Runtime's and OpenCV's threads included: it is what a
robot's other software cannot have.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from benchmarks.distribution import Distribution, describe

Result = TypeVar('Result')

_WARM_UP_CALLS = 2


@dataclass(frozen=True, slots=True)
class Timing:
    """Time of one call.

    Attributes:
        wall: Wall-clock milliseconds.
        cpu: CPU milliseconds of all threads of this process.
    """

    wall: Distribution
    cpu: Distribution


class Stopwatch:
    """Collects the times of named stages."""

    def __init__(self) -> None:
        self._wall: dict[str, list[float]] = defaultdict(list)
        self._cpu: dict[str, list[float]] = defaultdict(list)

    def run(self, stage: str, function: Callable[[], Result]) -> Result:
        """Calls a function, notes how long it took, and returns its result."""
        cpu, wall = time.process_time_ns(), time.perf_counter_ns()
        result = function()
        self._wall[stage].append((time.perf_counter_ns() - wall) / 1e6)
        self._cpu[stage].append((time.process_time_ns() - cpu) / 1e6)
        return result

    def samples(self, stage: str) -> tuple[list[float], list[float]]:
        """All wall-clock and CPU milliseconds of a stage."""
        return self._wall[stage], self._cpu[stage]

    def timings(self) -> dict[str, Timing]:
        """Times by stage, in the order in which the stages were first run."""
        return {
            stage: Timing(describe(values), describe(self._cpu[stage]))
            for stage, values in self._wall.items()
        }


def measure(
    functions: Mapping[str, Callable[[], object]], rounds: int, block: int = 1
) -> dict[str, Timing]:
    """Times functions in short alternating blocks, so that the machine's mood hits all alike.

    Every other round goes backwards: none of them always runs on the caches that another one left.

    Args:
        functions: What to time, by name.
        rounds: How often every function has its turn, >= 1.
        block: Calls in one turn, >= 1.

    Returns:
        `rounds * block` times of each function.
    """
    watch = Stopwatch()
    for function in functions.values():
        for _ in range(_WARM_UP_CALLS):
            function()
    order = list(functions.items())
    for _ in range(rounds):
        for name, function in order:
            for _ in range(block):
                watch.run(name, function)
        order.reverse()
    timings = watch.timings()
    return {name: timings[name] for name in functions}
