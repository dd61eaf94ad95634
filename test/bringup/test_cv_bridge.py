"""Our encoding table against cv_bridge, where that is installed: docs/encodings.md has the results.

Where cv_bridge is known to differ, the comparison may fail: should it hold one day, it is told as
passed all the same.
"""

import numpy as np
import pytest
from ros_bench import image_message

from emotion_bringup.conversion import image_from_message
from emotion_perception.encodings import SUPPORTED_ENCODINGS
from emotion_perception.encodings.raw import ENCODINGS

pytest.importorskip('cv_bridge', reason='cv_bridge is not installed')
try:
    from cv_bridge import CvBridge, CvBridgeError
    from cv_bridge.boost import cv_bridge_boost  # noqa: F401
except Exception as error:  # one that was built for NumPy 1, or for another Python
    pytest.skip(f'cv_bridge cannot be loaded: {error}', allow_module_level=True)

BRIDGE = CvBridge()
WIDTH, HEIGHT = 14, 10


def knows(encoding):
    try:
        BRIDGE.encoding_to_cvtype2(encoding)
    except CvBridgeError:
        return False
    return True


# The names that say what the numbers mean, and what those mean that do not.
GENERIC = {
    '8UC1': 'mono8',
    '8UC3': 'bgr8',
    '8UC4': 'bgra8',
    '16UC1': 'mono16',
    '16UC3': 'bgr16',
    '16UC4': 'bgra16',
}
COLOURS = [
    name
    for name in SUPPORTED_ENCODINGS
    if knows(name) and not name[:2].isdigit() and name[0] != '8'
]
WIDE = [name for name in COLOURS if np.dtype(ENCODINGS[name].sample).itemsize > 1]


def message(encoding, padding=0, big_endian=False):
    """Noise in some encoding, with `padding` bytes more in each row."""
    layout = ENCODINGS[encoding]
    random = np.random.default_rng(7)
    dtype = np.dtype(layout.sample)
    noise = random.integers(0, np.iinfo(dtype).max, (HEIGHT, WIDTH, layout.channels), endpoint=True)
    made = image_message(
        noise.astype(dtype.newbyteorder('>' if big_endian else '<')), encoding, padding
    )
    made.is_bigendian = int(big_endian)
    return made


def assert_same(made):
    theirs = BRIDGE.imgmsg_to_cv2(made, 'bgr8')
    np.testing.assert_array_equal(image_from_message(made), theirs)


@pytest.mark.parametrize('encoding', COLOURS)
def test_both_see_the_same_image(encoding):
    assert_same(message(encoding))


@pytest.mark.parametrize('encoding', COLOURS)
def test_both_leave_out_padding_of_whole_pixels(encoding):
    assert_same(message(encoding, padding=3 * ENCODINGS[encoding].pixel_bytes))


@pytest.mark.xfail(reason='cv_bridge takes rows to be whole pixels long', strict=False)
@pytest.mark.parametrize('encoding', [n for n in COLOURS if ENCODINGS[n].pixel_bytes > 2])
def test_both_leave_out_padding_of_a_part_of_a_pixel(encoding):
    assert_same(message(encoding, padding=2))


def test_we_leave_out_any_padding():
    for encoding in COLOURS:
        plain, padded = message(encoding), message(encoding, padding=2)
        np.testing.assert_array_equal(image_from_message(padded), image_from_message(plain))


@pytest.mark.xfail(reason='cv_bridge calls what NumPy 2 has no more', strict=False)
@pytest.mark.parametrize('encoding', WIDE)
def test_both_swap_bytes(encoding):
    assert_same(message(encoding, big_endian=True))


@pytest.mark.parametrize('encoding', WIDE)
def test_we_swap_bytes(encoding):
    little, big = message(encoding), message(encoding, big_endian=True)
    np.testing.assert_array_equal(image_from_message(big), image_from_message(little))


@pytest.mark.xfail(reason='cv_bridge wants the padding of the last row too', strict=False)
@pytest.mark.parametrize('encoding', COLOURS)
def test_both_do_without_the_last_rows_padding(encoding):
    padding = 3 * ENCODINGS[encoding].pixel_bytes
    made = message(encoding, padding)
    made.data = made.data[:-padding]
    assert_same(made)


@pytest.mark.parametrize(('generic', 'meaning'), GENERIC.items())
def test_encodings_without_a_colour_are_read_as_cv_bridge_passes_them_on(generic, meaning):
    """It converts none of them; its users take what it passes on in OpenCV's order."""
    made = message(meaning)
    ours = image_from_message(made)
    made.encoding = generic
    np.testing.assert_array_equal(image_from_message(made), ours)
    with pytest.raises(CvBridgeError):
        BRIDGE.imgmsg_to_cv2(made, 'bgr8')
    passed_on = BRIDGE.imgmsg_to_cv2(made)
    again = BRIDGE.cv2_to_imgmsg(passed_on, meaning)
    np.testing.assert_array_equal(BRIDGE.imgmsg_to_cv2(again, 'bgr8'), ours)


def test_images_of_ours_are_read_by_both():
    """What the camera and the overlay publish."""
    assert_same(message('bgr8'))
    assert BRIDGE.imgmsg_to_cv2(message('bgr8')).dtype == np.uint8
