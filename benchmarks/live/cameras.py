"""Several cameras in one process: what is answered, and what each further one costs."""

from dataclasses import dataclass

from benchmarks.live.analysis import StreamReport, report
from benchmarks.live.streams import Segment, Streams
from benchmarks.live.usage import memory
from benchmarks.schema import Bar, Cell, Findings, Plot, Table
from benchmarks.settings import Settings

_CAMERAS = (1, 4, 8)
_SIZE = (640, 480)
_RATE = 15.0
_SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class _Case:
    cameras: int
    found: StreamReport
    resident: float
    node_cores: float
    all_cores: float


def run(settings: Settings) -> Findings:
    """Runs 1, 4 and 8 cameras, all of them with the node of one process."""
    cases = [_measure(cameras, settings) for cameras in _CAMERAS]
    return Findings((_table(cases),), _bars(cases[0], cases[-1]), (_plot(cases),))


def _measure(cameras: int, settings: Settings) -> _Case:
    # The first segment lasts until every node has found its camera; it does not count.
    segments = [
        Segment('first', _RATE, 3.0),
        Segment('steady', _RATE, _SECONDS * max(settings.effort, 1)),
    ]
    log = settings.out / 'live.log'
    with Streams(log, _SIZE, cameras, settings.threads, together=True) as streams:
        run = streams.play(segments)
        resident = memory(streams.nodes[0].pid).resident
    found = report(run.of('steady'), run.published['steady'], streams=cameras)
    return _Case(cameras, found, resident, run.cores['emotion_node'], sum(run.cores.values()))


def _table(cases: list[_Case]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for case in cases:
        latency = case.found.latency
        p50, p95 = (latency.p50, latency.p95) if latency else (None, None)
        answered = 100 * case.found.answered
        rows.append(
            (case.cameras, p50, p95, answered, case.node_cores, case.all_cores, case.resident)
        )
    return Table(
        f'Cameras of one emotion_node process, 640x480, two faces, {_RATE:.0f} frames/s each',
        ('cameras', 'p50 ms', 'p95 ms', 'answered (%)', 'cores of the node', 'cores in all',
         'RSS (MB)'),
        tuple(rows),
        'In all: with a camera stand-in for each, and the listener.',
    )  # fmt: skip


def _bars(one: _Case, most: _Case) -> tuple[Bar, ...]:
    further = (most.resident - one.resident) / (most.cameras - one.cameras)
    return (
        Bar(
            f'{most.cameras} cameras in one process: images answered at {_RATE:.0f} frames/s',
            100 * most.found.answered,
            99.0,
            '%',
            at_least=True,
            detail=f'{most.all_cores:.2f} cores busy in all',
        ),
        Bar(
            'Memory of each further camera (RSS)',
            further,
            40.0,
            'MB',
            detail=f'{one.resident:.0f} MB with one, {most.resident:.0f} MB with {most.cameras}',
        ),
    )


def _plot(cases: list[_Case]) -> Plot:
    return Plot(
        'cameras',
        'Memory of one emotion_node process by its cameras',
        'cameras',
        'RSS in MB',
        {'emotion_node': [(case.cameras, case.resident) for case in cases]},
    )
