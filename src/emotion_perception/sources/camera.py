"""Cameras (V4L2) and network streams."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock

import cv2

from emotion_perception.errors import SourceError
from emotion_perception.limits import size_problem
from emotion_perception.sources.base import CloseableSource, SourceOptions, StampKind
from emotion_perception.sources.capture import Capture, CaptureOpener, open_device, open_media
from emotion_perception.types import BgrImage, Frame


class CameraSource(CloseableSource):
    """A camera or stream that gives frames in its own time, for ever.

    Args:
        device: Index (0 for /dev/video0), path of a device, or URL of a stream.
        options: Size, rate and pixel format asked of the driver, which may choose others.
        open_capture: Opens the device; chosen by the kind of device when None.
        clock_ns: Time in nanoseconds since the epoch.

    Raises:
        SourceError: The device cannot be opened.
    """

    live = True
    stamp_kind = StampKind.ACQUISITION
    frame_count = None

    def __init__(
        self,
        device: str | int,
        options: SourceOptions,
        *,
        open_capture: CaptureOpener | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__()
        is_stream = isinstance(device, str) and '://' in device
        self.name = f'Camera {device}' if isinstance(device, int) else _name(device)
        self._clock_ns = clock_ns
        self._lock = Lock()
        self._capture = (open_capture or (open_media if is_stream else open_device))(device)
        if not self._capture.isOpened():
            self._capture.release()
            raise SourceError(_why_closed(device, self.name))
        if not is_stream:
            _configure(self._capture, options)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.frame_rate: float | None = rate if 0 < rate < 1000 else None

    def __iter__(self) -> Iterator[Frame]:
        """Yields frames stamped with the time at which the driver handed them over.

        Raises:
            SourceError: The device gives no more frames.
        """
        index = 0
        while True:
            grabbed = self._read()
            if grabbed is None:
                return
            stamp_ns, image = grabbed
            yield Frame(image, stamp_ns, index)
            index += 1

    def _read(self) -> tuple[int, BgrImage] | None:
        # Releasing a capture while another thread grabs crashes the driver's glue: one at a time.
        with self._lock:
            if self._closed:
                return None
            ok = self._capture.grab()
            stamp_ns = self._clock_ns()
            if ok:
                ok, image = self._capture.retrieve()
        if not ok:
            raise SourceError(
                f'{self.name} gives no more frames: check its cable or its network connection.'
            )
        problem = size_problem(image.shape[1], image.shape[0])
        if problem:
            raise SourceError(f'{self.name} gives an image that is refused: {problem}.')
        return stamp_ns, image

    def close(self) -> None:
        """Ends the iteration after the frame in progress and frees the device."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._capture.release()


def _name(device: str) -> str:
    return f'Stream {without_password(device)}' if '://' in device else f'Camera {device}'


def without_password(url: str) -> str:
    """An URL as it may be shown: user and password are left out."""
    scheme, separator, rest = url.partition('://')
    host, slash, path = rest.partition('/')
    return f'{scheme}{separator}{host.rpartition("@")[2]}{slash}{path}'


def _configure(capture: Capture, options: SourceOptions) -> None:
    # The pixel format first: the sizes and rates on offer depend on it.
    if options.pixel_format:
        code = cv2.VideoWriter.fourcc(*options.pixel_format)
        capture.set(cv2.CAP_PROP_FOURCC, code)
    for prop, value in (
        (cv2.CAP_PROP_FRAME_WIDTH, options.width),
        (cv2.CAP_PROP_FRAME_HEIGHT, options.height),
        (cv2.CAP_PROP_FPS, options.frame_rate),
        # One frame in the driver's queue: a late reader gets a new image, not an old one.
        (cv2.CAP_PROP_BUFFERSIZE, 1),
    ):
        if value:
            capture.set(prop, value)


def _why_closed(device: str | int, name: str) -> str:
    if isinstance(device, str) and '://' in device:
        return f'{name} cannot be opened: check the address, the network and the password.'
    path = Path(f'/dev/video{device}' if isinstance(device, int) else device)
    if not path.exists():
        found = ', '.join(sorted(str(p) for p in Path('/dev').glob('video*'))) or 'none'
        return f'{name} cannot be opened: {path} does not exist; video devices here: {found}.'
    if not os.access(path, os.R_OK | os.W_OK):
        return (
            f'{name} cannot be opened: you lack the permission for {path}; join the group video '
            'with `sudo usermod -aG video $USER` and log in again.'
        )
    return (
        f'{name} cannot be opened: {path} is no camera or is in use by another program; close that '
        'program or choose another device.'
    )
