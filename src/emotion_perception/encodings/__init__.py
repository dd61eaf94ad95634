"""Image bytes of the `sensor_msgs` messages, in any common encoding, to BGR."""

from emotion_perception.encodings.compressed import (
    JPEG_FORMAT,
    STILL_FORMATS,
    decode_compressed,
    decode_still,
    encode_jpeg,
)
from emotion_perception.encodings.raw import (
    SUPPORTED_ENCODINGS,
    Buffer,
    decode_depth,
    decode_image,
)
from emotion_perception.limits import MAX_PIXELS, MAX_SIDE

__all__ = [
    'JPEG_FORMAT',
    'MAX_PIXELS',
    'MAX_SIDE',
    'STILL_FORMATS',
    'SUPPORTED_ENCODINGS',
    'Buffer',
    'decode_compressed',
    'decode_depth',
    'decode_image',
    'decode_still',
    'encode_jpeg',
]
