"""Growth with the number of camera and emotion node pairs on one machine."""

from benchmarks.live.analysis import report
from benchmarks.live.streams import Segment, Streams
from benchmarks.live.usage import memory
from benchmarks.schema import Cell, Findings, Plot, Table
from benchmarks.settings import Settings

_PAIRS = (1, 2, 4, 8)
_SIZE = (640, 480)
_RATE = 5.0
_SECONDS = 3.0
_THREADS = 1  # several nodes share the cores better than each on all of them


def run(settings: Settings) -> Findings:
    """Runs 1, 2, 4 and 8 pairs at five frames a second each."""
    rows: list[tuple[Cell, ...]] = []
    latency_points: list[tuple[int, float]] = []
    core_points: list[tuple[int, float]] = []
    for pairs in _PAIRS:
        row = _row(pairs, settings)
        rows.append(row)
        if isinstance(row[2], float):
            latency_points.append((pairs, row[2]))
        if isinstance(row[5], float):
            core_points.append((pairs, row[5]))
    table = Table(
        f'Camera and emotion node pairs, 640x480, two faces, {_RATE:.0f} frames/s each, one thread',
        (
            'pairs', 'p50 ms', 'p95 ms', 'results/s in all', 'answered (%)',
            'cores of the nodes', 'cores in all', 'PSS of a node (MB)',
        ),
        tuple(rows),
    )  # fmt: skip
    return Findings(
        (table,),
        (),
        (
            Plot('pairs-latency', 'Latency by number of pairs', 'pairs', 'p95 in ms',
                 {'pairs': latency_points}),
            Plot('pairs-cpu', 'CPU of all emotion nodes by number of pairs', 'pairs', 'cores',
                 {'pairs': core_points}),
        ),
    )  # fmt: skip


def _row(pairs: int, settings: Settings) -> tuple[Cell, ...]:
    log = settings.out / 'live.log'
    # The first segment lasts until every node has found its camera; it does not count.
    segments = [Segment('first', _RATE, 2.0), Segment('steady', _RATE, _SECONDS)]
    with Streams(log, _SIZE, pairs, _THREADS) as streams:
        run = streams.play(segments)
        used = [memory(node.pid).proportional for node in streams.nodes]
    found = report(run.of('steady'), run.published['steady'], streams=pairs)
    p50, p95 = (found.latency.p50, found.latency.p95) if found.latency else (None, None)
    cores = run.cores['emotion_node']
    everyone = sum(run.cores.values())
    mean_memory = sum(used) / pairs
    return pairs, p50, p95, found.rate, 100 * found.answered, cores, everyone, mean_memory
