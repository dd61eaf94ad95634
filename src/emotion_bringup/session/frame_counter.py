"""Accounts for every frame: published, processed, or missing."""

import time
from collections import OrderedDict
from collections.abc import Callable

# A live session runs for weeks; frames that were dropped on purpose must not pile up here.
_MAX_OPEN = 10_000


class FrameCounter:
    """Which frames were published and not processed yet.

    Attributes:
        published: Number of frames that `camera_info` told of.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Starts with nothing.

        Args:
            clock: Seconds, counting up.
        """
        self.published = 0
        self._clock = clock
        # Stamps in nanoseconds: of frames without a result, with the time at which they came, and
        # of results that overtook their camera_info on the way.
        self._open: OrderedDict[int, float] = OrderedDict()
        self._early: OrderedDict[int, float] = OrderedDict()

    @property
    def missing(self) -> int:
        """Frames that were published and not processed (yet); at most 10,000 are remembered."""
        return len(self._open)

    def frame_published(self, stamp_ns: int) -> None:
        """Notes a frame."""
        self.published += 1
        if self._early.pop(stamp_ns, None) is None:
            _remember(self._open, stamp_ns, self._clock())

    def result_received(self, stamp_ns: int) -> float | None:
        """Notes the result to a frame.

        Not the age of the stamp is its latency: the stamps of a bag, or of a file on a slow
        machine, lie in the past.

        Returns:
            Milliseconds since the frame was published; None when it has not been told of yet.
        """
        published_s = self._open.pop(stamp_ns, None)
        if published_s is None:
            _remember(self._early, stamp_ns, self._clock())
            return None
        return 1e3 * (self._clock() - published_s)


def _remember(entries: OrderedDict[int, float], stamp_ns: int, second: float) -> None:
    entries[stamp_ns] = second
    if len(entries) > _MAX_OPEN:
        entries.popitem(last=False)
