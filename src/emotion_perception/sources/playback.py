"""How a source with an end is played: its stamps, its pace, and again from the start."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event

from emotion_perception.sources.base import CloseableSource, FrameSource, StampKind
from emotion_perception.types import NS_PER_S, Frame

_LOGGER = logging.getLogger(__name__)

# A file that is read this much too slowly goes on from now, as `paced` does.
_STALLED_NS = NS_PER_S // 10
# Nothing has been seen later than now. A first frame that was late makes all others early.
_EARLY_NS = NS_PER_S // 200


class PlaybackClock:
    """Gives every frame the stamp that it is published with.

    A clip's frames get evenly spaced stamps from the time of its first frame on, free of the jitter
    of waiting, so that what depends on time (tracks, smoothing) is the same in every run.
    """

    def __init__(self, source: FrameSource, *, keeps_up: bool) -> None:
        """Starts with the first frame.

        Args:
            source: Where the frames come from.
            keeps_up: Whether a clip whose stamps are behind the clock (100 ms) or before it (5 ms)
                goes on from now. Otherwise they stay evenly spaced, whatever the machine does.
        """
        self._source = source
        self._keeps_up = keeps_up
        self._start_ns: int | None = None
        self._now_ns = self._last_ns = 0

    def stamp(self, frame: Frame, now_ns: int) -> int:
        """Stamp of a frame in nanoseconds.

        Args:
            frame: The frame, due now.
            now_ns: Time on the publisher's clock.
        """
        if self._source.stamp_kind is not StampKind.POSITION:
            return frame.stamp_ns
        late_ns = 0 if self._start_ns is None else now_ns - self._start_ns - frame.stamp_ns
        # Stamps go back only with the clock; while it stands still they do, too.
        floor_ns = self._last_ns if now_ns >= self._now_ns else now_ns
        is_off = self._keeps_up and not -_EARLY_NS <= late_ns <= _STALLED_NS
        if self._start_ns is None or is_off:
            self._start_ns = max(now_ns, floor_ns) - frame.stamp_ns
        self._now_ns, self._last_ns = now_ns, self._start_ns + frame.stamp_ns
        return self._last_ns


# A consumer this late has stalled. The clip then goes on from where it is, for a burst of frames
# would fill every queue behind it; a smaller delay is caught up with, so that the rate holds.
_STALLED_S = 0.1
# Nobody waits longer for the next frame: it is a clock that was set, or a recording that paused.
_LONGEST_PAUSE_NS = 60 * NS_PER_S


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
        # A clock that was set while the bag was recorded: start again from here.
        step_ns = 0 if start_s is None else frame.stamp_ns - previous_ns
        if start_s is None or not 0 <= step_ns <= _LONGEST_PAUSE_NS:
            start_s, start_ns = clock(), frame.stamp_ns
        if step_ns > _LONGEST_PAUSE_NS and not source.live:
            _LOGGER.warning(
                '%s has no frame for %.0f s by its stamps: playing on at once.',
                source.name,
                step_ns / NS_PER_S,
            )
        previous_ns = frame.stamp_ns
        early_s = start_s + (frame.stamp_ns - start_ns) / NS_PER_S - clock()
        if early_s < -_STALLED_S:
            start_s -= early_s
        elif early_s > 0 and not source.live and wait(early_s):
            return
        yield frame


_DEFAULT_PERIOD_NS = NS_PER_S // 30


class LoopingSource(CloseableSource):
    """Plays a finite source again and again.

    Index and stamps count on over the seam, one period apart, so that time never jumps back.

    Args:
        source: A finite source; closed with this one.
    """

    live = False
    frame_count = None

    def __init__(self, source: FrameSource) -> None:
        super().__init__()
        self._source = source
        self.name = source.name

    @property
    def stamp_kind(self) -> StampKind:
        """That of the source."""
        return self._source.stamp_kind

    @property
    def frame_rate(self) -> float | None:
        """Frames per second of the source."""
        return self._source.frame_rate

    def __iter__(self) -> Iterator[Frame]:
        """Yields frames without end; ends when a pass gives none.

        Raises:
            SourceError: The source fails.
        """
        rate = self.frame_rate
        period_ns = round(NS_PER_S / rate) if rate else _DEFAULT_PERIOD_NS
        index, next_ns = 0, None
        while not self._closed:
            first_of_pass, shift_ns = index, 0
            for frame in self._source:
                if index == first_of_pass and next_ns is not None:
                    shift_ns = next_ns - frame.stamp_ns
                stamp_ns = frame.stamp_ns + shift_ns
                yield replace(frame, stamp_ns=stamp_ns, index=index)
                index, next_ns = index + 1, stamp_ns + period_ns
            self.skipped = self._source.skipped
            if index == first_of_pass:
                return

    def close(self) -> None:
        """Ends the iteration and closes the source."""
        super().close()
        self._source.close()
