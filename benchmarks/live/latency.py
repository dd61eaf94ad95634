"""From the camera's stamp to the arrival of the result in another process, at 30 frames a second.

The first run is also the soak: memory is read once a second.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field

import numpy as np

from benchmarks.live.analysis import StreamReport, report, steady_results
from benchmarks.live.streams import Arrival, Run, Segment, Streams
from benchmarks.live.usage import Memory, memory
from benchmarks.schema import Bar, Cell, Findings, Plot, Table
from benchmarks.settings import Settings

_RATE = 30.0
_SHORT_S = 7.0  # of the run at 1280x720
_SOAK, _LARGE = (640, 480), (1280, 720)
_MARKS_MIN = (1.0, 5.0, 10.0)
_PLOT_POINTS = 200


@dataclass
class _MemoryLog:
    """Memory of processes over time, and their last values by name."""

    streams: Streams
    seconds: list[float] = field(default_factory=list)
    samples: dict[str, list[Memory]] = field(default_factory=dict)

    def read(self, second: float) -> None:
        processes = {'emotion_node': self.streams.nodes[0], 'listener': self.streams.listener}
        self.seconds.append(second)
        for name, child in processes.items():
            self.samples.setdefault(name, []).append(memory(child.pid))

    def at(self, name: str, second: float) -> Memory:
        """The first sample at or after a time; the last one when there is none."""
        index = int(np.searchsorted(self.seconds, second))
        return self.samples[name][min(index, len(self.seconds) - 1)]


def run(settings: Settings) -> Findings:
    """Latency, CPU and memory at 640x480, then latency and CPU at 1280x720."""
    log = settings.out / 'live.log'
    with Streams(log, _SOAK, threads=settings.threads) as streams:
        memories = _MemoryLog(streams)
        segment = Segment('soak', _RATE, 60 * settings.minutes + 1)
        soak = streams.play([segment], memories.read)
    with Streams(log, _LARGE, threads=settings.threads) as streams:
        large = streams.play([Segment('large', _RATE, _SHORT_S * max(settings.effort, 1))])
    reports = {
        _SOAK: report(soak.of('soak'), soak.published['soak']),
        _LARGE: report(large.of('large'), large.published['large']),
    }
    cores = {_SOAK: soak.cores, _LARGE: large.cores}
    return Findings(
        (_latency_table(reports), _cpu_table(cores), _memory_table(memories, settings.minutes)),
        _bars(reports, cores, memories),
        (_latency_plot(soak, large), _memory_plot(memories)),
    )


def _latency_table(reports: dict[tuple[int, int], StreamReport]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for (width, height), found in reports.items():
        latency = found.latency
        cells = (latency.p50, latency.p95, latency.p99, latency.minimum) if latency else [None] * 4
        size = f'{width}x{height}'
        rows.append((size, *cells, found.rate, 100 * found.answered, found.faces))
    return Table(
        f'From stamp to arrival in another process, {_RATE:.0f} frames/s, two faces',
        ('image', 'p50 ms', 'p95 ms', 'p99 ms', 'min ms', 'results/s', 'answered (%)', 'faces'),
        tuple(rows),
    )


def _cpu_table(cores: dict[tuple[int, int], dict[str, float]]) -> Table:
    names = list(cores[_SOAK])
    return Table(
        f'CPU cores kept busy at {_RATE:.0f} frames/s',
        ('image', *names, 'all'),
        tuple(
            (f'{w}x{h}', *(used[name] for name in names), sum(used.values()))
            for (w, h), used in cores.items()
        ),
        'The camera stand-in publishes prepared frames; the listener is a behaviour in Python.',
    )


def _memory_table(log: _MemoryLog, minutes: float) -> Table:
    marks = [0.0, *(mark for mark in _MARKS_MIN if mark < minutes), minutes]
    rows: list[tuple[Cell, ...]] = []
    for name in log.samples:
        for mark in marks:
            used = log.at(name, 60 * mark)
            rows.append((name, mark, *astuple(used)))
    return Table(
        'Memory at 640x480',
        ('process', 'after minutes', 'RSS (MB)', 'PSS (MB)', 'heap', 'files', 'shared memory'),
        tuple(rows),
        'RSS counts pages shared with other processes in full, shared memory of DDS '
        'among them; PSS divides them, and the last three columns are its parts.',
    )


def _bars(
    reports: dict[tuple[int, int], StreamReport],
    cores: dict[tuple[int, int], dict[str, float]],
    log: _MemoryLog,
) -> tuple[Bar, ...]:
    small, large = reports[_SOAK], reports[_LARGE]
    resident = [used.resident for used in log.samples['emotion_node']]
    half = len(resident) // 2
    everyone = sum(cores[_LARGE].values())
    return (
        Bar(
            'End to end: p95 at 640x480, 30 frames/s, two faces',
            small.latency.p95 if small.latency else None,
            33.0,
            'ms',
            detail=f'{100 * small.answered:.1f} % answered',
        ),
        Bar(
            'CPU of emotion_node at 1280x720, 30 frames/s',
            cores[_LARGE]['emotion_node'],
            1.0,
            'cores',
            detail=f'{100 * large.answered:.1f} % answered; in all {everyone:.2f}',
        ),
        Bar('Memory of emotion_node (RSS)', max(resident), 260.0, 'MB'),
        Bar(
            'Memory of emotion_node is flat: growth over the second half',
            max(resident[half:]) - resident[half],
            3.0,
            'MB',
            detail=f'over {log.seconds[-1] - log.seconds[half]:.0f} s',
        ),
    )


def _latency_plot(soak: Run, large: Run) -> Plot:
    return Plot(
        'latency',
        f'From stamp to arrival, {_RATE:.0f} frames/s, two faces',
        'ms',
        'share of the results',
        {'640x480': _shares(soak.of('soak')), '1280x720': _shares(large.of('large'))},
        kind='steps',
    )


def _shares(results: Sequence[Arrival]) -> list[tuple[float, float]]:
    if not results:
        return []
    shares = np.linspace(0, 0.99, _PLOT_POINTS)
    values = np.quantile([result.latency_ms for result in steady_results(results)], shares)
    return list(zip(values.tolist(), shares.tolist(), strict=True))


def _memory_plot(log: _MemoryLog) -> Plot:
    return Plot(
        'memory',
        'Memory at 640x480, 30 frames/s',
        'seconds',
        'RSS in MB',
        {
            name: [(round(s), used.resident) for s, used in zip(log.seconds, samples, strict=True)]
            for name, samples in log.samples.items()
        },
        kind='steps',
    )
