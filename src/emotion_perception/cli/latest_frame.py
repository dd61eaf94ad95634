"""A source in real time: the newest frame for the pipeline."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from emotion_perception.types import Frame


@dataclass(frozen=True, slots=True)
class Arrival:
    """A frame and when it arrived.

    Attributes:
        frame: The frame.
        second: Time of arrival, of `time.monotonic`.
    """

    frame: Frame
    second: float


class LatestFrame:
    """Reads frames in a thread; whoever is slower than the camera misses frames, not time.

    Attributes:
        dropped: Frames that a newer one has replaced unseen.
    """

    def __init__(self, frames: Iterable[Frame]) -> None:
        """Starts reading.

        Args:
            frames: The source, paced.
        """
        self.dropped = 0
        self._latest: Arrival | None = None
        self._ended = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        # A daemon: a driver that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._read, args=(frames,), daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether nothing will come any more, neither a frame nor an error."""
        with self._changed:
            return self._ended and self._latest is None and self._error is None

    def take(self, timeout_s: float) -> Arrival | None:
        """The newest frame that has not been taken yet; None when none came in time.

        Raises:
            SourceError: What ended the source, after its last frame.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._latest is not None or self._ended, timeout_s)
            arrival, self._latest = self._latest, None
            if arrival is None and self._error is not None:
                raise self._error
            return arrival

    def join(self, timeout_s: float) -> None:
        """Waits for the thread, once its source has been told to stop."""
        self._thread.join(timeout_s)

    def _read(self, frames: Iterable[Frame]) -> None:
        try:
            for frame in frames:
                with self._changed:
                    self.dropped += self._latest is not None
                    self._latest = Arrival(frame, time.monotonic())
                    self._changed.notify()
        # Whatever it is, the thread that takes the frames reports it.
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify()
