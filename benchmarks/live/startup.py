"""From the start of the emotion node's process to its first result in another process."""

import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.live.streams import Segment, Streams
from benchmarks.schema import Bar, Cell, Findings, Table
from benchmarks.settings import Settings

_SIZE = (640, 480)
_CAMERA_FIRST_S = 1.0  # until the camera stand-in publishes
_PLAY_S = 80.0  # longer than any start
_WARM_STARTS = 3


def run(settings: Settings) -> Findings:
    """Starts once with an empty cache folder, then several times with a filled one."""
    with tempfile.TemporaryDirectory() as cache:
        starts = [_start(settings, Path(cache)) for _ in range(1 + _WARM_STARTS)]
    cold, warm = starts[0], statistics.median(starts[1:])
    rows: tuple[tuple[Cell, ...], ...] = (
        ('cold: no prepared graphs yet', cold, None),
        (f'warm: median of {_WARM_STARTS}', warm, max(starts[1:])),
    )
    table = Table(
        'Start of emotion_node to its first result, camera running, 640x480',
        ('cache', 'seconds', 'slowest (s)'),
        rows,
        'Warm is every start but the very first on a machine. The files are in the page cache.',
    )
    bar = Bar(
        'Start to first result, warm cache', warm, 2.0, 's', detail=f'cold cache {cold:.2f} s'
    )
    return Findings((table,), (bar,))


def _start(settings: Settings, cache: Path) -> float:
    """Seconds from the start of the process to its first result."""
    log = settings.out / 'live.log'
    with Streams(
        log, _SIZE, threads=settings.threads, variables={'XDG_CACHE_HOME': str(cache)}
    ) as streams:
        streams.listen()
        streams.start_cameras([Segment('start', 30, _PLAY_S)], wait=False)
        time.sleep(_CAMERA_FIRST_S)
        started_ns = time.time_ns()
        streams.start_nodes()
        (arrived_ns,) = streams.first_results()
    return (arrived_ns - started_ns) / 1e9
