"""Writes stamped images to a video whose frame rate is not known beforehand."""

from pathlib import Path

from emotion_perception.outputs.video_writer import VideoWriter, check_video_name
from emotion_perception.types import NS_PER_S, BgrImage

_FALLBACK_RATE = 30.0
_RATE_RANGE = (1.0, 240.0)


class VideoRecorder:
    """A video writer that measures the frame rate from the first two stamps.

    The file is made with the second image, or on closing when there was only one.
    """

    def __init__(self, path: Path, frame_rate: float = 0.0) -> None:
        """Stores the path; the first image opens the file.

        Args:
            path: Video file, see `VideoWriter`.
            frame_rate: Frames per second; 0 measures it.

        Raises:
            OutputError: The name's suffix is unknown.
        """
        check_video_name(path)
        self.path = path
        self._frame_rate = frame_rate
        self._first: tuple[BgrImage, int] | None = None
        self._writer: VideoWriter | None = None
        self.frames = 0

    def write(self, image: BgrImage, stamp_ns: int) -> None:
        """Appends an image, which must not be changed afterwards.

        Args:
            image: uint8 [height, width, 3], BGR.
            stamp_ns: Its time in nanoseconds.

        Raises:
            OutputError: The file cannot be written.
        """
        self.frames += 1
        if self._writer is not None:
            self._writer.write(image)
        elif self._frame_rate:
            self._open(image, self._frame_rate)
        elif self._first is None:
            self._first = (image, stamp_ns)
        else:
            first, first_ns = self._first
            self._first = None
            self._open(first, _rate_between(first_ns, stamp_ns)).write(image)

    def close(self) -> None:
        """Finishes the file; without a single image there is none.

        Raises:
            OutputError: The file cannot be finished.
        """
        if self._first is not None:
            first, self._first = self._first[0], None
            self._open(first, _FALLBACK_RATE)
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _open(self, image: BgrImage, frame_rate: float) -> VideoWriter:
        height, width = image.shape[:2]
        self._writer = VideoWriter(self.path, frame_rate, (width, height))
        self._writer.write(image)
        return self._writer


def _rate_between(first_ns: int, second_ns: int) -> float:
    elapsed_s = (second_ns - first_ns) / NS_PER_S
    if elapsed_s <= 0:
        return _FALLBACK_RATE
    low, high = _RATE_RANGE
    # Rounded, because encoders store the rate as a fraction of small whole numbers.
    return round(min(max(1.0 / elapsed_s, low), high), 3)
