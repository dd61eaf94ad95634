"""A live source that is opened again whenever it is lost."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from threading import Event

from emotion_perception.errors import SourceError
from emotion_perception.sources.base import CloseableSource, FrameSource, StampKind
from emotion_perception.types import Frame

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 10.0


class Reconnecting(CloseableSource):
    """Opens a live source, and opens it again after ever longer waits when it fails.

    The delay doubles from 0.5 s to 10 s and starts anew with the first frame. The first opening is
    tried in the same way, so that a camera may be plugged in after the start. A source that turns
    out to be finite is not tried again: it ends at its end, and its errors are passed on.

    Args:
        opener: Opens the source; raises SourceError when it cannot.
        name: What the source is called.
        stop: Ends waiting and iterating; `close` sets it.
        on_lost: Called with the error and the seconds until the next attempt.
        on_recovered: Called when frames come again.
        wait: Waits that many seconds and says whether to stop; `stop.wait` when None.
    """

    frame_count = None

    def __init__(
        self,
        opener: Callable[[], FrameSource],
        *,
        name: str,
        stop: Event | None = None,
        on_lost: Callable[[SourceError, float], None] = lambda error, delay_s: None,
        on_recovered: Callable[[], None] = lambda: None,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self._opener = opener
        self._stop = stop or Event()
        self._wait = wait or self._stop.wait
        self._on_lost = on_lost
        self._on_recovered = on_recovered
        self._source: FrameSource | None = None
        self._index = 0
        self._delay_s = FIRST_DELAY_S
        self._is_lost = False

    @property
    def live(self) -> bool:
        """True unless the source turned out to be finite."""
        return self._source is None or self._source.live

    @property
    def stamp_kind(self) -> StampKind:
        """That of the open source."""
        return self._source.stamp_kind if self._source else StampKind.ACQUISITION

    @property
    def frame_rate(self) -> float | None:
        """Frames per second of the open source; None while it is lost."""
        return self._source.frame_rate if self._source else None

    def __iter__(self) -> Iterator[Frame]:
        """Yields frames until `stop` or `close`; indices count on over an interruption.

        Raises:
            SourceError: A finite source failed.
        """
        while not self._stop.is_set():
            try:
                yield from self._one_connection()
                return
            except SourceError as error:
                if not self.live:
                    raise
                self._is_lost = True
                self._on_lost(error, self._delay_s)
            finally:
                self._release()
            if self._wait(self._delay_s):
                return
            self._delay_s = min(2 * self._delay_s, MAX_DELAY_S)

    def _one_connection(self) -> Iterator[Frame]:
        self._source = source = self._opener()
        for frame in source:
            if self._stop.is_set():
                return
            self._note_recovery()
            yield replace(frame, index=self._index)
            self._index += 1

    def _note_recovery(self) -> None:
        self._delay_s = FIRST_DELAY_S
        if self._is_lost:
            self._is_lost = False
            self._on_recovered()

    def _release(self) -> None:
        if self._source:
            self.skipped += self._source.skipped
            self._source.close()
            self._source = None

    def close(self) -> None:
        """Ends waiting and iterating, and frees the device."""
        self._stop.set()
        source = self._source
        if source:
            source.close()
