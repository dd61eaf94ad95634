"""Raw images in every encoding of `sensor_msgs/Image` to BGR: a table of encodings, and its use."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.errors import ImageFormatError
from emotion_perception.limits import quoted, size_problem
from emotion_perception.types import BgrImage

Samples = npt.NDArray[Any]
"""[rows, width] or [rows, width, channels] in native byte order; rows may be padded."""

# Float images hold 0..1. Resampling overshoots a little, which is clipped; an image far outside
# is something else (depth in metres, 0..255) and would silently become a white sheet.
_FLOAT_MIN, _FLOAT_MAX = -0.5, 1.5
# Bits that sensors have; less than ten are a dark image of one that has more.
_SENSOR_BITS = (10, 12, 14, 16)
_FEWEST_BITS = 10


@dataclass(frozen=True, slots=True)
class Encoding:
    """One row of the table.

    Attributes:
        sample: NumPy type of one sample, in native byte order.
        channels: Interleaved samples per pixel.
        to_bgr: From samples to BGR.
        rows_per_two: Stored rows for every two rows of the image; 3 with a chroma plane below,
            which two rows share, so that the height must be even.
        even_width: Two columns share their chroma, so that the width must be even.
    """

    sample: str
    channels: int
    to_bgr: Callable[[Samples], BgrImage]
    rows_per_two: int = 2
    even_width: bool = False

    @property
    def pixel_bytes(self) -> int:
        """Bytes of one pixel of a row."""
        return self.channels * np.dtype(self.sample).itemsize


def _unchanged(samples: Samples) -> BgrImage:
    """BGR already: no copy."""
    return cast(BgrImage, samples)


def _by_opencv(code: int) -> Callable[[Samples], BgrImage]:
    return lambda samples: cast(BgrImage, cv2.cvtColor(samples, code))


def _from_16_bit(to_bgr: Callable[[Samples], BgrImage]) -> Callable[[Samples], BgrImage]:
    """Divides by 257, so that 65535 becomes 255, as in cv_bridge."""
    return lambda samples: to_bgr(cv2.convertScaleAbs(samples, alpha=1 / 257))


def _by_content(samples: Samples) -> BgrImage:
    """Grey of 16 bits, of which cameras often fill 10, 12 or 14: scaled by those that are used."""
    bits = max(int(samples.max()).bit_length(), _FEWEST_BITS)
    used = next(each for each in _SENSOR_BITS if each >= bits)
    return _grey(cv2.convertScaleAbs(samples, alpha=255 / (2**used - 1)))


def _bayer16(code: int) -> Callable[[Samples], BgrImage]:
    """Interpolates the colours at full depth and scales afterwards."""
    return lambda samples: cast(
        BgrImage, cv2.convertScaleAbs(cv2.cvtColor(samples, code), alpha=1 / 257)
    )


def _from_float(to_bgr: Callable[[Samples], BgrImage]) -> Callable[[Samples], BgrImage]:
    def convert(samples: Samples) -> BgrImage:
        if not cv2.checkRange(samples)[0]:
            raise ImageFormatError(
                'Float image holds NaN or infinity: publish finite values in the range 0..1.'
            )
        low, high = float(samples.min()), float(samples.max())
        if low < _FLOAT_MIN or high > _FLOAT_MAX:
            raise ImageFormatError(
                f'Float image holds values from {low:.3g} to {high:.3g}: expected 0..1; a depth '
                'image cannot be used, publish a colour or grey image.'
            )
        # Clipped first: convertScaleAbs takes the absolute value, which folds negatives up.
        return to_bgr(cv2.convertScaleAbs(np.clip(samples, 0.0, 1.0), alpha=255))

    return convert


_grey = _by_opencv(cv2.COLOR_GRAY2BGR)
_rgb = _by_opencv(cv2.COLOR_RGB2BGR)
_bgra = _by_opencv(cv2.COLOR_BGRA2BGR)
_rgba = _by_opencv(cv2.COLOR_RGBA2BGR)
_uyvy = Encoding('u1', 2, _by_opencv(cv2.COLOR_YUV2BGR_UYVY), even_width=True)
_yuyv = Encoding('u1', 2, _by_opencv(cv2.COLOR_YUV2BGR_YUYV), even_width=True)

# OpenCV's older names (BayerBG for RGGB) start at the second row and column; these do not.
_BAYER_CODES = {
    'rggb': cv2.COLOR_BayerRGGB2BGR,
    'bggr': cv2.COLOR_BayerBGGR2BGR,
    'gbrg': cv2.COLOR_BayerGBRG2BGR,
    'grbg': cv2.COLOR_BayerGRBG2BGR,
}

ENCODINGS: dict[str, Encoding] = {
    'bgr8': Encoding('u1', 3, _unchanged),
    'rgb8': Encoding('u1', 3, _rgb),
    'bgra8': Encoding('u1', 4, _bgra),
    'rgba8': Encoding('u1', 4, _rgba),
    'mono8': Encoding('u1', 1, _grey),
    'bgr16': Encoding('u2', 3, _from_16_bit(_unchanged)),
    'rgb16': Encoding('u2', 3, _from_16_bit(_rgb)),
    'bgra16': Encoding('u2', 4, _from_16_bit(_bgra)),
    'rgba16': Encoding('u2', 4, _from_16_bit(_rgba)),
    'mono16': Encoding('u2', 1, _by_content),
    # Without a colour in the name: the order of OpenCV, as cv_bridge reads them.
    '8UC1': Encoding('u1', 1, _grey),
    '8UC3': Encoding('u1', 3, _unchanged),
    '8UC4': Encoding('u1', 4, _bgra),
    '16UC1': Encoding('u2', 1, _by_content),
    '16UC3': Encoding('u2', 3, _from_16_bit(_unchanged)),
    '16UC4': Encoding('u2', 4, _from_16_bit(_bgra)),
    '32FC1': Encoding('f4', 1, _from_float(_grey)),
    '32FC3': Encoding('f4', 3, _from_float(_unchanged)),
    '64FC1': Encoding('f8', 1, _from_float(_grey)),
    '64FC3': Encoding('f8', 3, _from_float(_unchanged)),
    'yuv422': _uyvy,
    'uyvy': _uyvy,
    'yuv422_yuy2': _yuyv,
    'yuyv': _yuyv,
    'nv12': Encoding('u1', 1, _by_opencv(cv2.COLOR_YUV2BGR_NV12), rows_per_two=3, even_width=True),
    'nv21': Encoding('u1', 1, _by_opencv(cv2.COLOR_YUV2BGR_NV21), rows_per_two=3, even_width=True),
    **{f'bayer_{key}8': Encoding('u1', 1, _by_opencv(code)) for key, code in _BAYER_CODES.items()},
    **{f'bayer_{key}16': Encoding('u2', 1, _bayer16(code)) for key, code in _BAYER_CODES.items()},
}


def from_mosaic(samples: Samples, pattern: str) -> BgrImage:
    """Interpolates the colours of a Bayer mosaic.

    Args:
        samples: uint8 or uint16 `[height, width]`; three channels are colours already.
        pattern: Colours of the first two pixels of the first two rows, such as 'rggb'.

    Returns:
        BGR image, uint8.

    Raises:
        ImageFormatError: The pattern is none, or the samples are not of a mosaic.
    """
    row = ENCODINGS.get(f'bayer_{pattern}{8 * samples.itemsize}')
    if samples.ndim == 3 and samples.shape[2] == 3 and samples.dtype == np.uint8:
        return cast(BgrImage, samples)
    if row is None or samples.ndim != 2:
        raise ImageFormatError(
            f'A Bayer image of pattern {pattern!r} with samples of {samples.dtype} and shape '
            f'{samples.shape} cannot be read: publish one of {", ".join(_BAYER_CODES)}, grey, with '
            '8 or 16 bits.'
        )
    return row.to_bgr(samples)


Buffer: TypeAlias = 'bytes | bytearray | memoryview | array[int] | npt.NDArray[np.uint8]'
"""Contiguous bytes: what a message's `data` field is in rclpy and in rosbags."""

SUPPORTED_ENCODINGS: tuple[str, ...] = tuple(ENCODINGS)
DEPTH_ENCODINGS: tuple[str, ...] = ('16UC1', '32FC1')
"""Of depth images, in millimetres and in metres (REP-118)."""


def decode_image(
    data: Buffer, *, width: int, height: int, encoding: str, step: int, is_bigendian: bool
) -> BgrImage:
    """Decodes the fields of a `sensor_msgs/Image`.

    Args:
        data: The image's bytes, row after row; the last row may lack its padding.
        width: In pixels, 1..MAX_SIDE.
        height: In pixels, 1..MAX_SIDE.
        encoding: One of SUPPORTED_ENCODINGS.
        step: Bytes from the start of a row to the start of the next one.
        is_bigendian: Byte order of 16-bit and float samples.

    Returns:
        BGR image. For bgr8 and 8UC3 a read-only view of `data`, which is not copied (rows stay
        padded, so the view may be non-contiguous): copy it before drawing.

    Raises:
        ImageFormatError: The encoding is unknown, the fields contradict each other, the data is too
            short, or a float image holds NaN or values far outside 0..1.
    """
    layout = _encoding_named(encoding)
    samples = _stored_samples(layout, data, width, height, encoding, step, is_bigendian)
    return layout.to_bgr(samples)


def decode_depth(
    data: Buffer, *, width: int, height: int, encoding: str, step: int, is_bigendian: bool
) -> Samples:
    """The samples of a depth image as they are; arguments as those of `decode_image`.

    Returns:
        [height, width], uint16 in millimetres or float32 in metres; a read-only view of `data`
        where the byte order is that of the machine.

    Raises:
        ImageFormatError: The encoding is none of depth images, the fields contradict each other,
            or the data is too short.
    """
    if encoding not in DEPTH_ENCODINGS:
        raise ImageFormatError(
            f"Image encoding '{quoted(encoding)}' is none of depth images: publish "
            f'{DEPTH_ENCODINGS[0]} (millimetres) or {DEPTH_ENCODINGS[1]} (metres).'
        )
    layout = ENCODINGS[encoding]
    return _stored_samples(layout, data, width, height, encoding, step, is_bigendian)


def _stored_samples(
    layout: Encoding,
    data: Buffer,
    width: int,
    height: int,
    encoding: str,
    step: int,
    is_bigendian: bool,
) -> Samples:
    _check_size(layout, width, height, encoding)
    row_bytes = width * layout.pixel_bytes
    if step < row_bytes:
        raise ImageFormatError(
            f'Image step is {step} bytes, but {width} pixels of {encoding} take {row_bytes}: '
            'correct the step of the publisher.'
        )
    rows = height * layout.rows_per_two // 2
    flat = memoryview(data).cast('B')  # type: ignore[arg-type]
    needed = step * (rows - 1) + row_bytes
    if len(flat) < needed:
        raise ImageFormatError(
            f'Image data has {len(flat)} bytes, but {width}x{height} pixels of {encoding} with '
            f'step {step} need {needed}: the message was cut off or its fields are wrong.'
        )
    return _samples(flat, layout, (rows, width), step, is_bigendian)


def _encoding_named(name: str) -> Encoding:
    try:
        return ENCODINGS[name]
    except KeyError:
        raise ImageFormatError(
            f"Image encoding '{quoted(name)}' is not supported: publish one of "
            f'{", ".join(SUPPORTED_ENCODINGS)}.'
        ) from None


def _check_size(layout: Encoding, width: int, height: int, encoding: str) -> None:
    problem = size_problem(width, height)
    if problem:
        raise ImageFormatError(f'Image is refused: {problem}.')
    if layout.even_width and width % 2:
        raise ImageFormatError(f'Image width {width} is odd, but {encoding} needs an even one.')
    if height * layout.rows_per_two % 2:
        raise ImageFormatError(f'Image height {height} is odd, but {encoding} needs an even one.')


def _samples(
    flat: memoryview, layout: Encoding, size: tuple[int, int], step: int, is_bigendian: bool
) -> Samples:
    """Views the bytes as rows of samples, stepping over the padding; copies only to swap bytes."""
    stored = np.dtype(layout.sample).newbyteorder('>' if is_bigendian else '<')
    shape: tuple[int, ...] = size
    strides: tuple[int, ...] = (step, layout.pixel_bytes)
    if layout.channels > 1:
        shape, strides = (*shape, layout.channels), (*strides, stored.itemsize)
    view: Samples = np.ndarray(shape, stored, buffer=flat, strides=strides)
    view.flags.writeable = False
    # OpenCV takes native byte order only, and rows that start on a whole sample.
    return np.require(view, np.dtype(layout.sample), 'A')
