"""From what a user writes to a frame source."""

import glob
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

import cv2

from emotion_perception.address import shown_source, with_secrets
from emotion_perception.errors import SourceError
from emotion_perception.files.bounded import is_regular_or_folder
from emotion_perception.sources.base import FrameSource, SourceOptions
from emotion_perception.sources.camera import CameraSource
from emotion_perception.sources.capture import open_media
from emotion_perception.sources.demo import DemoSource
from emotion_perception.sources.image_files import (
    AnimationSource,
    ImageFileSource,
    choose_images,
    image_files_in,
    is_animated,
    is_image_file,
)
from emotion_perception.sources.playback import LoopingSource
from emotion_perception.sources.video import VideoSource

DEMO = 'demo'

# FFmpeg would open what they name: other files of this machine.
_PLAYLIST_MARKS = (b'ffconcat', b'#EXTM3U', b'\xef\xbb\xbf#EXTM3U')
_LONGEST_MARK = max(map(len, _PLAYLIST_MARKS))

_STREAM_SCHEMES = ('rtsp', 'rtsps', 'rtmp', 'http', 'https', 'udp', 'tcp', 'srt')
_URL = re.compile(r'([A-Za-z][A-Za-z0-9+.-]*)://')


def open_source(spec: str, options: SourceOptions | None = None) -> FrameSource:
    """Opens a frame source.

    Args:
        spec: '0' or '/dev/video0' (camera), 'rtsp://...' or 'http://...' (stream), a video, an
            animated or still image, a folder of images, a glob pattern, a rosbag (folder,
            .mcap, .db3 or .bag file), or 'demo' (a synthetic clip of a face). `${NAME}` in an
            address is a variable of the environment.
        options: How to open it.

    Returns:
        The source; close it, or use it as a context manager.

    Raises:
        SourceError: It does not exist, cannot be opened, or is damaged.
    """
    options = options or SourceOptions()
    source = _open(spec.strip(), options)
    return LoopingSource(source) if options.loop and not source.live else source


def is_live(spec: str) -> bool:
    """Says whether a specification names a camera or stream, which may come back when lost.

    Raises:
        SourceError: It names a variable of the environment that is not set.
    """
    spec = with_secrets(spec.strip())
    return _is_device(spec) or _scheme(spec) in _STREAM_SCHEMES


def _open(spec: str, options: SourceOptions) -> FrameSource:
    if not spec:
        raise SourceError('No source is given: name a camera, file, folder, bag, URL or demo.')
    shown, spec = shown_source(spec), with_secrets(spec)
    if spec == DEMO:
        return DemoSource(options)
    if _is_device(spec):
        return CameraSource(int(spec) if spec.isdecimal() else spec, options)
    scheme = _scheme(spec)
    if scheme == 'file':
        return _open_path(Path(unquote(urlsplit(spec).path)), options)
    if scheme in _STREAM_SCHEMES:
        return _open_url(spec, options, shown)
    if scheme:
        raise SourceError(
            f'Source {shown!r} has an unknown scheme: use {", ".join(_STREAM_SCHEMES)} or a path.'
        )
    return _open_path(Path(spec).expanduser(), options)


def _is_device(spec: str) -> bool:
    if spec.isascii() and spec.isdecimal():
        return True
    # /dev/shm holds ordinary files.
    return spec.startswith('/dev/') and not (Path(spec).is_file() or Path(spec).is_dir())


def _scheme(spec: str) -> str:
    match = _URL.match(spec)
    return match.group(1).lower() if match else ''


def _open_url(url: str, options: SourceOptions, shown: str) -> FrameSource:
    """A file on a web server states its number of frames and ends; a stream does not."""
    if _scheme(url) in ('http', 'https'):
        capture = open_media(url)
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT) if capture.isOpened() else 0
        capture.release()
        if count > 0:
            return VideoSource(url, options, shown=shown)
    return CameraSource(url, options, shown=shown)


def _open_path(path: Path, options: SourceOptions) -> FrameSource:
    # A launch file that asks `is_live` runs in the Python of ros2, which has no rosbags.
    from emotion_perception.bags.reader import is_bag
    from emotion_perception.sources.bag import BagSource

    try:
        if not path.exists():
            return _open_pattern(path, options)
        if not is_regular_or_folder(path):
            raise SourceError(f'{path} is a pipe, socket or device: give a file, or a camera.')
        if is_bag(path) or path.suffix == '.active':
            return BagSource(path, options)
        if path.is_dir():
            chosen = image_files_in(path)
            chosen.warn(f'Folder {path}')
            return ImageFileSource(chosen.images, f'Folder {path}', options)
        return _open_file(path, options)
    except PermissionError as error:
        raise SourceError(f'{path} cannot be read: you lack the permission.') from error
    except (OSError, ValueError) as error:  # a name that is too long or holds a NUL
        raise SourceError(
            f'{shown_source(str(path))!r} cannot be opened ({_cause(error)}): check the path.'
        ) from error


def _cause(error: OSError | ValueError) -> str:
    """Without the name, which may be an address that was written wrongly."""
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else str(error)


def _open_pattern(path: Path, options: SourceOptions) -> FrameSource:
    if not glob.has_magic(str(path)):
        raise SourceError(
            f'{shown_source(str(path))} does not exist: check the path, or use the source demo.'
        )
    files = [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207
    chosen = choose_images((file for file in files if file.is_file()), is_image_file)
    if not chosen.images:
        raise SourceError(f'No image matches {shown_source(str(path))}: check the pattern.')
    chosen.warn(f'Images {path}')
    return ImageFileSource(chosen.images, f'Images {path}', options)


def _open_file(path: Path, options: SourceOptions) -> FrameSource:
    with path.open('rb') as file:  # raises PermissionError
        start = file.read(_LONGEST_MARK)
    if not start:
        raise SourceError(f'{path} is empty: copy or record it again.')
    if start.startswith(_PLAYLIST_MARKS):
        raise SourceError(f'{path} is a playlist, which may name any file: give the video itself.')
    if is_animated(path):
        return AnimationSource(path, options)
    if is_image_file(path):
        return ImageFileSource([path], f'Image {path}', options)
    return VideoSource(str(path), options)
