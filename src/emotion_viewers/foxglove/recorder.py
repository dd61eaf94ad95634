"""Records the channels to an MCAP file."""

import contextlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from emotion_perception.drawing.blur import blur_faces
from emotion_perception.encodings import encode_jpeg
from emotion_perception.errors import OutputError
from emotion_perception.files.bounded import new_beside
from emotion_perception.files.closeable import Closeable
from emotion_perception.types import BgrImage, Face, Frame
from emotion_viewers.foxglove.channels import EmotionChannels

_JPEG_QUALITY: Final = 85  # as the camera node's
_SUFFIX: Final = '.mcap'
_FRAME_ID: Final = 'camera_optical_frame'


def check_mcap_name(path: Path) -> None:
    """Checks that a file can be recorded under a name, before there is anything to record.

    Raises:
        OutputError: The suffix is another.
    """
    if path.suffix.lower() != _SUFFIX:
        raise OutputError(f"'{path.name}' is no name of a recording: use one that ends in .mcap.")


class McapRecorder(Closeable):
    """Writes everything that goes through the channels to a file until it is closed.

    The file grows in a hidden one beside it, which takes its name once it is complete; an old file
    is replaced only then. What a killed process leaves in the hidden one can be read up to its last
    whole chunk, and repaired by `mcap recover`. If there was no frame, no file remains.

    Args:
        path: Ends in .mcap; its folder is created.
        channels: What to record.

    Attributes:
        path: The file.

    Raises:
        OutputError: The name is wrong, or the file cannot be written.
    """

    def __init__(self, path: Path, channels: EmotionChannels) -> None:
        import foxglove

        check_mcap_name(path)
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._unfinished = new_beside(path)
            self._file = _WatchedFile(self._unfinished)
        except OSError as error:
            raise self._failure(error) from error
        self._channels = channels
        self._frames_before = channels.frames
        self._closed = False
        self._writer = foxglove.open_mcap(self._file, context=channels.context)

    @property
    def frames(self) -> int:
        """Frames in the file."""
        return self._channels.frames - self._frames_before

    @property
    def has_failed(self) -> bool:
        """Whether something could not be written; `close` tells what."""
        return self._file.error is not None

    def close(self) -> None:
        """Finishes the file; a second call does nothing.

        Raises:
            OutputError: The file cannot be finished.
        """
        if self._closed:
            return
        self._closed = True
        self._writer.close()
        self._file.close()
        try:
            if self._file.error is not None:
                raise self._file.error
            if self.frames:
                self._unfinished.replace(self.path)
        except OSError as error:
            raise self._failure(error) from error
        finally:
            with contextlib.suppress(OSError):
                self._unfinished.unlink(missing_ok=True)

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(
            f'Recording {self.path} cannot be written ({error.strerror}): '
            'check the free space and the rights of its folder, or choose another output.'
        )


class McapOutput(Closeable):
    """An MCAP file of frames and their results, without ROS; see `McapRecorder`.

    It is opened with the first frame.

    Args:
        path: Ends in .mcap; its folder is created, an old file is replaced.
        blur: Whether to make the faces unrecognisable.

    Attributes:
        path: The file.

    Raises:
        FoxgloveError: foxglove-sdk is not installed.
        OutputError: The name is wrong.
    """

    def __init__(self, path: Path, *, blur: bool = False) -> None:
        check_mcap_name(path)
        self.path = path
        self._blur = blur
        self._channels = EmotionChannels()
        self._recorder: McapRecorder | None = None

    @property
    def frames(self) -> int:
        """Frames in the file."""
        return self._channels.frames

    def write(self, frame: Frame, faces: Sequence[Face]) -> None:
        """Appends a frame.

        Raises:
            OutputError: The file cannot be written.
            ImageFormatError: The image is larger than JPEG allows.
        """
        if self._recorder is None:
            self._recorder = McapRecorder(self.path, self._channels)
        height, width = frame.image.shape[:2]
        self._channels.log_image(frame.stamp_ns, _FRAME_ID, self._jpeg(frame.image, faces))
        self._channels.log_results(frame.stamp_ns, _FRAME_ID, width, height, faces)
        if self._recorder.has_failed:
            self._recorder.close()

    def close(self) -> None:
        """Finishes the file; a second call does nothing.

        Raises:
            OutputError: The file cannot be finished.
        """
        if self._recorder is not None:
            self._recorder.close()

    def _jpeg(self, image: BgrImage, faces: Sequence[Face]) -> bytes:
        if self._blur:
            image = image.copy()
            blur_faces(image, [face.box for face in faces])
        return encode_jpeg(image, _JPEG_QUALITY).tobytes()


class _WatchedFile:
    """A file that remembers its first error, because the SDK only prints it, once per message.

    From then on it takes what it is given and drops it, until somebody looks. The SDK insists on
    finding itself where it believes to be, so the position moves on all the same.
    """

    def __init__(self, path: Path) -> None:
        self.error: OSError | None = None
        self._file = path.open('wb')
        self._position = self._end = 0

    def write(self, data: bytes | bytearray) -> int:
        """Writes bytes."""
        self._try(lambda: self._file.write(data))
        self._position += len(data)
        self._end = max(self._end, self._position)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Changes the position; see `io.IOBase.seek`."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._end}[whence]
        self._position = start + offset
        self._try(lambda: self._file.seek(self._position))
        return self._position

    def flush(self) -> None:
        """Hands what is buffered to the system."""
        self._try(self._file.flush)

    def close(self) -> None:
        """Closes the file."""
        try:
            self._file.close()
        except OSError as error:
            self.error = self.error or error

    def _try(self, action: Callable[[], object]) -> None:
        if self.error is None:
            try:
                action()
            except OSError as error:
                self.error = error
