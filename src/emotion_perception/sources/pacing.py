"""Frames in wall-clock time."""

import time
from collections.abc import Callable, Iterator
from threading import Event

from emotion_perception.sources.base import NS_PER_SECOND, FrameSource
from emotion_perception.types import Frame

# A consumer this late has stalled. The clip then goes on from where it is, for a burst of frames
# would fill every queue behind it; a smaller delay is caught up with, so that the rate holds.
_STALLED_S = 0.1


def paced(
    source: FrameSource,
    stop: Event,
    *,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], bool] | None = None,
) -> Iterator[Frame]:
    """Yields the frames of a source when they are due; those of a live source at once.

    Args:
        source: The source; its stamps say how far apart its frames are.
        stop: Ends the iteration, also in the middle of a wait.
        clock: Monotonic time in seconds.
        wait: Waits that many seconds and says whether to stop; `stop.wait` when None.

    Raises:
        SourceError: The source fails.
    """
    wait = wait or stop.wait
    start_s: float | None = None
    start_ns = previous_ns = 0
    for frame in source:
        if stop.is_set():
            return
        # A clock that was set back while the bag was recorded: start again from here.
        if start_s is None or frame.stamp_ns < previous_ns:
            start_s, start_ns = clock(), frame.stamp_ns
        previous_ns = frame.stamp_ns
        early_s = start_s + (frame.stamp_ns - start_ns) / NS_PER_SECOND - clock()
        if early_s < -_STALLED_S:
            start_s -= early_s
        elif early_s > 0 and not source.live and wait(early_s):
            return
        yield frame
