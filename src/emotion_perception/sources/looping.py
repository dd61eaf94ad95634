"""A finite source that starts again at its end."""

from collections.abc import Iterator
from dataclasses import replace

from emotion_perception.sources.base import NS_PER_SECOND, ClosingSource, FrameSource, StampKind
from emotion_perception.types import Frame

_DEFAULT_PERIOD_NS = NS_PER_SECOND // 30


class LoopingSource(ClosingSource):
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
        period_ns = round(NS_PER_SECOND / rate) if rate else _DEFAULT_PERIOD_NS
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
