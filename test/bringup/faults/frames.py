"""Image messages by the thousand, good and broken, drawn by hypothesis."""

import numpy as np
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image

from emotion_bringup.conversion import image_from_message
from emotion_perception.encodings.raw import ENCODINGS, SUPPORTED_ENCODINGS
from emotion_perception.errors import ImageFormatError

_MAX_SIDE = 48
_HUGE = (0, 1, 2**14, 2**14 + 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1)
_NO_NUL = st.characters(exclude_characters='\0', exclude_categories=('Cs',))


@st.composite
def good_frames(draw) -> Image:
    """A message whose fields fit together: any encoding, even size, padding and byte order."""
    name = draw(st.sampled_from(SUPPORTED_ENCODINGS))
    layout = ENCODINGS[name]
    width, height = (2 * draw(st.integers(1, _MAX_SIDE // 2)) for _ in range(2))
    step = width * layout.pixel_bytes + draw(st.sampled_from((0, 1, 7)))
    rows = height * layout.rows_per_two // 2
    seed = draw(st.integers(0, 2**32 - 1))
    noise = np.random.default_rng(seed).integers(0, 256, step * rows, np.uint8)
    if np.dtype(layout.sample).kind == 'f':
        noise[:] = 0  # random floats are no image
    return Image(
        width=width,
        height=height,
        encoding=name,
        step=step,
        is_bigendian=draw(st.integers(0, 1)),
        data=noise.tobytes(),
    )


def _encodings():
    return st.one_of(st.sampled_from(SUPPORTED_ENCODINGS), st.text(_NO_NUL, max_size=12))


@st.composite
def broken_frames(draw) -> Image:
    """A good message with some fields changed at will; now and then that is good as well."""
    message = draw(good_frames())
    faults = draw(st.sets(st.sampled_from(sorted(_FAULTS)), min_size=1, max_size=3))
    for fault in sorted(faults):
        setattr(message, fault, draw(_FAULTS[fault](message)))
    return message


def _payloads(message: Image):
    length = len(message.data)
    return st.one_of(
        st.integers(0, 2 * length).map(lambda n: bytes(message.data)[:n].ljust(n, b'\xff')),
        st.just(b''),
    )


_FAULTS = {
    'width': lambda _: st.sampled_from(_HUGE) | st.integers(0, 2 * _MAX_SIDE),
    'height': lambda _: st.sampled_from(_HUGE) | st.integers(0, 2 * _MAX_SIDE),
    'step': lambda _: st.sampled_from(_HUGE) | st.integers(0, 1000),
    'encoding': lambda _: _encodings(),
    'is_bigendian': lambda _: st.integers(0, 255),
    'data': _payloads,
}


def is_readable(message: Image) -> bool:
    """Whether the image can be decoded, as it comes out of the middleware."""
    try:
        image_from_message(deserialize_message(serialize_message(message), Image))
    except ImageFormatError:
        return False
    return True
