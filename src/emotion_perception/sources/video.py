"""Video files."""

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from emotion_perception.address import shown_source
from emotion_perception.errors import SourceError
from emotion_perception.limits import size_problem
from emotion_perception.outputs.sound import SoundTrack, sound_seconds
from emotion_perception.sources.base import CloseableSource, SourceOptions, StampKind, stamp_at
from emotion_perception.sources.capture import Capture, CaptureOpener, open_media
from emotion_perception.sources.movie_header import is_mirrored, movie_seconds
from emotion_perception.types import NS_PER_S, BgrImage, Frame

DEFAULT_RATE = 30.0
"""Frames per second of a file that states none."""

# Of what a file states, less than this share can be read where it is cut off.
_COMPLETE = 0.9
_MAX_UNREADABLE_IN_A_ROW = 30

# FFmpeg shows a text file as a film of a terminal.
_TEXT_CODEC = int.from_bytes(b'ansi', 'little')


class VideoSource(CloseableSource):
    """A video file, or a finite clip behind an URL.

    Args:
        path: Path or URL.
        options: `frame_rate` replaces the times that the file states.
        shown: The file or clip as it may be shown, where it is not to be made of `path`.
        open_capture: Opens the file.

    Attributes:
        size: (width, height) in pixels, as the file states it.

    Raises:
        SourceError: The file is no video, is damaged, or has no frame.
    """

    live = False
    stamp_kind = StampKind.POSITION

    def __init__(
        self,
        path: str,
        options: SourceOptions,
        *,
        shown: str = '',
        open_capture: CaptureOpener = open_media,
    ) -> None:
        super().__init__()
        self.name = f'Video {shown or (shown_source(path) if "://" in path else path)}'
        self._path = path
        self._open_capture = open_capture
        capture = self._opened()
        try:
            if not capture.grab():
                raise SourceError(f'{self.name} has no frames: choose another file.')
            rate = capture.get(cv2.CAP_PROP_FPS)
            count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
            self._flip_axis = _flip_axis(path, capture)
        finally:
            capture.release()
        self.sound = _sound_of(path, options)
        self._fixed_rate = options.frame_rate
        self._stated_rate: float = rate if 0 < rate < 1000 else DEFAULT_RATE
        self.frame_rate: float = options.frame_rate or self._stated_rate
        self.frame_count: int | None = int(count) if 0 < count < 1 << 31 else None

    def __iter__(self) -> Iterator[Frame]:
        """Yields the frames from the first one on; damaged ones are left out and counted.

        Raises:
            SourceError: The file ends long before the time that it states.
        """
        capture = self._opened()
        try:
            yield from self._frames(capture)
        finally:
            capture.release()

    def _frames(self, capture: Capture) -> Iterator[Frame]:
        times = _FrameTimes(self._stated_rate)
        index, unreadable = 0, 0
        while not self._closed and unreadable < _MAX_UNREADABLE_IN_A_ROW and capture.grab():
            stamp_ns = times.next(capture.get(cv2.CAP_PROP_POS_MSEC))
            ok, image = capture.retrieve()
            if ok:
                # A stream may change its size on the way.
                self._check_size(image.shape[1], image.shape[0])
                if self._fixed_rate:
                    stamp_ns = stamp_at(times.count - 1, self._fixed_rate)
                yield Frame(self._unmirrored(image), stamp_ns, index)
                index, unreadable = index + 1, 0
            else:
                self.skipped, unreadable = self.skipped + 1, unreadable + 1
        if not self._closed:
            self._check_complete(times)
            self._end_sound()

    def _unmirrored(self, image: BgrImage) -> BgrImage:
        if self._flip_axis is None:
            return image
        return np.asarray(cv2.flip(image, self._flip_axis), np.uint8)

    def _end_sound(self) -> None:
        if self.sound is not None:
            self.sound.is_whole = True

    def _check_complete(self, times: '_FrameTimes') -> None:
        """The decoder returns the same at the end of the file and where it gives up.

        The number of frames that a container states is an estimate, or counts those that an edit
        list leaves out: what counts is the time.
        """
        if not self.frame_count or times.count >= _COMPLETE * self.frame_count - 1:
            return
        stated_s = movie_seconds(Path(self._path)) or self.frame_count / self._stated_rate
        if times.end_s >= _COMPLETE * stated_s:
            return
        # Of a file that was cut off the sound ends early too; of a whole one it may go on.
        if '://' in self._path or sound_seconds(Path(self._path)) < _COMPLETE * stated_s:
            raise SourceError(
                f'{self.name} ends after {times.end_s:.1f} of the {stated_s:.1f} s that it states '
                f'({times.count} frames): it may be damaged or cut off; copy or record it again.'
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
        self.size = (width, height)
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


def _flip_axis(path: str, capture: Capture) -> int | None:
    """How OpenCV's images are to be flipped (0: top to bottom, 1: left to right); None: not.

    OpenCV turns images by the direction in which the file puts their rows, and knows no mirrors:
    what is flipped left to right it turns upside down.
    """
    if '://' in path or not is_mirrored(Path(path)):
        return None
    is_on_its_side = round(capture.get(cv2.CAP_PROP_ORIENTATION_META)) % 180 != 0
    return 1 if is_on_its_side else 0


def _sound_of(path: str, options: SourceOptions) -> SoundTrack:
    """The sound of a video, with what keeps it from staying with the images."""
    if '://' in path:
        return SoundTrack(None, 'download the video to keep it')
    at_rate = 'the images have another frame rate than the one that it belongs to'
    return SoundTrack(Path(path), at_rate if options.frame_rate else '')


class _FrameTimes:
    """Positions of the frames of one pass, as the container states them.

    Args:
        rate: Frames per second, for frames whose position does not advance.

    Attributes:
        count: Frames so far.
    """

    def __init__(self, rate: float) -> None:
        self.count = 0
        self._step_ns = round(NS_PER_S / rate)
        self._first_ns = 0
        self._last_ns = -self._step_ns
        self._longest_ns = self._step_ns

    def next(self, position_ms: float) -> int:
        """Position of the next frame in nanoseconds, the first one at 0.

        Args:
            position_ms: What OpenCV says of it, in milliseconds.
        """
        stated_ns = round(position_ms * 1e6) if math.isfinite(position_ms) else 0
        if not self.count:
            self._first_ns = stated_ns
        position_ns = stated_ns - self._first_ns
        if position_ns <= self._last_ns:
            position_ns = self._last_ns + self._step_ns
        if self.count:
            self._longest_ns = max(self._longest_ns, position_ns - self._last_ns)
        self.count, self._last_ns = self.count + 1, position_ns
        return position_ns

    @property
    def end_s(self) -> float:
        """When the last frame ends at the latest, in seconds."""
        return (self._last_ns + self._longest_ns) / NS_PER_S if self.count else 0.0
