"""Writes videos that play everywhere and survive an interruption.

With imageio-ffmpeg, or another ffmpeg, videos are H.264, or VP9 where that ffmpeg has no encoder of
H.264; without it OpenCV writes MPEG-4 Part 2, which browsers do not play.
"""

import contextlib
import errno
import math
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final, Protocol

import cv2
import numpy as np

from emotion_perception.errors import ImageFormatError, OutputError
from emotion_perception.files.bounded import new_beside, open_output
from emotion_perception.files.closeable import Closeable
from emotion_perception.outputs.ffmpeg import (
    EXECUTABLE,
    as_argument,
    find_ffmpeg,
    reason_of,
    video_encoders,
)
from emotion_perception.types import BgrImage

# The default conversion from BGR uses this matrix; saying so keeps players from guessing.
_YUV: Final = ('-pix_fmt', 'yuv420p', '-colorspace', 'smpte170m', '-color_range', 'tv')
_FAST: Final = ('-deadline', 'realtime', '-cpu-used', '8', '-row-mt', '1')
# Of about the same quality. Only the first is under the GPL.
_H264: Final = {
    'libx264': ('-preset', 'veryfast', '-crf', '20', *_YUV),
    'libopenh264': ('-rc_mode', 'off', *_YUV),  # its other modes want to know a bit rate
}
_VP9: Final = {'libvpx-vp9': (*_FAST, '-crf', '24', '-b:v', '0', *_YUV)}
# A palette per frame needs no second pass over the video.
_PALETTES: Final = 'split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1'
# What players of each container know, by ffmpeg's names; the first that ffmpeg has is taken.
_ENCODERS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    '.mp4': _H264 | _VP9,
    '.mkv': _H264 | _VP9,
    '.avi': _H264,
    '.gif': {'gif': ('-filter_complex', _PALETTES)},
}
# Fragments: each second of video is complete in itself, so a killed run leaves a readable file.
_FRAGMENTS: Final = ('-movflags', '+frag_keyframe+empty_moov+default_base_moof')
_FOURCC: Final[dict[str, str]] = {'.mp4': 'mp4v', '.mkv': 'mp4v', '.avi': 'MJPG'}
_CLOSE_TIMEOUT = 120.0  # seconds for the encoder to write what it holds


class _Encoder(Protocol):
    """Takes frames of one even size and finishes the file."""

    def write(self, image: BgrImage) -> None: ...

    def close(self) -> None: ...


class VideoWriter(Closeable):
    """Writes images to a video file.

    Frames of another size than the first are fitted into it with black bars; a side of odd length
    gets one more row or column, because H.264 in yuv420p needs even ones. An MP4 file stays
    readable when the process is killed, and is an ordinary one with its index in front once closed.
    If no frame was written, no file remains.

    Args:
        path: Ends in .mp4, .mkv, .avi or .gif; its folder is created, an old file is replaced.
        frame_rate: Frames per second, > 0.
        size: (width, height) of the frames in pixels, each > 0.

    Raises:
        OutputError: The suffix is unknown, frame rate or size is not positive, the file cannot be
            written, or no encoder for it is installed.
    """

    def __init__(self, path: str | Path, frame_rate: float, size: tuple[int, int]) -> None:
        self.path = Path(path)
        _check_arguments(self.path, frame_rate, size)
        self.size = (size[0] + size[0] % 2, size[1] + size[1] % 2)
        self.frames = 0
        self._inner_size = size
        self._encoder: _Encoder | None = _open_encoder(self.path, frame_rate, self.size)

    def write(self, image: BgrImage) -> None:
        """Appends an image.

        Args:
            image: uint8 [height, width, 3], BGR; may be read-only.

        Raises:
            OutputError: The file cannot be written any more, or the writer is closed.
            ImageFormatError: The image is not uint8 with three channels, or is empty.
        """
        if self._encoder is None:
            raise OutputError(f'Video {self.path} is closed already: open a new one to write more.')
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise ImageFormatError(
                f'A video frame is {image.dtype} {list(image.shape)}: '
                'convert it to uint8 [height, width, 3] in BGR order first.'
            )
        self._encoder.write(_fitted(image, self._inner_size, self.size))
        self.frames += 1

    def close(self) -> None:
        """Finishes the file; a second call does nothing.

        Raises:
            OutputError: The rest of the video could not be written.
        """
        encoder, self._encoder = self._encoder, None
        if encoder is None:
            return
        try:
            encoder.close()
        except OutputError:
            # An encoder that never saw a frame complains about that; there is nothing to lose.
            if self.frames:
                raise
        if not self.frames:
            _remove(self.path)


class _FfmpegEncoder:
    """Pipes raw frames into an ffmpeg process."""

    def __init__(self, command: Sequence[str], path: Path) -> None:
        self._executable = command[0]
        self._path = path
        try:
            # A file, not a pipe: nobody reads meanwhile, and a full pipe would block.
            self._messages: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._messages,
                # Ctrl-C goes to the whole process group; ffmpeg must outlive it to finish the file.
                start_new_session=True,
            )
        except OSError as error:
            raise OutputError(
                f'The video encoder {self._executable} cannot be started ({error.strerror}): '
                'check the memory and the temporary folder, or choose another output than video.'
            ) from error

    def write(self, image: BgrImage) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(image).data)
        except OSError as error:
            raise self._failure() from error

    def close(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError as error:
            raise self._failure() from error
        if self._exit_code() != 0:
            raise self._failure()
        self._messages.close()
        if self._path.suffix.lower() == '.mp4':
            _put_index_in_front(self._executable, self._path)

    def _exit_code(self) -> int:
        try:
            return self._process.wait(_CLOSE_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _failure(self) -> OutputError:
        # A broken pipe comes before the exit, and the reason is in the messages only after it.
        code = self._exit_code()
        self._messages.seek(0)
        lines = self._messages.read().decode(errors='replace').strip().splitlines()
        reason = reason_of(lines) or f'exit code {code}'
        return OutputError(f'Video {self._path} cannot be written ({reason}): {_cure_of(lines)}.')


class _OpenCvEncoder:
    """OpenCV's own encoder, for machines without ffmpeg."""

    def __init__(self, path: Path, frame_rate: float, size: tuple[int, int]) -> None:
        fourcc = cv2.VideoWriter.fourcc(*_FOURCC[path.suffix.lower()])
        # Of a relative name such as `concat:a` FFmpeg would make a protocol.
        self._writer = cv2.VideoWriter(str(path.absolute()), fourcc, frame_rate, size)
        if not self._writer.isOpened():
            raise OutputError(
                f'OpenCV cannot write the video {path}: install imageio-ffmpeg, '
                'or choose a folder that can be written.'
            )

    def write(self, image: BgrImage) -> None:
        self._writer.write(image)

    def close(self) -> None:
        self._writer.release()


def check_video_name(path: Path) -> None:
    """Checks that a video can be written under a name, before there is anything to write.

    Raises:
        OutputError: The suffix is unknown.
    """
    if path.suffix.lower() not in _ENCODERS:
        raise OutputError(
            f"Videos cannot be written as '{path.name}': use a name that ends in "
            f'{", ".join(_ENCODERS)}.'
        )


def _check_arguments(path: Path, frame_rate: float, size: tuple[int, int]) -> None:
    check_video_name(path)
    if not (math.isfinite(frame_rate) and frame_rate > 0):
        raise OutputError(
            f'A video cannot have {frame_rate} frames per second: give a positive number.'
        )
    if min(size) < 1:
        raise OutputError(
            f'A video cannot be {size[0]}x{size[1]} pixels large: both must be positive.'
        )


def _make_writable(path: Path) -> None:
    """Creates the folder and tries the file, so that the first message names the true cause."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(open_output(path))
        if path.is_fifo():  # a video is gone back in, and replaced by its finished copy
            raise OSError(errno.EINVAL, 'it is a pipe')
    except OSError as error:
        raise OutputError(
            f'Video {path} cannot be written ({error.strerror}): choose another output.'
        ) from error


def _open_encoder(path: Path, frame_rate: float, size: tuple[int, int]) -> _Encoder:
    suffix, executable = path.suffix.lower(), find_ffmpeg()
    known = video_encoders(executable) if executable else frozenset()
    encoder = next(filter(known.__contains__, _ENCODERS[suffix]), None)
    if executable and encoder:
        _make_writable(path)
        command = _ffmpeg_command(executable, encoder, path, frame_rate, size)
        return _FfmpegEncoder(command, path)
    if suffix not in _FOURCC:
        lacks = f'{executable} has no encoder for it' if executable else 'there is no ffmpeg'
        raise OutputError(
            f'{path.name} cannot be written ({lacks}): install imageio-ffmpeg, name another ffmpeg '
            f'by {EXECUTABLE}, or use a name that ends in {", ".join(_FOURCC)}.'
        )
    _make_writable(path)
    return _OpenCvEncoder(path, frame_rate, size)


def _ffmpeg_command(
    executable: str, encoder: str, path: Path, frame_rate: float, size: tuple[int, int]
) -> list[str]:
    suffix = path.suffix.lower()
    raw_frames = ('-f', 'rawvideo', '-pix_fmt', 'bgr24', '-s', f'{size[0]}x{size[1]}')
    # Given twice: as `-framerate` alone ffmpeg takes a rate that it guesses from the first frames,
    # such as 240 for 250, and leaves frames out.
    rate = f'{frame_rate:.6f}'
    keyframe_every_second = ('-g', str(max(1, round(frame_rate))))
    # Two threads keep up with 1080p at 30 frames/s and leave the others to the networks.
    return [
        *(executable, '-hide_banner', '-loglevel', 'error', '-y'),
        *(*raw_frames, '-framerate', rate, '-r', rate, '-i', 'pipe:0', '-an'),
        *('-c:v', encoder, *_ENCODERS[suffix][encoder]),
        *(_FRAGMENTS if suffix == '.mp4' else ()),
        *(*keyframe_every_second, '-threads', '2', '-flush_packets', '1', as_argument(path)),
    ]


def _put_index_in_front(executable: str, path: Path) -> None:
    """Turns a fragmented MP4 into an ordinary one, which more players can seek in.

    The fragmented file is complete: where the copy fails, for want of space, it stays.
    """
    try:
        copy = new_beside(path)
    except OSError:
        return
    command = [
        *(executable, '-hide_banner', '-loglevel', 'error', '-y', '-i', as_argument(path)),
        *('-c', 'copy', '-movflags', '+faststart', as_argument(copy)),
    ]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            start_new_session=True,
        )
        if done.returncode == 0:
            copy.replace(path)
    except OSError:
        pass
    finally:
        _remove(copy)


def _cure_of(lines: Sequence[str]) -> str:
    """What to do about it, as far as ffmpeg says what it is."""
    text = ' '.join(lines)
    cures = {
        'No space left on device': 'make space, or choose another output',
        'File too large': 'the file system or a limit allows no larger file; choose another output',
        'Permission denied': 'check the rights of its folder, or choose another output',
    }
    known = (cure for part, cure in cures.items() if part in text)
    return next(known, 'that is all that ffmpeg says of it; choose another output or suffix')


def _fitted(image: BgrImage, inner: tuple[int, int], outer: tuple[int, int]) -> BgrImage:
    """The image letterboxed into `inner`, then its edge repeated up to `outer`."""
    if (image.shape[1], image.shape[0]) != inner:
        image = _letterboxed(image, inner)
    if inner == outer:
        return image
    right, bottom = outer[0] - inner[0], outer[1] - inner[1]
    padded = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REPLICATE)
    return np.asarray(padded, np.uint8)


def _letterboxed(image: BgrImage, size: tuple[int, int]) -> BgrImage:
    width, height = size
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas: BgrImage = np.zeros((height, width, 3), np.uint8)
    area = canvas[top : top + inner[1], left : left + inner[0]]
    area[:] = cv2.resize(image, inner, interpolation=method)
    return canvas


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
