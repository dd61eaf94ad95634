"""`EmotionRecognizer`: models and thresholds of one's own, batches, streams, drawing."""

import json

import numpy as np
import pytest
from PIL import Image

from emotion_perception import EMOTION_NAMES, EmotionRecognizer, Frame
from emotion_perception.errors import DetectorError, ImageFormatError, ModelError


@pytest.fixture(scope='module')
def recognizer(tiny_model):
    return EmotionRecognizer(tiny_model)


def test_a_result_says_all_by_name(recognizer, portrait):
    (face,) = recognizer.predict(portrait)
    assert face.emotion == 'Happy'
    assert tuple(face.probabilities) == EMOTION_NAMES
    assert face.probabilities['Happy'] == pytest.approx(face.confidence)
    assert sum(face.probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_array_file_and_pillow_image_are_the_same(recognizer, portrait, photo):
    upright = Image.fromarray(portrait[..., ::-1])
    boxes = [recognizer.predict(image)[0].box for image in (portrait, photo, str(photo), upright)]
    assert boxes == [boxes[0]] * 4


def test_a_batch_is_answered_in_order(recognizer, portrait):
    nobody = np.zeros((120, 160, 3), np.uint8)
    assert [len(faces) for faces in recognizer.predict_batch([portrait, nobody])] == [1, 0]


def test_as_json_and_as_a_row(recognizer, portrait):
    (face,) = recognizer.predict(portrait)
    record = json.loads(json.dumps(face.to_dict()))
    assert record['emotion'] == 'Happy'
    assert len(record['landmarks']) == 5
    row = face.to_row()
    assert row['Happy'] == face.confidence
    assert {'x', 'y', 'width', 'height', 'track_id', *EMOTION_NAMES} <= set(row)


def test_heads_where_they_are_wanted(recognizer, tiny_model, portrait):
    (plain,) = recognizer.predict(portrait)
    assert plain.head is None
    assert plain.to_dict()['head'] is None
    (face,) = EmotionRecognizer(tiny_model, gaze=True).predict(portrait)
    record = json.loads(json.dumps(face.to_dict()))['head']
    assert record['looking_at_camera'] > 0.5
    assert record['position'] is None


def test_settings_are_those_of_the_commands(tiny_model, two_faces):
    assert len(EmotionRecognizer(tiny_model, max_faces=1).predict(two_faces)) == 1
    (face, _) = EmotionRecognizer(tiny_model, confidence_threshold=1).predict(two_faces)
    assert face.emotion == 'Uncertain'


@pytest.mark.parametrize(
    ('settings', 'part'),
    [
        ({'confidence_treshold': 0.4}, 'confidence_treshold is no setting: use '),
        ({'min_face_size': 1}, 'min_face_size must be 8 to 4096 px'),
        ({'smoothing': 'much'}, 'smoothing must be a number'),
    ],
)
def test_a_wrong_setting_is_one_sentence(tiny_model, settings, part):
    with pytest.raises(ValueError, match=part):
        EmotionRecognizer(tiny_model, **settings)


def test_wrong_networks_are_one_sentence(tmp_path, tiny_model):
    with pytest.raises(ModelError, match='nowhere'):
        EmotionRecognizer(tmp_path / 'nowhere.onnx')
    with pytest.raises(DetectorError):
        EmotionRecognizer(tiny_model, detector='eyes')


@pytest.mark.parametrize('image', [None, 3, b'bytes', [[1, 2], [3, 4]]])
def test_what_is_no_image_is_one_sentence(recognizer, image):
    with pytest.raises(ImageFormatError, match=f'A {type(image).__name__} is no image: give'):
        recognizer.predict(image)


def test_faces_of_a_stream_are_tracked(recognizer, portrait):
    frames = [Frame(portrait, index * 33_000_000, index) for index in range(3)]
    results = list(recognizer.stream(frames))
    assert [result.index for result in results] == [0, 1, 2]
    assert [face.track_id for result in results for face in result.faces] == [1, 1, 1]


def test_a_source_is_opened_by_its_name(recognizer, photo):
    (result,) = recognizer.stream(photo)
    assert [face.emotion for face in result.faces] == ['Happy']


def test_results_are_drawn(recognizer, portrait):
    drawn = recognizer.annotate(portrait)
    assert drawn.shape == portrait.shape
    assert (drawn != portrait).any()
    np.testing.assert_array_equal(recognizer.annotate(portrait, []), portrait)
    np.testing.assert_array_equal(
        recognizer.annotate(portrait, recognizer.predict(portrait)), drawn
    )
