"""Compressed image bytes (`sensor_msgs/CompressedImage`, image files) to BGR."""

import re
import struct
import warnings
from io import BytesIO
from typing import Final, cast

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from emotion_perception.encodings.photos import (
    HEAD_BYTES,
    decode_photo,
    is_animation,
    photo_format,
)
from emotion_perception.encodings.raw import Buffer, from_mosaic
from emotion_perception.errors import ImageFormatError
from emotion_perception.limits import MAX_JPEG_SCANS, MAX_PIXELS, quoted, size_problem
from emotion_perception.types import BgrImage

_MESSAGE_FORMATS = ('JPEG', 'PNG', 'TIFF', 'WEBP')
JPEG_FORMAT: Final = 'bgr8; jpeg compressed bgr8'
"""Format of `encode_jpeg`'s images, as image_transport's plugin writes it."""

STILL_FORMATS: Final = (*_MESSAGE_FORMATS, 'BMP', 'PPM')
"""Formats of `decode_still`, by Pillow's names."""

_JPEG_START_OF_SCAN = 0xDA
_JPEG_SCAN = bytes((0xFF, _JPEG_START_OF_SCAN))  # in compressed data 0xFF is escaped
_JPEG_END = b'\xff\xd9'

# image_transport compresses a mosaic as if it were grey, and writes its encoding first.
_BAYER = re.compile(r'\s*bayer_([rgb]{4})(?:8|16)\s*;')

# Pillow's errors on damaged files, beside OSError.
_DAMAGED = (OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error)

# Pillow warns above its own size limit; `size_problem` refuses with an error instead.
warnings.filterwarnings('ignore', category=Image.DecompressionBombWarning)


def decode_compressed(data: Buffer, format: str) -> BgrImage:
    """Decodes the fields of a `sensor_msgs/CompressedImage`.

    Args:
        data: A whole JPEG, PNG, TIFF or WebP file.
        format: The message's format, for example 'jpeg' or 'bgr8; jpeg compressed bgr8'. The bytes
            themselves tell the compression; the field tells depth images, images whose colours
            were compressed in the order RGB, and Bayer mosaics that were compressed as they are
            (see compressed_image_transport).

    Returns:
        BGR image, contiguous and owned by the caller; turned by no EXIF orientation, so that it
        fits its camera_info.

    Raises:
        ImageFormatError: A depth image, unknown or damaged data, or too many pixels.
    """
    if 'compressedDepth' in format:
        raise ImageFormatError(
            f"Compressed image format '{quoted(format)}' is a depth image: "
            'subscribe to the colour image.'
        )
    mosaic = _BAYER.match(format)
    colours = cv2.IMREAD_UNCHANGED if mosaic else cv2.IMREAD_COLOR
    flags = colours | cv2.IMREAD_IGNORE_ORIENTATION
    name = quoted(format) or 'no format'
    image = _decode(data, _MESSAGE_FORMATS, flags, f'Compressed image ({name})')
    if mosaic:
        return from_mosaic(image, mosaic[1])
    if 'compressed rgb' in format:
        return cast(BgrImage, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return image


def decode_still(data: Buffer, name: str, max_pixels: int = MAX_PIXELS) -> BgrImage:
    """Decodes the bytes of an image file: JPEG, PNG, TIFF, WebP, BMP, PPM, HEIC, AVIF or GIF.

    Args:
        data: The file's bytes.
        name: The image's name, for error messages.
        max_pixels: Largest width x height.

    Returns:
        BGR image, turned upright by its EXIF orientation; 16 bits are scaled to 8, alpha is
        dropped.

    Raises:
        ImageFormatError: Unknown or damaged data, an animation, too many pixels, or a format that
            needs another package.
    """
    raw = bytes(data)
    if is_animation(BytesIO(raw)):
        raise ImageFormatError(f'Image {name} is an animation: use `emotion video` for it.')
    photo = photo_format(raw[:HEAD_BYTES])
    if photo:
        return decode_photo(raw, photo, f'Image {name}', max_pixels)
    return _decode(raw, STILL_FORMATS, cv2.IMREAD_COLOR, f'Image {name}', max_pixels)


def _decode(
    data: Buffer, formats: tuple[str, ...], flags: int, what: str, max_pixels: int = MAX_PIXELS
) -> BgrImage:
    raw = bytes(data)
    if not raw:
        raise ImageFormatError(f'{what} is empty: it has no bytes.')
    _check_header(raw, formats, what, max_pixels)
    try:
        image = cv2.imdecode(np.frombuffer(raw, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise ImageFormatError(f'{what} is damaged: its pixels cannot be decoded.')
    return cast(BgrImage, image)


def _check_header(raw: bytes, formats: tuple[str, ...], what: str, max_pixels: int) -> None:
    """Refuses hostile sizes before a pixel is decoded, and data that was cut off."""
    try:
        with Image.open(BytesIO(raw), formats=formats) as header:
            problem = size_problem(header.width, header.height, max_pixels)
            if problem:
                raise ImageFormatError(f'{what} is refused: {problem}.')
            if header.format == 'PNG':
                header.verify()  # checksums of all chunks
            # MPO is what Pillow calls the JPEG of some cameras.
            is_jpeg = header.format in ('JPEG', 'MPO')
    except Image.DecompressionBombError:
        raise ImageFormatError(f'{what} is refused: it has too many pixels.') from None
    except UnidentifiedImageError:
        raise ImageFormatError(
            f'{what} is no image or its header is damaged: use {", ".join(formats)}.'
        ) from None
    except _DAMAGED as error:
        raise ImageFormatError(f'{what} is damaged: {quoted(error)}.') from error
    if is_jpeg and not _has_jpeg_end(raw):
        raise ImageFormatError(f'{what} is cut off: the end of the JPEG is missing.')
    if is_jpeg and raw.count(_JPEG_SCAN) > MAX_JPEG_SCANS:
        raise ImageFormatError(
            f'{what} is refused: it is a JPEG of more than {MAX_JPEG_SCANS} scans.'
        )


def _has_jpeg_end(raw: bytes) -> bool:
    """Looks for the end marker behind the first scan; a thumbnail before it has one of its own.

    libjpeg fills a missing end with grey and reports success, so that the decoder cannot tell.
    """
    position = 2
    while position + 4 <= len(raw) and raw[position] == 0xFF:
        marker, length = raw[position + 1], int.from_bytes(raw[position + 2 : position + 4], 'big')
        if marker == _JPEG_START_OF_SCAN:
            return raw.rfind(_JPEG_END, position) >= 0
        # A marker may be preceded by any number of fill bytes.
        position += 1 if marker == 0xFF else 2 + length
    return False


def encode_jpeg(image: BgrImage, quality: int) -> npt.NDArray[np.uint8]:
    """An image as JPEG.

    Args:
        image: uint8 [height, width, 3], BGR.
        quality: JPEG quality, 1..100.

    Returns:
        uint8 [n], the bytes of the file.

    Raises:
        ImageFormatError: The image is empty or larger than JPEG allows.
    """
    try:
        encoded, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error:
        encoded = False
    if not encoded:
        raise ImageFormatError(f'An image of shape {image.shape} cannot be compressed to JPEG.')
    return np.asarray(data, np.uint8)
