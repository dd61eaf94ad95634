"""Uncompressed picture bytes (`sensor_msgs/Image`) to BGR."""

from array import array
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from emotion_perception.encodings.table import ENCODINGS, Encoding, Samples
from emotion_perception.errors import ImageFormatError
from emotion_perception.limits import quoted, size_problem
from emotion_perception.types import BgrImage

Buffer: TypeAlias = 'bytes | bytearray | memoryview | array[int] | npt.NDArray[np.uint8]'
"""Contiguous bytes: what a message's `data` field is in rclpy and in rosbags."""

SUPPORTED_ENCODINGS: tuple[str, ...] = tuple(ENCODINGS)


def decode_image(
    data: Buffer, *, width: int, height: int, encoding: str, step: int, is_bigendian: bool
) -> BgrImage:
    """Decodes the fields of a `sensor_msgs/Image`.

    Args:
        data: The picture's bytes, row after row; the last row may lack its padding.
        width: In pixels, 1..MAX_SIDE.
        height: In pixels, 1..MAX_SIDE.
        encoding: One of SUPPORTED_ENCODINGS.
        step: Bytes from the start of a row to the start of the next one.
        is_bigendian: Byte order of 16-bit and float samples.

    Returns:
        BGR picture. For bgr8 and 8UC3 a read-only view of `data`, which is not copied (rows stay
        padded, so the view may be non-contiguous): copy it before drawing.

    Raises:
        ImageFormatError: The encoding is unknown, the fields contradict each other, the data is too
            short, or a float picture holds NaN or values far outside 0..1.
    """
    layout = _encoding_named(encoding)
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
    return layout.to_bgr(_samples(flat, layout, (rows, width), step, is_bigendian))


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
