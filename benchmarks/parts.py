"""The parts of the suite, in the order in which they run."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.errors import BenchmarkError
from benchmarks.schema import Findings
from benchmarks.settings import Settings


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    Attributes:
        module: Module with `run(settings) -> Findings`, imported when the part runs.
        summary: What it measures, for `--help`.
    """

    module: str
    summary: str

    def load(self) -> Callable[[Settings], Findings]:
        """The function that runs it.

        Raises:
            BenchmarkError: A package that it needs is not installed.
        """
        try:
            run: Callable[[Settings], Findings] = importlib.import_module(self.module).run
        except ModuleNotFoundError as error:
            raise BenchmarkError(
                f'The package {error.name} is not installed: run `make bench`, or `make env` first.'
            ) from error
        return run


PARTS: Mapping[str, Part] = {
    'networks': Part(
        'benchmarks.networks', 'classifier and detector against AlexNet, CenterFace and Haar'
    ),
    'tracking': Part('benchmarks.tracking', 'boxes between detections'),
    'following': Part('benchmarks.following', 'CPU of following faces, head pose and gaze'),
    'peer': Part('benchmarks.peer.comparison', 'side by side with the package fer'),
    'accuracy': Part('benchmarks.peer.accuracy', 'PublicTest, ours and fer (needs --data)'),
    'limit': Part('benchmarks.limit', "the networks against the machine's peaks"),
    'stages': Part('benchmarks.stages', 'every stage on four image sizes'),
    'growth': Part('benchmarks.growth', 'cost by faces, image size and smallest face'),
    'startup': Part('benchmarks.live.startup', 'process start to first result'),
    'latency': Part('benchmarks.live.latency', 'end to end over DDS: latency, CPU, memory'),
    'throughput': Part('benchmarks.live.throughput', 'frames per second without growing lag'),
    'cameras': Part('benchmarks.live.cameras', '1 to 8 cameras in one process'),
    'pairs': Part('benchmarks.live.pairs', '1 to 8 camera and emotion node pairs'),
}
