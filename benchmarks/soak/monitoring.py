"""What the processes of a soak hold, over time."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.live.children import Child
from benchmarks.live.usage import cpu_seconds, handles, memory, threads

# What a node loads with its first frames is no leak: this share of its life does not count, within
# these bounds in seconds.
_WARM_UP_SHARE, _WARM_UP_LEAST_S, _WARM_UP_MOST_S = 0.3, 15.0, 60.0
_MEDIAN_OF = 5


@dataclass(frozen=True, slots=True)
class Sample:
    """What one process holds.

    Attributes:
        second: Seconds since it was first watched.
        resident: Resident memory (RSS) in MB.
        proportional: The same with each shared page divided by its users (PSS), in MB.
        own: Memory that is this process's alone (heap and stacks), in MB. Unlike the other two it
            does not grow while a process sees more and more of the shared memory of others.
        handles: Open file handles.
        threads: Threads.
        cpu: CPU seconds used since it started.
    """

    second: float
    resident: float
    proportional: float
    own: float
    handles: float
    threads: float
    cpu: float


@dataclass(slots=True)
class MonitoredProcess:
    """One process and its samples.

    Attributes:
        name: What it is called in the report.
        child: The process.
        samples: In order of time.
    """

    name: str
    child: Child
    samples: list[Sample] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def sample(self) -> None:
        """Takes a sample; a process that is just ending has none."""
        pid = self.child.pid
        try:
            used = memory(pid)
            self.samples.append(
                Sample(
                    second=time.monotonic() - self.started,
                    resident=used.resident,
                    proportional=used.proportional,
                    own=used.heap,
                    handles=handles(pid),
                    threads=threads(pid),
                    cpu=cpu_seconds(pid),
                )
            )
        except OSError:
            return


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """What one process held after its warm-up and at its end.

    Attributes:
        name: What it is called in the report.
        seconds: Time between the two.
        start: After the warm-up, each value the median of some samples.
        end: At the end, likewise.
        cores: CPU cores kept busy in between.
    """

    name: str
    seconds: float
    start: Sample
    end: Sample
    cores: float


def process_usage(name: str, samples: Sequence[Sample]) -> ProcessUsage | None:
    """Compares the beginning of a process with its end; None when it lived too shortly."""
    if not samples:
        return None
    life = samples[-1].second - samples[0].second
    warm_up = min(max(life * _WARM_UP_SHARE, _WARM_UP_LEAST_S), _WARM_UP_MOST_S)
    steady = [sample for sample in samples if sample.second >= samples[0].second + warm_up]
    if len(steady) < 2:
        return None
    few = min(_MEDIAN_OF, len(steady) // 2)
    seconds = steady[-1].second - steady[0].second
    cores = (steady[-1].cpu - steady[0].cpu) / seconds if seconds else 0.0
    return ProcessUsage(name, seconds, _median(steady[:few]), _median(steady[-few:]), cores)


def _median(samples: Sequence[Sample]) -> Sample:
    names = Sample.__dataclass_fields__
    return Sample(**{n: statistics.median(getattr(s, n) for s in samples) for n in names})
