"""Video files."""

from collections.abc import Iterator

import cv2

from emotion_perception.errors import SourceError
from emotion_perception.limits import size_problem
from emotion_perception.sources.base import CloseableSource, SourceOptions, StampKind, stamp_at
from emotion_perception.sources.camera import without_password
from emotion_perception.sources.capture import Capture, CaptureOpener, open_media
from emotion_perception.types import Frame

DEFAULT_RATE = 30.0
"""Frames per second of a file that states none."""

# A frame count that a container states may be an estimate; less than this share is a cut-off file.
_COMPLETE = 0.9
_MAX_UNREADABLE_IN_A_ROW = 30

# FFmpeg shows a text file as a film of a terminal.
_TEXT_CODEC = int.from_bytes(b'ansi', 'little')


class VideoSource(CloseableSource):
    """A video file, or a finite clip behind an URL.

    Args:
        path: Path or URL.
        options: `frame_rate` replaces the file's own rate.
        open_capture: Opens the file.

    Raises:
        SourceError: The file is no video, is damaged, or has no frame.
    """

    live = False
    stamp_kind = StampKind.POSITION

    def __init__(
        self, path: str, options: SourceOptions, *, open_capture: CaptureOpener = open_media
    ) -> None:
        super().__init__()
        self.name = f'Video {without_password(path) if "://" in path else path}'
        self._path = path
        self._open_capture = open_capture
        capture = self._opened()
        try:
            if not capture.grab():
                raise SourceError(f'{self.name} has no frames: choose another file.')
            rate = capture.get(cv2.CAP_PROP_FPS)
            count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        finally:
            capture.release()
        self.frame_rate: float = options.frame_rate or (rate if 0 < rate < 1000 else DEFAULT_RATE)
        self.frame_count: int | None = int(count) if 0 < count < 1 << 31 else None

    def __iter__(self) -> Iterator[Frame]:
        """Yields the frames from the first one on; damaged ones are left out and counted.

        Raises:
            SourceError: The file ends long before the frame count that it states.
        """
        capture = self._opened()
        try:
            yield from self._frames(capture)
        finally:
            capture.release()

    def _frames(self, capture: Capture) -> Iterator[Frame]:
        position, index, unreadable = 0, 0, 0
        while not self._closed and unreadable < _MAX_UNREADABLE_IN_A_ROW and capture.grab():
            ok, image = capture.retrieve()
            if ok:
                # A stream may change its size on the way.
                self._check_size(image.shape[1], image.shape[0])
                yield Frame(image, stamp_at(position, self.frame_rate), index)
                index, unreadable = index + 1, 0
            else:
                self.skipped, unreadable = self.skipped + 1, unreadable + 1
            position += 1
        if not self._closed:
            self._check_complete(position)

    def _check_complete(self, position: int) -> None:
        # The decoder returns the same at the end of the file and where it gives up.
        if self.frame_count and position < _COMPLETE * self.frame_count - 1:
            raise SourceError(
                f'{self.name} is damaged or was cut off: only {position} of '
                f'{self.frame_count} frames can be read; copy or record it again.'
            )

    def _opened(self) -> Capture:
        capture = self._open_capture(self._path)
        if not capture.isOpened() or capture.get(cv2.CAP_PROP_FOURCC) == _TEXT_CODEC:
            capture.release()
            raise SourceError(
                f'{self.name} cannot be opened: it is no video or it is damaged; choose '
                'a video, image, folder or bag.'
            )
        width = int(capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        try:
            self._check_size(width, height)
        except SourceError:
            capture.release()
            raise
        return capture

    def _check_size(self, width: int, height: int) -> None:
        problem = size_problem(width, height)
        if problem:
            raise SourceError(f'{self.name} is refused: {problem}.')
