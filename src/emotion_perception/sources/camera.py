"""Cameras and network streams, opened again when they are lost."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Lock

import cv2

from emotion_perception.address import shown_source
from emotion_perception.errors import SourceError
from emotion_perception.limits import size_problem
from emotion_perception.sources.base import CloseableSource, FrameSource, SourceOptions, StampKind
from emotion_perception.sources.capture import (
    READ_TIMEOUT_S,
    Capture,
    CaptureOpener,
    open_device,
    open_media,
)
from emotion_perception.sources.stream_problem import stream_problem
from emotion_perception.types import BgrImage, Frame


class CameraSource(CloseableSource):
    """A camera or stream that gives frames in its own time, for ever.

    Args:
        device: Index (0 for /dev/video0), path of a device, or URL of a stream.
        shown: The device as it may be shown, where it is not to be made of `device`.
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
        shown: str = '',
        open_capture: CaptureOpener | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__()
        is_stream = isinstance(device, str) and '://' in device
        shown = shown or shown_source(str(device))
        self.name = f'{"Stream" if is_stream else "Camera"} {shown}'
        self._clock_ns = clock_ns
        self._is_stream = is_stream
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
            asked_s = time.monotonic()
            ok = self._capture.grab()
            if self._is_stream and time.monotonic() - asked_s > READ_TIMEOUT_S:
                ok = False  # FFmpeg has given up, and hands out what its decoder still held
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
        return stream_problem(device, name)
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
