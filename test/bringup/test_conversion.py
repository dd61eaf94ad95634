import cv2
import numpy as np
import pytest
from ros_bench import header, image_message, jpeg_message
from sensor_msgs.msg import Image

from emotion_bringup.conversion import (
    compressed_message,
    emotions_message,
    faces_from_message,
    fill_image_message,
    image_from_message,
    ns_to_stamp,
    stamp_to_ns,
)
from emotion_msgs.msg import FaceEmotion
from emotion_perception.errors import ImageFormatError
from emotion_perception.labels import EMOTION_NAMES, Emotion
from emotion_perception.types import Box, Face, pixel_box

POINTS = np.array([[10, 20], [30, 21], [20, 30.5], [12, 40], [29, 41]], np.float32)
PROBABILITIES = np.array([0.05, 0.05, 0.1, 0.5, 0.1, 0.1, 0.1], np.float32)


def face(**changes):
    values = {
        'track_id': 7,
        'box': Box(10.4, 20.6, 30.0, 40.0),
        'score': 0.75,
        'landmarks': POINTS,
        'emotion_id': 3,
        'confidence': 0.5,
        'probabilities': PROBABILITIES,
    }
    return Face(**{**values, **changes})


def message_of(*faces, width=320, height=240):
    return emotions_message(header(1_234_567_890), width, height, faces)


def sample_image(height=6, width=5):
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


# --- stamps ------------------------------------------------------------------------------------


@pytest.mark.parametrize('ns', [0, 1, 999_999_999, 1_000_000_000, 1_700_000_000_123_456_789])
def test_stamps_are_exact(ns):
    assert stamp_to_ns(ns_to_stamp(ns)) == ns


# --- results -----------------------------------------------------------------------------------


def test_the_header_is_passed_on_unchanged():
    message = message_of(face())
    assert message.header == header(1_234_567_890)
    assert (message.image_width, message.image_height) == (320, 240)


def test_no_faces_are_an_empty_array():
    assert list(message_of().faces) == []


def test_every_field_of_a_face():
    (result,) = message_of(face()).faces
    assert result.track_id == 7
    assert result.score == 0.75
    assert (result.emotion, result.emotion_id) == ('Happy', FaceEmotion.HAPPY)
    assert result.confidence == 0.5
    np.testing.assert_array_equal(result.probabilities, PROBABILITIES)
    assert [(point.x, point.y, point.z) for point in result.landmarks] == [
        (float(x), float(y), 0.0) for x, y in POINTS
    ]
    assert result.box.do_rectify is False


@pytest.mark.parametrize(
    'box',
    [
        Box(10.4, 20.6, 30.0, 40.0),
        Box(10.5, 20.5, 30.5, 39.5),
        Box(-20.0, -5.0, 60.0, 60.0),
        Box(300.0, 200.0, 100.0, 100.0),
        Box(-50.0, 10.0, 20.0, 20.0),
        Box(-5.0, -5.0, 1000.0, 1000.0),
    ],
    ids=str,
)
def test_boxes_are_clipped_and_rounded_as_in_every_other_result(box):
    (result,) = message_of(face(box=box)).faces
    region = result.box
    values = (region.x_offset, region.y_offset, region.width, region.height)
    assert values == pixel_box(box, 320, 240)
    assert region.x_offset + region.width <= 320
    assert region.y_offset + region.height <= 240


def test_landmarks_are_nan_when_there_are_none():
    (result,) = message_of(face(landmarks=None)).faces
    assert all(np.isnan([point.x, point.y, point.z]).all() for point in result.landmarks)


def test_uncertain_is_255():
    (result,) = message_of(face(emotion_id=None)).faces
    assert (result.emotion, result.emotion_id) == ('Uncertain', 255)
    assert FaceEmotion.UNCERTAIN == 255
    assert result.confidence == 0.5


def test_constants_of_the_message_are_the_labels():
    for emotion, name in zip(Emotion, EMOTION_NAMES, strict=True):
        assert getattr(FaceEmotion, name.upper()) == emotion


@pytest.mark.parametrize('changes', [{}, {'landmarks': None}, {'emotion_id': None}], ids=str)
def test_round_trip(changes):
    original = face(box=Box(10, 20, 30, 40), **changes)
    (result,) = faces_from_message(message_of(original))
    for name in ('track_id', 'box', 'score', 'emotion_id', 'confidence'):
        assert getattr(result, name) == getattr(original, name)
    np.testing.assert_array_equal(result.probabilities, original.probabilities)
    if original.landmarks is None:
        assert result.landmarks is None
    else:
        np.testing.assert_array_equal(result.landmarks, original.landmarks)


# --- images ------------------------------------------------------------------------------------


def test_an_image_message_holds_the_image():
    image, message = sample_image(), Image()
    fill_image_message(message, image, header(5))
    assert message.header == header(5)
    assert (message.height, message.width, message.step) == (6, 5, 15)
    assert (message.encoding, message.is_bigendian) == ('bgr8', 0)
    assert bytes(message.data) == image.tobytes()


def test_the_buffer_of_a_message_is_reused():
    message = Image()
    fill_image_message(message, sample_image(), header(1))
    first = message.data
    fill_image_message(message, 255 - sample_image(), header(2))
    assert message.data is first
    assert bytes(message.data) == (255 - sample_image()).tobytes()


def test_another_size_gets_another_buffer():
    message = Image()
    fill_image_message(message, sample_image(), header(1))
    other = sample_image(4, 9)
    fill_image_message(message, other, header(2))
    assert bytes(message.data) == other.tobytes()
    assert (message.height, message.width, message.step) == (4, 9, 27)


def test_a_image_with_strides_is_copied_row_by_row():
    whole = sample_image(10, 10)
    message = Image()
    fill_image_message(message, whole[2:8:2, 1:6, ::-1], header(1))
    assert bytes(message.data) == whole[2:8:2, 1:6, ::-1].tobytes()


def test_image_round_trip():
    image, message = sample_image(), Image()
    fill_image_message(message, image, header(1))
    np.testing.assert_array_equal(image_from_message(message), image)


def test_padding_and_channel_order_are_honoured():
    image = sample_image()
    message = image_message(image[..., ::-1], 'rgb8', padding=3)
    np.testing.assert_array_equal(image_from_message(message), image)


def test_big_endian_data():
    samples = np.arange(30, dtype=np.uint16).reshape(6, 5) * 2000
    little = image_message(samples, 'mono16')
    big = image_message(samples.byteswap(), 'mono16')
    big.is_bigendian = 1
    np.testing.assert_array_equal(image_from_message(big), image_from_message(little))


def test_compressed_round_trip(astronaut):
    message = compressed_message(astronaut, header(9), 95)
    assert message.header == header(9)
    assert 'jpeg' in message.format
    assert bytes(message.data[:3]) == b'\xff\xd8\xff'
    difference = cv2.absdiff(image_from_message(message), astronaut)
    assert difference.mean() < 3


def test_quality_sets_the_size(astronaut):
    sizes = [len(compressed_message(astronaut, header(9), quality).data) for quality in (10, 90)]
    assert sizes[0] < sizes[1] / 3


def test_what_cannot_be_compressed_is_refused():
    with pytest.raises(ImageFormatError, match=r'JPEG\.$'):
        compressed_message(np.zeros((1, 70_000, 3), np.uint8), header(1), 85)


def test_corrupt_compressed_data_is_refused():
    message = jpeg_message(sample_image(64, 64))
    message.data = b'\xff\xd8\xff no image at all'
    with pytest.raises(ImageFormatError):
        image_from_message(message)
