"""OpenCV's video capture, without its noise."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, cast

import cv2

_OPEN_TIMEOUT_MS = 10_000
READ_TIMEOUT_S = 10.0
"""After so many seconds without a byte from the network FFmpeg gives up."""

_FFMPEG_QUIET = '-8'
FFMPEG_OPTIONS = 'OPENCV_FFMPEG_CAPTURE_OPTIONS'
"""Variable of OpenCV with which users choose FFmpeg's options themselves."""

# The first is what OpenCV takes without the variable. A camera must not send this machine to others
# of its network. Tried with FFmpeg 8; an older one may not know the option, and follows.
_OPTIONS = 'rtsp_flags;prefer_tcp|max_redirects;0'


class Capture(Protocol):
    """The part of `cv2.VideoCapture` that is used."""

    def isOpened(self) -> bool: ...  # noqa: N802, D102

    def grab(self) -> bool: ...  # noqa: D102

    def retrieve(self) -> tuple[bool, Any]: ...  # noqa: D102

    def get(self, prop: int, /) -> float: ...  # noqa: D102

    def set(self, prop: int, value: float, /) -> bool: ...  # noqa: D102

    def release(self) -> None: ...  # noqa: D102


CaptureOpener = Callable[[str | int], Capture]
"""Opens a device (index or path), an URL or a file; never raises, see `isOpened`."""


def open_device(device: str | int) -> Capture:
    """Opens a V4L2 camera by its index or path."""
    return _open(device, cv2.CAP_V4L2, ())


def open_media(path_or_url: str | int) -> Capture:
    """Opens a video file or a stream with FFmpeg; a silent network fails after ten seconds."""
    timeouts = (
        cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
        _OPEN_TIMEOUT_MS,
        cv2.CAP_PROP_READ_TIMEOUT_MSEC,
        round(1000 * READ_TIMEOUT_S),
    )
    if isinstance(path_or_url, int) or '://' in path_or_url:
        return _open(path_or_url, cv2.CAP_FFMPEG, timeouts)
    with _readable_name(path_or_url) as name:
        return _open(name, cv2.CAP_FFMPEG, timeouts)


@contextmanager
def _readable_name(path: str) -> Iterator[str]:
    """A name of a file that FFmpeg takes for no protocol, and OpenCV can handle.

    `12:30.mp4` and `concat:a|b` would be protocols; OpenCV crashes on names that are not UTF-8,
    for which the system knows another while the file is open.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        try:
            file = Path(path).open('rb')  # noqa: SIM115
        except OSError:  # OpenCV would say no more than that there is nothing
            yield ''
            return
        with file:
            yield f'/dev/fd/{file.fileno()}'
        return
    yield f'file:{os.path.abspath(path)}'  # noqa: PTH100 - links stay as they are


def _open(source: str | int, backend: int, parameters: Sequence[int]) -> Capture:
    silence_opencv()
    capture = cv2.VideoCapture()
    try:
        capture.open(cast(Any, source), backend, list(parameters))
    except cv2.error:
        capture.release()
    return cast(Capture, capture)


def silence_opencv() -> None:
    """Stops OpenCV and FFmpeg from writing to stderr: errors come as exceptions; a user may differ.

    FFmpeg's level is read when the first video is opened, so that this is early enough.
    """
    os.environ.setdefault('OPENCV_FFMPEG_LOGLEVEL', _FFMPEG_QUIET)
    os.environ.setdefault(FFMPEG_OPTIONS, _OPTIONS)
    # OpenCV 4.6, which Ubuntu 24.04 ships, has no such module.
    levels = getattr(cv2.utils, 'logging', None)
    if levels is not None and 'OPENCV_LOG_LEVEL' not in os.environ:
        levels.setLogLevel(levels.LOG_LEVEL_SILENT)
