"""Images in every encoding of sensor_msgs, with padded rows and both byte orders."""

from array import array
from io import BytesIO

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.data import astronaut

from emotion_perception.encodings import (
    MAX_SIDE,
    SUPPORTED_ENCODINGS,
    decode_compressed,
    decode_image,
    decode_still,
)
from emotion_perception.errors import ImageFormatError


def bgr_of(image):
    return image


def rgb_of(image):
    return image[..., ::-1]


def with_alpha(order):
    return lambda image: np.dstack([order(image), np.full(image.shape[:2], 7, np.uint8)])


def grey_of(image):
    return image[..., 0]


# How to store an image in each exact encoding: channel order, sample type, scale of a sample.
EXACT = {
    'bgr8': (bgr_of, 'u1', 1),
    'rgb8': (rgb_of, 'u1', 1),
    'bgra8': (with_alpha(bgr_of), 'u1', 1),
    'rgba8': (with_alpha(rgb_of), 'u1', 1),
    'mono8': (grey_of, 'u1', 1),
    '8UC1': (grey_of, 'u1', 1),
    '8UC3': (bgr_of, 'u1', 1),
    '8UC4': (with_alpha(bgr_of), 'u1', 1),
    'bgr16': (bgr_of, 'u2', 257),
    'rgb16': (rgb_of, 'u2', 257),
    'bgra16': (with_alpha(bgr_of), 'u2', 257),
    'rgba16': (with_alpha(rgb_of), 'u2', 257),
    'mono16': (grey_of, 'u2', 257),
    '16UC1': (grey_of, 'u2', 257),
    '16UC3': (bgr_of, 'u2', 257),
    '16UC4': (with_alpha(bgr_of), 'u2', 257),
    '32FC1': (grey_of, 'f4', 1 / 255),
    '32FC3': (bgr_of, 'f4', 1 / 255),
    '64FC1': (grey_of, 'f8', 1 / 255),
    '64FC3': (bgr_of, 'f8', 1 / 255),
}
BY_CONTENT = {'mono16', '16UC1'}
GREY = {'mono8', '8UC1', 'mono16', '16UC1', '32FC1', '64FC1'}
YUV = {'yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv', 'nv12', 'nv21'}
BAYER = {f'bayer_{name}{bits}' for name in ('rggb', 'bggr', 'gbrg', 'grbg') for bits in (8, 16)}


def padded(rows, padding, keep_last):
    """Bytes of 2-D byte rows with garbage behind each; returns (bytes, step)."""
    step = rows.shape[1] + padding
    full = np.full((len(rows), step), 0xEE, np.uint8)
    full[:, : rows.shape[1]] = rows
    data = full.tobytes()
    return (data if keep_last or not padding else data[:-padding]), step


def byte_rows(samples, dtype, big):
    stored = np.ascontiguousarray(samples).astype(np.dtype(dtype).newbyteorder('>' if big else '<'))
    return np.frombuffer(stored.tobytes(), np.uint8).reshape(len(samples), -1)


def test_every_supported_encoding_is_tested_here():
    assert set(SUPPORTED_ENCODINGS) == set(EXACT) | YUV | BAYER


@settings(max_examples=200, deadline=None)
@given(
    encoding=st.sampled_from(sorted(EXACT)),
    width=st.integers(1, 9),
    height=st.integers(1, 7),
    padding=st.integers(0, 13),
    big=st.booleans(),
    keep_last=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_exact_encodings_round_trip(*, encoding, width, height, padding, big, keep_last, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    if encoding in BY_CONTENT:
        image[0, 0] = 255  # all 16 bits are used
    expected = np.repeat(image[..., :1], 3, axis=2) if encoding in GREY else image
    order, dtype, scale = EXACT[encoding]
    samples = order(image).astype(np.float64) * scale
    data, step = padded(byte_rows(samples, dtype, big), padding, keep_last)
    decoded = decode_image(
        data, width=width, height=height, encoding=encoding, step=step, is_bigendian=big
    )
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, expected)


@settings(max_examples=60, deadline=None)
@given(
    encoding=st.sampled_from(sorted(YUV)),
    half_width=st.integers(1, 8),
    half_height=st.integers(1, 6),
    padding=st.integers(0, 13),
    keep_last=st.booleans(),
    grey=st.integers(16, 235),
)
def test_yuv_grey_keeps_its_luminance(
    *, encoding, half_width, half_height, padding, keep_last, grey
):
    width, height = 2 * half_width, 2 * half_height
    rows = yuv_rows(encoding, width, height, luma=grey, u=128, v=128)
    data, step = padded(rows, padding, keep_last)
    decoded = decode_image(
        data, width=width, height=height, encoding=encoding, step=step, is_bigendian=False
    )
    expected = (grey - 16) * 255 / 219  # BT.601, limited range
    assert decoded.shape == (height, width, 3)
    assert np.abs(decoded.astype(float) - expected).max() <= 1.5


@pytest.mark.parametrize('encoding', sorted(YUV))
def test_yuv_chroma_is_not_swapped(encoding):
    # BT.601 limited range: pure red is Y 81, U 90, V 240.
    rows = yuv_rows(encoding, 8, 4, luma=81, u=90, v=240)
    data, step = padded(rows, 5, keep_last=False)
    decoded = decode_image(
        data, width=8, height=4, encoding=encoding, step=step, is_bigendian=False
    )
    assert np.abs(decoded.astype(int) - [0, 0, 255]).max() <= 3


def yuv_rows(encoding, width, height, *, luma, u, v):
    patterns = {
        'yuv422': [u, luma, v, luma],
        'uyvy': [u, luma, v, luma],
        'yuv422_yuy2': [luma, u, luma, v],
        'yuyv': [luma, u, luma, v],
    }
    if encoding in patterns:
        return np.tile(np.array(patterns[encoding], np.uint8), (height, width // 2))
    chroma = [u, v] if encoding == 'nv12' else [v, u]
    return np.vstack(
        [
            np.full((height, width), luma, np.uint8),
            np.tile(np.array(chroma, np.uint8), (height // 2, width // 2)),
        ]
    )


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('name', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_bayer_names_are_those_of_ros(name, bits):
    """The name spells the first 2x2 pixels; OpenCV's own names are shifted by one."""
    blue, green, red = 40, 120, 220
    value = {'r': red, 'g': green, 'b': blue}
    tile = np.array([[value[name[0]], value[name[1]]], [value[name[2]], value[name[3]]]])
    mosaic = np.tile(tile, (4, 5)) * (257 if bits == 16 else 1)
    data, step = padded(byte_rows(mosaic, f'u{bits // 8}', bits == 16), 6, keep_last=False)
    decoded = decode_image(
        data, width=10, height=8, encoding=f'bayer_{name}{bits}', step=step, is_bigendian=bits == 16
    )
    assert np.abs(decoded.astype(int) - [blue, green, red]).max() <= 1


def test_padded_real_image_is_not_sheared():
    image = np.ascontiguousarray(astronaut()[..., ::-1])
    data, step = padded(image.reshape(512, -1), 37, keep_last=True)
    decoded = decode_image(
        data, width=512, height=512, encoding='bgr8', step=step, is_bigendian=False
    )
    np.testing.assert_array_equal(decoded, image)
    grey = cv2.cvtColor(decoded, cv2.COLOR_BGR2GRAY)
    np.testing.assert_array_equal(grey, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY))


@pytest.mark.parametrize('kind', [bytes, bytearray, memoryview, lambda b: array('B', b)])
def test_bgr8_is_a_read_only_view_of_the_message(kind):
    data = kind(bytes(range(24)))
    decoded = decode_image(data, width=4, height=2, encoding='bgr8', step=12, is_bigendian=False)
    assert np.shares_memory(decoded, np.frombuffer(data, np.uint8))
    assert not decoded.flags.writeable


@pytest.mark.parametrize('encoding', ['mono16', '16UC1'])
@pytest.mark.parametrize('bits', [10, 12, 14, 16])
def test_grey_of_16_bits_is_scaled_by_those_that_are_used(encoding, bits):
    data = np.array([0, 2 ** (bits - 1), 2**bits - 1], '<u2').tobytes()
    decoded = decode_image(data, width=3, height=1, encoding=encoding, step=6, is_bigendian=False)
    assert decoded[0, :, 0].tolist() == [0, 128, 255]


def test_a_dark_image_of_16_bits_stays_dark():
    data = np.array([0, 20, 40], '<u2').tobytes()
    decoded = decode_image(data, width=3, height=1, encoding='mono16', step=6, is_bigendian=False)
    assert decoded[0, :, 0].tolist() == [0, 5, 10]


def test_mono16_uses_the_whole_range():
    data = np.array([0, 128, 129, 32767, 65535], '<u2').tobytes()
    decoded = decode_image(data, width=5, height=1, encoding='mono16', step=10, is_bigendian=False)
    assert decoded[0, :, 0].tolist() == [0, 0, 1, 127, 255]


def test_float_overshoot_is_clipped():
    data = np.array([-0.1, 0.0, 1.0, 1.2], '<f4').tobytes()
    decoded = decode_image(data, width=4, height=1, encoding='32FC1', step=16, is_bigendian=False)
    assert decoded[0, :, 0].tolist() == [0, 0, 255, 255]


GOOD = {'width': 4, 'height': 2, 'encoding': 'bgr8', 'step': 12, 'is_bigendian': False}


@pytest.mark.parametrize(
    ('change', 'size', 'sentence'),
    [
        ({'encoding': 'jpeg2000'}, 24, "'jpeg2000' is not supported: publish one of bgr8, rgb8"),
        ({'encoding': ''}, 24, 'is not supported'),
        ({'width': 0, 'step': 0}, 24, 'it is 0x2 pixels'),
        ({'height': 0}, 0, 'it is 4x0 pixels'),
        ({'width': MAX_SIDE + 1, 'step': 3 * MAX_SIDE + 3}, 24, 'no side may exceed 16384'),
        ({'step': 11}, 24, 'step is 11 bytes, but 4 pixels of bgr8 take 12'),
        ({}, 23, 'has 23 bytes, but 4x2 pixels of bgr8 with step 12 need 24'),
        ({'step': 20}, 31, 'need 32'),
        ({'width': 3, 'encoding': 'yuyv', 'step': 6}, 24, 'width 3 is odd'),
        ({'height': 3, 'encoding': 'nv12', 'step': 4}, 24, 'height 3 is odd'),
        ({'encoding': 'nv21', 'step': 4}, 11, 'need 12'),
    ],
)
def test_contradicting_fields_are_one_sentence(change, size, sentence):
    with pytest.raises(ImageFormatError) as caught:
        decode_image(bytes(size), **{**GOOD, **change})
    assert sentence in str(caught.value)
    assert str(caught.value).endswith('.')
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
    ('values', 'sentence'),
    [
        ([0.5, np.nan], 'holds NaN or infinity'),
        ([0.5, np.inf], 'holds NaN or infinity'),
        ([0.5, 3.2], 'values from 0.5 to 3.2: expected 0..1'),
        ([-2.0, 0.1], 'expected 0..1'),
    ],
)
@pytest.mark.parametrize('big', [False, True])
def test_float_image_that_is_no_image(values, sentence, big):
    data = np.array(values, '>f4' if big else '<f4').tobytes()
    with pytest.raises(ImageFormatError, match=sentence):
        decode_image(data, width=2, height=1, encoding='32FC1', step=8, is_bigendian=big)


# --- compressed ---


@pytest.fixture(scope='module')
def image():
    return np.ascontiguousarray(astronaut()[..., ::-1])


def encoded(image, suffix):
    ok, data = cv2.imencode(suffix, image)
    assert ok
    return data.tobytes()


@pytest.mark.parametrize('suffix', ['.png', '.tiff', '.jpg', '.webp'])
def test_compressed_formats_decode(image, suffix):
    decoded = decode_compressed(array('B', encoded(image, suffix)), 'bgr8; x compressed bgr8')
    assert decoded.shape == image.shape
    assert decoded.flags.writeable
    assert np.abs(decoded.astype(int) - image).mean() < (8 if suffix in ('.jpg', '.webp') else 0.01)


def test_colours_compressed_as_rgb_are_swapped_back(image):
    data = encoded(image[..., ::-1], '.png')
    decoded = decode_compressed(data, 'rgb8; png compressed rgb8')
    np.testing.assert_array_equal(decoded, image)


@pytest.mark.parametrize(('suffix', 'bits'), [('.png', 8), ('.png', 16), ('.jpg', 8)])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_a_compressed_mosaic_becomes_colours(pattern, suffix, bits):
    """As image_transport compresses what a camera publishes as bayer_rggb8: as if it were grey."""
    value = {'b': 100, 'g': 120, 'r': 160}  # near each other: JPEG smooths the mosaic
    tile = np.array([[value[each] for each in row] for row in (pattern[:2], pattern[2:])])
    mosaic = np.tile(tile, (8, 8)).astype(f'u{bits // 8}') * (257 if bits == 16 else 1)
    data = encoded(mosaic, suffix)
    decoded = decode_compressed(data, f'bayer_{pattern}{bits}; {suffix[1:]} compressed ')
    assert decoded.shape == (16, 16, 3)
    assert np.abs(decoded.astype(int) - [100, 120, 160]).max() <= (12 if suffix == '.jpg' else 1)


def test_colours_that_were_a_mosaic_stay_colours(image):
    decoded = decode_compressed(encoded(image, '.png'), 'bayer_rggb8; png compressed bgr8')
    np.testing.assert_array_equal(decoded, image)


@pytest.mark.parametrize('mode', ['grey', 'grey16', 'alpha'])
def test_png_kinds_become_bgr(mode):
    grey = np.arange(200, dtype=np.uint8).reshape(10, 20)
    stored = {
        'grey': grey,
        'grey16': grey.astype(np.uint16) * 257,
        'alpha': np.dstack([grey, grey, grey, np.full_like(grey, 99)]),
    }[mode]
    decoded = decode_compressed(encoded(stored, '.png'), 'png')
    np.testing.assert_array_equal(decoded, np.dstack([grey] * 3))


def with_orientation(image, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = BytesIO()
    Image.fromarray(image[..., ::-1]).save(buffer, 'JPEG', exif=exif.tobytes(), quality=95)
    return buffer.getvalue()


def test_exif_orientation_turns_stills_but_not_messages(image):
    data = with_orientation(image[:200], 6)  # 6: turn clockwise to see it upright
    assert decode_compressed(data, 'jpeg').shape == (200, 512, 3)
    upright = decode_still(data, 'photo.jpg')
    assert upright.shape == (512, 200, 3)
    expected = cv2.rotate(image[:200], cv2.ROTATE_90_CLOCKWISE)
    assert np.abs(upright.astype(int) - expected).mean() < 5


def test_trailing_zeros_of_a_camera_do_not_matter(image):
    assert decode_compressed(encoded(image, '.jpg') + bytes(4000), 'jpeg').shape == image.shape


def bomb(side):
    """A PNG that claims a huge size: the size is in its header, checksum included."""
    import struct
    import zlib

    data = bytearray(encoded(np.zeros((4, 4, 3), np.uint8), '.png'))
    data[16:24] = struct.pack('>II', side, side)
    data[29:33] = struct.pack('>I', zlib.crc32(bytes(data[12:29])))
    return bytes(data)


def thumbnail_then_cut_off():
    """A JPEG whose EXIF thumbnail ends properly, while the image itself does not."""
    thumbnail = encoded(np.zeros((16, 16, 3), np.uint8), '.jpg')
    exif = b'Exif\0\0' + thumbnail
    whole = encoded(astronaut(), '.jpg')
    data = whole[:2] + b'\xff\xe1' + (len(exif) + 2).to_bytes(2, 'big') + exif + whole[2:]
    return data[: len(data) // 2]


def flipped(data):
    return data[:9000] + bytes([data[9000] ^ 1]) + data[9001:]


DAMAGED = {
    'empty': (lambda: b'', 'is empty'),
    'junk': (lambda: b'no image at all' * 9, 'is no image or its header is damaged'),
    'jpeg cut off': (lambda: encoded(astronaut(), '.jpg')[:9000], 'is cut off'),
    'jpeg header only': (lambda: encoded(astronaut(), '.jpg')[:100], 'Compressed image'),
    'thumbnail': (thumbnail_then_cut_off, 'is cut off'),
    'png cut off': (lambda: encoded(astronaut(), '.png')[:9000], 'is damaged'),
    'png flipped': (
        lambda: flipped(encoded(astronaut(), '.png')),
        'is damaged',
    ),
    'bomb': (lambda: bomb(12000), 'more than 134217728 pixels are refused'),
    'larger bomb': (lambda: bomb(16000), 'has too many pixels'),
    'largest bomb': (lambda: bomb(60000), 'has too many pixels'),
}


@pytest.mark.filterwarnings('ignore::PIL.Image.DecompressionBombWarning')
@pytest.mark.parametrize('name', sorted(DAMAGED))
def test_damaged_compressed_data_is_one_sentence(name, capfd):
    make, sentence = DAMAGED[name]
    with pytest.raises(ImageFormatError) as caught:
        decode_compressed(make(), 'jpeg')
    assert sentence in str(caught.value)
    assert str(caught.value).endswith('.')
    assert capfd.readouterr().err == ''


def test_depth_is_refused():
    with pytest.raises(ImageFormatError, match='depth image: subscribe to the colour image'):
        decode_compressed(b'x', '16UC1; compressedDepth png')


@settings(max_examples=80, deadline=None)
@given(position=st.integers(0, 5000), length=st.integers(0, 200), suffix=st.sampled_from('jp'))
def test_damage_anywhere_never_escapes_as_another_error(position, length, suffix):
    small = cv2.resize(astronaut(), (64, 64))
    data = bytearray(encoded(small, '.jpg' if suffix == 'j' else '.png'))
    start = position % len(data)
    data[start : start + length] = bytes(len(data[start : start + length]))
    try:
        decoded = decode_compressed(bytes(data), 'jpeg')
    except ImageFormatError:
        return
    assert decoded.ndim == 3
