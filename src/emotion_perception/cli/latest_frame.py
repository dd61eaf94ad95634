"""A source in real time: the newest frame for the pipeline, and a video that keeps its pace."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emotion_perception.outputs.recording import VideoRecorder
from emotion_perception.types import NS_PER_S, BgrImage, Frame


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


_DEFAULT_RATE: Final = 30.0
# A camera that was away for minutes should not leave minutes of a still image.
_LONGEST_GAP_S: Final = 1.0


class RealTimeRecorder:
    """Repeats or leaves out images, so that a video of constant rate keeps real time.

    Args:
        path: Video file, see `VideoWriter`.
        frame_rate: Frames per second; 30 when it is unknown.
    """

    def __init__(self, path: Path, frame_rate: float | None) -> None:
        self.path = path
        self._rate = frame_rate or _DEFAULT_RATE
        self._recorder = VideoRecorder(path, self._rate)
        self._last: tuple[BgrImage, int] | None = None
        self._position = 0.0

    @property
    def frames(self) -> int:
        """Frames in the file so far, or about to be."""
        return self._recorder.frames + (self._last is not None)

    def write(self, image: BgrImage, stamp_ns: int) -> None:
        """Appends an image, which must not be changed afterwards.

        Args:
            image: uint8 [height, width, 3], BGR.
            stamp_ns: Its time in nanoseconds.

        Raises:
            OutputError: The file cannot be written.
        """
        if self._last is not None:
            self._show_until(*self._last, stamp_ns)
        self._last = (image, stamp_ns)

    def close(self) -> None:
        """Finishes the file; without a single image there is none.

        Raises:
            OutputError: The file cannot be finished.
        """
        if self._last is not None:
            image, stamp_ns = self._last
            self._last = None
            self._recorder.write(image, stamp_ns)
        self._recorder.close()

    def _show_until(self, image: BgrImage, from_ns: int, until_ns: int) -> None:
        elapsed_s = min(max((until_ns - from_ns) / NS_PER_S, 0.0), _LONGEST_GAP_S)
        self._position += elapsed_s * self._rate
        while self._recorder.frames < round(self._position):
            self._recorder.write(image, from_ns)
