"""The highest frame rate that is sustained without growing lag."""

from benchmarks.live.analysis import StreamReport, report
from benchmarks.live.streams import Segment, Streams
from benchmarks.schema import Cell, Findings, Plot, Table
from benchmarks.settings import Settings

_RATES = (15, 20, 30, 40, 60)
_SECONDS = 2.0
_SIZES = ((640, 480), (1280, 720))


def run(settings: Settings) -> Findings:
    """Raises the camera's rate step by step at two sizes."""
    reports = {size: _ladder(size, settings) for size in _SIZES}
    return Findings((_table(reports),), (), (_plot(reports),))


def _ladder(size: tuple[int, int], settings: Settings) -> dict[int, StreamReport]:
    seconds = _SECONDS * max(settings.effort, 1)
    # The first segment wakes everything up; it does not count.
    segments = [Segment('first', 10, 1)] + [Segment(str(rate), rate, seconds) for rate in _RATES]
    with Streams(settings.out / 'live.log', size, threads=settings.threads) as streams:
        run = streams.play(segments)
    return {rate: report(run.of(str(rate)), run.published[str(rate)]) for rate in _RATES}


def _table(reports: dict[tuple[int, int], dict[int, StreamReport]]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    best = []
    for (width, height), ladder in reports.items():
        size = f'{width}x{height}'
        for rate, found in ladder.items():
            latency = found.latency
            p50, p95 = (latency.p50, latency.p95) if latency else (None, None)
            held = 'yes' if found.sustained else 'no'
            rows.append((size, rate, found.rate, 100 * found.answered, p50, p95, found.lag, held))
        sustained = [rate for rate, found in ladder.items() if found.sustained]
        most = max(found.rate for found in ladder.values())
        held = f'{max(sustained)} frames/s sustained' if sustained else 'no rate reached that'
        best.append(f'{size}: {held}, at most {most:.0f} results/s.')
    return Table(
        'Frames per second without growing lag, two faces',
        (
            'image', 'camera frames/s', 'results/s', 'answered (%)', 'p50 ms', 'p95 ms',
            'lag growth (ms/s)', 'sustained',
        ),
        tuple(rows),
        'Sustained: 99 % of the frames answered, latency not growing. ' + ' '.join(best),
    )  # fmt: skip


def _plot(reports: dict[tuple[int, int], dict[int, StreamReport]]) -> Plot:
    answered = {
        f'{w}x{h}': [(rate, found.rate) for rate, found in ladder.items()]
        for (w, h), ladder in reports.items()
    }
    return Plot(
        'throughput',
        'Results per second against camera frames per second, two faces',
        'camera frames/s',
        'results/s',
        {'every frame answered': [(rate, float(rate)) for rate in _RATES], **answered},
    )
