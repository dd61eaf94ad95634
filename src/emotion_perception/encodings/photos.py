"""Photo formats that OpenCV does not read everywhere: HEIC of phones, AVIF, and GIF."""

import struct
from importlib import import_module
from io import BytesIO
from typing import BinaryIO, Final, cast

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError, features

from emotion_perception.errors import ImageFormatError
from emotion_perception.limits import MAX_PIXELS, quoted, size_problem
from emotion_perception.types import BgrImage

HEIC: Final = 'HEIC'
AVIF: Final = 'AVIF'
GIF: Final = 'GIF'

HEAD_BYTES: Final = 64
"""So many bytes of a file tell its format."""

_PILLOW_NAMES: Final = {HEIC: 'HEIF', AVIF: 'AVIF', GIF: 'GIF'}
# What a file of the container HEIF says it holds; its general brands come with one of these.
_BRANDS: Final = {
    **dict.fromkeys((b'avif', b'avis'), AVIF),
    **dict.fromkeys((b'heic', b'heix', b'hevc', b'hevx', b'heim', b'heis', b'hevm', b'hevs'), HEIC),
}
_GENERAL_BRANDS: Final = (b'mif1', b'mif2', b'msf1')

# Pillow's errors on damaged files, and those of its plugins.
_DAMAGED: Final = (
    *(OSError, ValueError, SyntaxError, EOFError, IndexError, RuntimeError, struct.error),
    Image.DecompressionBombError,
)


def photo_format(head: bytes) -> str | None:
    """HEIC, AVIF or GIF by the first HEAD_BYTES of a file; None for all others."""
    if head.startswith(b'GIF8'):
        return GIF
    if head[4:8] != b'ftyp':
        return None
    size = min(int.from_bytes(head[:4], 'big'), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, size, 4))]
    if brands[0] not in _BRANDS and brands[0] not in _GENERAL_BRANDS:
        return None  # a video, which may name others of them behind its own
    return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), HEIC)


def lack(format: str) -> str | None:
    """What an installation lacks to read a format, as half a sentence; None when nothing."""
    if format == HEIC and not _has_heic():
        return 'HEIC needs the package pillow-heif: `pip install pillow-heif`'
    if format == AVIF and not features.check('avif'):
        return "AVIF needs Pillow 11.3 or newer: `pip install 'pillow>=11.3'`"
    return None


def is_animation(file: BinaryIO) -> bool:
    """Says whether a file is a GIF or WebP of several images; it is read from where it stands."""
    try:
        with Image.open(file, formats=('GIF', 'WEBP')) as image:
            return bool(getattr(image, 'is_animated', False))
    except _DAMAGED:
        return False


def decode_photo(raw: bytes, format: str, what: str, max_pixels: int = MAX_PIXELS) -> BgrImage:
    """Decodes a HEIC, AVIF or GIF file.

    Args:
        raw: The whole file.
        format: Of `photo_format`.
        what: The image's name with its kind, for error messages.
        max_pixels: Largest width x height.

    Returns:
        BGR image, turned upright; of several images the first or, where one is marked so, the
        primary one; alpha is dropped, more than 8 bits are scaled.

    Raises:
        ImageFormatError: Damaged data, too many pixels, or a format that needs another package.
    """
    lacking = lack(format)
    if lacking:
        raise ImageFormatError(f'{what} cannot be read: {lacking}.')
    try:
        with Image.open(BytesIO(raw), formats=(_PILLOW_NAMES[format],)) as image:
            problem = size_problem(image.width, image.height, max_pixels)
            if problem:
                raise ImageFormatError(f'{what} is refused: {problem}.')
            return upright_bgr(image)
    except Image.DecompressionBombError:
        raise ImageFormatError(f'{what} is refused: it has too many pixels.') from None
    except UnidentifiedImageError:
        raise ImageFormatError(f'{what} is damaged: it is no whole {format} file.') from None
    except _DAMAGED as error:
        raise ImageFormatError(f'{what} is damaged: {quoted(error)}.') from error


def upright_bgr(image: Image.Image) -> BgrImage:
    """A Pillow image in BGR, turned upright by its EXIF orientation; alpha is dropped."""
    rgb = np.asarray(ImageOps.exif_transpose(image).convert('RGB'))
    return cast(BgrImage, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))


def _has_heic() -> bool:
    """Whether Pillow reads HEIC; its plugin is loaded with the first file that needs it."""
    try:
        # By name, because type checkers run where it is not installed.
        import_module('pillow_heif').register_heif_opener()
    except ImportError:
        return False
    return True
