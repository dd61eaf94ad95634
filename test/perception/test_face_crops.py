"""Faces that somebody else has cut out, with whatever margin."""

import cv2
import numpy as np
import pytest

from emotion_perception.detection import create_detector
from emotion_perception.face_crops import FaceCropReader, find_faces, without_bars
from emotion_perception.files.resources import default_model_path
from emotion_perception.inference.alignment import cropped_portrait
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.labels import Emotion
from emotion_perception.networks import Networks
from emotion_perception.pipeline import EmotionPipeline, PipelineSettings
from emotion_perception.types import Box


@pytest.fixture(scope='module')
def detector():
    return create_detector('centerface')


@pytest.fixture(scope='module')
def classifier():
    return EmotionClassifier(default_model_path())


@pytest.fixture(scope='module')
def reader(detector, classifier):
    return FaceCropReader(detector, classifier)


@pytest.fixture(scope='module')
def face(portrait, detector, classifier):
    """What the product says of the whole image."""
    settings = PipelineSettings(smoothing=0.0)
    (result,) = EmotionPipeline(Networks(detector, classifier), settings).process(portrait, 0)
    return result


def larger(box, factor):
    x, y = box.center
    width, height = box.width * factor, box.height * factor
    return Box(x - width / 2, y - height / 2, width, height)


def crop_of(portrait, box, factor=1.0, size=(128, 128)):
    return cropped_portrait(portrait, larger(box, factor), *size)


@pytest.mark.parametrize('factor', [0.8, 1.0, 1.25, 1.5, 2.0, 3.0])
def test_the_margin_matters_little(portrait, face, reader, factor):
    (row,) = reader.read([crop_of(portrait, face.box, factor)])
    assert np.argmax(row) == Emotion.HAPPY == face.emotion_id
    assert row.sum() == pytest.approx(1.0, abs=1e-5)
    assert np.abs(row - face.probabilities).sum() / 2 < 0.2


@pytest.mark.parametrize('size', [(48, 48), (128, 128), (300, 200), (90, 400)])
def test_any_size_is_read(portrait, face, reader, size):
    (row,) = reader.read([crop_of(portrait, face.box, 1.2, size)])
    assert np.argmax(row) == Emotion.HAPPY


def test_several_crops_of_different_sizes_are_read_as_if_alone(portrait, face, reader):
    crops = [
        crop_of(portrait, face.box, 1.2),
        np.full((40, 60, 3), 90, np.uint8),
        crop_of(portrait, face.box, 2.0, (200, 150)),
    ]
    together = reader.read(crops)
    alone = np.concatenate([reader.read([crop]) for crop in crops])
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_no_crops_have_no_probabilities(reader):
    assert reader.read([]).shape == (0, 7)


def test_where_no_face_is_found_the_whole_crop_is_read(detector, tiny_model):
    # This model decides by brightness alone.
    reader = FaceCropReader(detector, EmotionClassifier(tiny_model))
    bright, dark = (np.full((64, 64, 3), value, np.uint8) for value in (240, 20))
    assert find_faces(detector, [bright, dark]) == [None, None]
    assert reader.read([bright, dark]).argmax(axis=1).tolist() == [Emotion.HAPPY, Emotion.SAD]


def test_a_detector_without_landmarks_works_too(portrait, face, classifier):
    reader = FaceCropReader(create_detector('haar'), classifier)
    (row,) = reader.read([crop_of(portrait, face.box, 2.0, (256, 256))])
    assert np.argmax(row) == Emotion.HAPPY


@pytest.mark.parametrize('shape', [(1, 1), (1, 500), (500, 1), (2, 3)])
def test_slivers_are_read_without_an_error(reader, shape):
    image = np.full((*shape, 3), 200, np.uint8)
    assert reader.read([image, np.zeros_like(image)]).shape == (2, 7)


@pytest.mark.parametrize(
    ('left', 'top', 'width', 'height'), [(130, 30, 200, 200), (160, 20, 130, 250)]
)
def test_faces_are_found_in_pixels_of_their_own_crop(
    portrait, face, detector, left, top, width, height
):
    plain = np.full((50, 50, 3), 128, np.uint8)
    crop = portrait[top : top + height, left : left + width]
    crop = cv2.resize(crop, (width // 2, height // 2))
    none, found = find_faces(detector, [plain, crop])
    assert none is None
    np.testing.assert_allclose(found.landmarks, (face.landmarks - (left, top)) / 2, atol=4)
    assert found.box.x == pytest.approx((face.box.x - left) / 2, abs=8)
    assert found.box.height == pytest.approx(face.box.height / 2, rel=0.15)


def test_bars_are_left_out_and_dark_pixels_within_stay():
    crop = np.zeros((20, 30, 3), np.uint8)
    crop[5:15, 3:27] = 90
    crop[8, 10] = 0
    assert without_bars(crop).shape == (10, 24, 3)
    np.testing.assert_array_equal(without_bars(crop), crop[5:15, 3:27])


def test_a_black_crop_stays_whole():
    assert without_bars(np.zeros((4, 6, 3), np.uint8)).shape == (4, 6, 3)
