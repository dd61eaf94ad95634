"""OpenCV's video capture, without its noise."""

import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import cv2

_OPEN_TIMEOUT_MS = 10_000
_READ_TIMEOUT_MS = 10_000
_FFMPEG_QUIET = '-8'


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
        _READ_TIMEOUT_MS,
    )
    return _open(path_or_url, cv2.CAP_FFMPEG, timeouts)


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
    # OpenCV 4.6, which Ubuntu 24.04 ships, has no such module.
    levels = getattr(cv2.utils, 'logging', None)
    if levels is not None and 'OPENCV_LOG_LEVEL' not in os.environ:
        levels.setLogLevel(levels.LOG_LEVEL_SILENT)
