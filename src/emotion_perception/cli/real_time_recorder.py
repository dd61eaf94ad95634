"""A video that plays as fast as things happened, whatever the rate of the frames."""

from pathlib import Path
from typing import Final

from emotion_perception.outputs.recording import VideoRecorder
from emotion_perception.types import BgrImage

_NS_PER_S: Final = 1_000_000_000
_DEFAULT_RATE: Final = 30.0
# A camera that was away for minutes should not leave minutes of a still picture.
_LONGEST_GAP_S: Final = 1.0


class RealTimeRecorder:
    """Repeats or leaves out pictures, so that a video of constant rate keeps real time.

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
        """Appends a picture, which must not be changed afterwards.

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
        """Finishes the file; without a single picture there is none.

        Raises:
            OutputError: The file cannot be finished.
        """
        if self._last is not None:
            image, stamp_ns = self._last
            self._last = None
            self._recorder.write(image, stamp_ns)
        self._recorder.close()

    def _show_until(self, image: BgrImage, from_ns: int, until_ns: int) -> None:
        elapsed_s = min(max((until_ns - from_ns) / _NS_PER_S, 0.0), _LONGEST_GAP_S)
        self._position += elapsed_s * self._rate
        while self._recorder.frames < round(self._position):
            self._recorder.write(image, from_ns)
