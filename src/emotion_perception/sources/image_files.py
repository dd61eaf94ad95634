"""Still images, folders of them, and animated images (GIF, WebP, PNG)."""

import logging
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import cv2
import numpy as np
from PIL import Image

from emotion_perception.encodings import STILL_FORMATS, decode_still
from emotion_perception.encodings.photos import HEAD_BYTES, is_animation, lack, photo_format
from emotion_perception.errors import ImageFormatError, SourceError
from emotion_perception.files.bounded import read_bounded
from emotion_perception.limits import (
    MAX_ANIMATION_PIXELS,
    MAX_IMAGE_BYTES,
    MAX_PIXELS,
    size_problem,
)
from emotion_perception.sources.base import (
    CloseableSource,
    SourceOptions,
    StampKind,
    stamp_at,
)
from emotion_perception.types import NS_PER_S, BgrImage, Frame

_LOGGER = logging.getLogger(__name__)

IMAGE_SUFFIXES = frozenset(
    (
        *('.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.bmp', '.webp', '.tif', '.tiff'),
        *('.ppm', '.pgm', '.pbm', '.gif', '.heic', '.heif', '.hif', '.avif'),
    )
)
_ANIMATED_SUFFIXES = frozenset(('.gif', '.webp'))

DEFAULT_RATE = 10.0
"""Frames per second of images that have no rate of their own."""

# Browsers play frames without a sensible duration for a tenth of a second.
_SHORTEST_MS, _DEFAULT_MS = 10.0, 100.0
_NAMED = 3  # of many files that are left out, so many are named
_ANIMATED_FORMATS = ('GIF', 'WEBP', 'PNG')

# Pillow's errors on damaged files, beside OSError.
_DAMAGED = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    IndexError,
    struct.error,
    Image.DecompressionBombError,
)


class ImageFileSource(CloseableSource):
    """One or many still images, a frame each; a damaged one among many is left out and counted.

    Args:
        paths: The images in order; at least one.
        name: What they are called together.
        options: `frame_rate` replaces DEFAULT_RATE.
    """

    live = False
    stamp_kind = StampKind.POSITION

    def __init__(self, paths: Sequence[Path], name: str, options: SourceOptions) -> None:
        super().__init__()
        self.name = name
        self.frame_rate: float = options.frame_rate or DEFAULT_RATE
        self.frame_count: int | None = len(paths)
        self._paths = paths

    def __iter__(self) -> Iterator[Frame]:
        """Yields the images, upright.

        Raises:
            SourceError: Not one of the images can be read.
        """
        index = 0
        first_error: Exception | None = None
        for position, path in enumerate(self._paths):
            if self._closed:
                return
            try:
                image = read_image_file(path)
            except SourceError as error:
                self.skipped += 1
                first_error = first_error or error
                continue
            yield Frame(image, stamp_at(position, self.frame_rate), index)
            index += 1
        if index == 0 and first_error:
            raise first_error


class AnimationSource(CloseableSource):
    """An animated image; every frame keeps its own duration.

    Args:
        path: A GIF, WebP or PNG file.
        options: `frame_rate` replaces the frames' own durations.

    Attributes:
        size: (width, height) in pixels.

    Raises:
        SourceError: The file is damaged.
    """

    live = False
    stamp_kind = StampKind.POSITION

    def __init__(self, path: Path, options: SourceOptions) -> None:
        super().__init__()
        self.name = f'Animation {path}'
        self._path = path
        self._fixed_rate = options.frame_rate
        self._durations_ns = self._read_durations()
        count = len(self._durations_ns)
        self.frame_count: int | None = count
        self.frame_rate: float = options.frame_rate or count * NS_PER_S / sum(self._durations_ns)

    def __iter__(self) -> Iterator[Frame]:
        """Yields the frames.

        Raises:
            SourceError: The file is damaged from some frame on.
        """
        stamp_ns = 0
        with self._opened() as animation:
            for index, duration_ns in enumerate(self._durations_ns):
                if self._closed:
                    return
                if self._fixed_rate:
                    stamp_ns = stamp_at(index, self._fixed_rate)
                yield Frame(self._frame(animation, index), stamp_ns, index)
                stamp_ns += duration_ns

    def _frame(self, animation: Image.Image, index: int) -> BgrImage:
        try:
            animation.seek(index)
            rgb = np.asarray(animation.convert('RGB'))
        except _DAMAGED as error:
            raise SourceError(
                f'Animation {self._path} is damaged: frame {index + 1} of {self.frame_count} '
                'cannot be read; copy it again.'
            ) from error
        return cast(BgrImage, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))

    def _read_durations(self) -> list[int]:
        durations = []
        with self._opened() as animation:
            self.size: tuple[int, int] = animation.size
            problem = size_problem(*animation.size)
            if problem:
                raise SourceError(f'Animation {self._path} is refused: {problem}.')
            try:
                count = getattr(animation, 'n_frames', 1)
                self._check_work(count, animation)
                for index in range(count):
                    animation.seek(index)
                    durations.append(_duration_ns(animation))
            except _DAMAGED as error:
                raise SourceError(
                    f'Animation {self._path} is damaged or was cut off: copy it again.'
                ) from error
        return durations

    def _check_work(self, count: int, animation: Image.Image) -> None:
        # Every frame, however little it changes, costs a pass over the whole image.
        if count * animation.width * animation.height > MAX_ANIMATION_PIXELS:
            raise SourceError(
                f'Animation {self._path} is refused: its {count} frames have '
                f'{animation.width}x{animation.height} pixels; convert it to a video.'
            )

    def _opened(self) -> Image.Image:
        try:
            return Image.open(self._path, formats=_ANIMATED_FORMATS)
        except Image.DecompressionBombError as error:
            raise SourceError(
                f'Animation {self._path} is refused: it has too many pixels.'
            ) from error
        except _DAMAGED as error:
            raise SourceError(
                f'Animation {self._path} cannot be opened: it is no GIF, WebP or PNG, or it is '
                'damaged.'
            ) from error


def is_image_file(path: Path) -> bool:
    """Says whether a file is an image, by its bytes; an image's suffix counts if damaged."""
    if has_image_suffix(path):
        return True
    try:
        if photo_format(_head(path)):
            return True
        # Pillow knows many more formats, whose parsers need not see what nobody can decode.
        with Image.open(path, formats=(*STILL_FORMATS, *_ANIMATED_FORMATS)):
            return True
    except _DAMAGED:
        return False


def is_animated(path: Path) -> bool:
    """Says whether an image has more than one frame (pages of a TIFF do not count)."""
    try:
        with Image.open(path, formats=_ANIMATED_FORMATS) as image:
            return image.format == 'GIF' or bool(getattr(image, 'is_animated', False))
    except Image.DecompressionBombError:
        return path.suffix.lower() == '.gif'  # which is refused with the right reason
    except _DAMAGED:
        return False


def read_image_file(path: Path, max_pixels: int = MAX_PIXELS) -> BgrImage:
    """Reads an image file, upright.

    Args:
        path: The file.
        max_pixels: Largest width x height.

    Raises:
        SourceError: It cannot be read or is damaged.
    """
    try:
        return decode_still(read_bounded(path, MAX_IMAGE_BYTES), str(path), max_pixels)
    except OSError as error:
        raise SourceError(f'Image {path} cannot be read ({error.strerror}).') from error
    except ImageFormatError as error:
        raise SourceError(str(error)) from error


class Chosen(NamedTuple):
    """What of many files is looked at.

    Attributes:
        images: The still images, in natural order.
        left_out: Half sentences about files that are no still images.
        unreadable: Half sentences about still images that this installation cannot read.
    """

    images: list[Path]
    left_out: list[str]
    unreadable: list[str]

    def warn(self, where: str) -> None:
        """Logs what is left out, in one line; nothing when nothing is."""
        left_out = [*self.unreadable, *self.left_out]
        if left_out:
            _LOGGER.warning('%s: left out are %s.', where, '; '.join(left_out))


def has_image_suffix(path: Path) -> bool:
    """Says whether a file is an image by its name alone."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def choose_images(
    files: Iterable[Path], is_image: Callable[[Path], bool] = has_image_suffix
) -> Chosen:
    """Tells the still images among files from what else lies there."""
    images: list[Path] = []
    animations: list[Path] = []
    others: Counter[str] = Counter()
    lacks: Counter[str] = Counter()
    for path in files:
        if not is_image(path):
            others[path.suffix or 'without an ending'] += 1
        elif is_animation_file(path):
            animations.append(path)
        elif lacking := _lacking(path):
            lacks[lacking] += 1
        else:
            images.append(path)
    left_out = []
    if animations:
        names = _some(natural_order(animations))
        left_out.append(f'{len(animations)} animations, which `emotion video` takes ({names})')
    if others:
        kinds = ', '.join(f'{count} {kind}' for kind, count in sorted(others.items()))
        left_out.append(f'files that are no images ({kinds})')
    unreadable = [f'{count} images: {lacking}' for lacking, count in sorted(lacks.items())]
    return Chosen(natural_order(images), left_out, unreadable)


def image_files_in(folder: Path) -> Chosen:
    """The images of a folder (not of its subfolders); hidden files do not count.

    Raises:
        SourceError: There is none that can be read.
    """
    files = (path for path in folder.iterdir() if not path.name.startswith('.'))
    chosen = choose_images(path for path in files if path.is_file())
    if not chosen.images and (left_out := [*chosen.unreadable, *chosen.left_out]):
        raise SourceError(
            f'Folder {folder} has no images that can be read: there are {"; ".join(left_out)}.'
        )
    if not chosen.images:
        raise SourceError(
            f'Folder {folder} has no images: it needs {", ".join(sorted(IMAGE_SUFFIXES))} '
            'files, or a bag.'
        )
    return chosen


def is_animation_file(path: Path) -> bool:
    """Says whether a GIF or WebP file has several images; its suffix is looked at first."""
    if path.suffix.lower() not in _ANIMATED_SUFFIXES or not path.is_file():
        return False
    try:
        with path.open('rb') as file:
            return is_animation(file)
    except OSError:
        return False


def _lacking(path: Path) -> str | None:
    try:
        photo = photo_format(_head(path))
    except OSError:
        return None
    return lack(photo) if photo else None


def _head(path: Path) -> bytes:
    with path.open('rb') as file:
        return file.read(HEAD_BYTES)


def _some(paths: Sequence[Path]) -> str:
    names = ', '.join(path.name for path in paths[:_NAMED])
    return names if len(paths) <= _NAMED else f'{names} and {len(paths) - _NAMED} more'


def natural_order(paths: Sequence[Path]) -> list[Path]:
    """Sorts so that 'frame2' comes before 'frame10'."""
    return sorted(paths, key=lambda path: [_number_or_text(part) for part in _parts(path)])


def _parts(path: Path) -> list[str]:
    return re.split(r'(\d+)', str(path))


def _number_or_text(part: str) -> tuple[int, str]:
    return (int(part), '') if part.isdecimal() else (0, part.lower())


def _duration_ns(frame: Image.Image) -> int:
    milliseconds = float(frame.info.get('duration', 0) or 0)
    if milliseconds <= _SHORTEST_MS:
        milliseconds = _DEFAULT_MS
    return round(milliseconds * 1e6)
