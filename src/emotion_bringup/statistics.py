"""Rolling statistics of a frame stream: what the diagnostics report."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from emotion_bringup.distributions import publisher_of
from emotion_perception.types import NS_PER_S

# Long enough to be steady at 1 frame a second, short enough to follow a change.
_WINDOW_S = 5.0
_MAX_PUBLISHERS = 64
# Bad frames happen; so many in a row are a fault that does not pass by itself.
_MANY = 5
# The publisher of messages whose publisher is not told.
_NAMELESS = b''
# A simulated clock that stands still ends no window: more than 1000 Hz for one are not kept.
_MAX_SAMPLES = 5000


class StreamStatistics:
    """Counts frames and remembers arrival times and ages of the last few seconds.

    Attributes:
        frames: Frames that were processed.
        dropped: Frames that were left out for newer ones, as far as that can be known.
        uncounted: Frames before which others may have been dropped that nobody can count.
        bad: Frames that could not be read.
        last_ns: Time of the last result; None before the first.
    """

    def __init__(self, window_s: float = _WINDOW_S) -> None:
        self._window_ns = round(window_s * NS_PER_S)
        self._samples: deque[tuple[int, int]] = deque(maxlen=_MAX_SAMPLES)
        self.frames = 0
        self.dropped = 0
        self.uncounted = 0
        self.bad = 0
        self._bad_in_a_row = 0
        self._last_cause = ''
        self.last_ns: int | None = None

    def add(self, now_ns: int, stamp_ns: int) -> None:
        """Notes a frame that was processed.

        Args:
            now_ns: Time of the result in nanoseconds.
            stamp_ns: Stamp of the frame in nanoseconds, of the same clock.
        """
        if self._samples and now_ns < self._samples[-1][0]:
            self._samples.clear()
        self._samples.append((now_ns, now_ns - stamp_ns))
        self.frames += 1
        self.last_ns = now_ns
        self._forget(now_ns)

    def leave_out(self, cause: str, count: int = 1) -> None:
        """Notes frames that could not be used, and why."""
        self.bad += count
        self._bad_in_a_row += count
        self._last_cause = cause

    def image_used(self) -> None:
        """Notes that an image could be used."""
        self._bad_in_a_row = 0

    @property
    def problem(self) -> str:
        """What is wrong where no image can be used; empty while some can."""
        if self._bad_in_a_row < _MANY:
            return ''
        return f'The last {self._bad_in_a_row} images were left out: {self._last_cause}'

    def note_losses(self, missed: int | None) -> None:
        """Counts the frames dropped before one that came; None where nobody knows how many."""
        if missed is None:
            self.uncounted += 1
        else:
            self.dropped += missed

    def rate(self, now_ns: int) -> float:
        """Frames per second over the window; 0 when nothing came."""
        self._forget(now_ns)
        if len(self._samples) < 2:
            return 0.0
        span = self._samples[-1][0] - self._samples[0][0]
        return (len(self._samples) - 1) * NS_PER_S / span if span else 0.0

    def age_percentiles_ms(self) -> tuple[float, float]:
        """p50 and p95 of `now - header.stamp` in milliseconds; NaN when nothing came."""
        if not self._samples:
            return float('nan'), float('nan')
        p50, p95 = np.percentile([age for _, age in self._samples], [50, 95]) / 1e6
        return float(p50), float(p95)

    def _forget(self, now_ns: int) -> None:
        while self._samples and self._samples[0][0] < now_ns - self._window_ns:
            self._samples.popleft()


class LossCounter:
    """Counts messages that a publisher sent and this subscription never got.

    The middleware numbers the messages of every publisher; a gap in the numbers is a loss, wanted
    (only the newest image is kept) or not.
    """

    def __init__(self) -> None:
        self._last: dict[bytes, int] = {}
        self._changed = False

    def publishers_changed(self) -> None:
        """A publisher has come or gone: where they cannot be told apart, nobody knows which."""
        self._changed = True

    def missed(self, info: Mapping[str, Any], publishers: int) -> int | None:
        """Messages lost since the last one of the same publisher.

        Args:
            info: The message info that rclpy passes to a callback with two parameters.
            publishers: How many the subscription has; where the info does not tell them apart,
                the messages of several are not counted.

        Returns:
            Number of lost messages; 0 where the middleware does not number them, None where the
            messages of several publishers cannot be told apart.
        """
        number = info.get('publication_sequence_number')
        publisher = publisher_of(info)
        if not number:
            return 0
        if publisher is None:
            return self._missed_of_nameless(number, publishers)
        last = self._last.get(publisher)
        # A publisher that comes and goes must not make the table grow without end.
        if last is None and len(self._last) >= _MAX_PUBLISHERS:
            self._last.clear()
        self._last[publisher] = number
        return _gap(last, number)

    def _missed_of_nameless(self, number: int, publishers: int) -> int | None:
        last = self._last.get(_NAMELESS)
        self._last[_NAMELESS] = number
        gap = _gap(last, number)
        # A number that is no higher than the last is another publisher's, which loses nothing yet.
        is_known = publishers == 1 and not (self._changed and gap)
        self._changed = publishers != 1
        return gap if is_known else None


def _gap(last: int | None, number: int) -> int:
    return max(number - last - 1, 0) if last is not None else 0
