"""Turns the stamps of a source into stamps on the clock of whoever publishes its frames."""

from emotion_perception.sources.base import NS_PER_SECOND, FrameSource, StampKind
from emotion_perception.types import Frame

# A file that is read this much too slowly goes on from now, as `paced` does.
_STALLED_NS = NS_PER_SECOND // 10


class Timeline:
    """Gives every frame the stamp that it is published with.

    A clip's frames get evenly spaced stamps from the time of its first frame on, free of the jitter
    of waiting, so that what depends on time (tracks, smoothing) is the same in every run.
    """

    def __init__(self, source: FrameSource, *, keeps_up: bool) -> None:
        """Starts with the first frame.

        Args:
            source: Where the frames come from.
            keeps_up: Whether a clip that is played too slowly goes on from now. Otherwise its
                stamps stay evenly spaced, whatever the machine does, and fall behind the clock.
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
        if self._start_ns is None or (self._keeps_up and abs(late_ns) > _STALLED_NS):
            self._start_ns = max(now_ns, floor_ns) - frame.stamp_ns
        self._now_ns, self._last_ns = now_ns, self._start_ns + frame.stamp_ns
        return self._last_ns
