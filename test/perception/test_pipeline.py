"""The pipeline on real faces with the real detector and a model that takes a millisecond."""

import dataclasses

import cv2
import numpy as np
import pytest

from emotion_perception.detection import create_detector
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.networks import Networks
from emotion_perception.pipeline import EmotionPipeline, PipelineSettings, largest_faces
from emotion_perception.types import Box, Detection, iou_matrix

FRAME_NS = 33_333_333
CPU = ProviderSettings(('cpu',))
FACE = Box(181, 58, 89, 120)


@pytest.fixture(scope='module')
def detector():
    return create_detector('centerface', CPU)


@pytest.fixture(scope='module')
def classifier(tiny_model):
    return EmotionClassifier(tiny_model, CPU)


@pytest.fixture
def pipeline(detector, classifier):
    return EmotionPipeline(Networks(detector, classifier), PipelineSettings(smoothing=0.0))


def configure(pipeline, **settings):
    pipeline.settings = dataclasses.replace(pipeline.settings, **settings)


def run(pipeline, images, first=0):
    return [pipeline.process(image, (first + n) * FRAME_NS) for n, image in enumerate(images)]


def overlap(a, b):
    return iou_matrix([a], [b])[0, 0]


def dark(image):
    return np.asarray(image // 4, np.uint8)


# --- one image -------------------------------------------------------------------------------


def test_a_face_with_everything_about_it(pipeline, portrait):
    (face,) = pipeline.process(portrait, 0)
    assert face.track_id == 1
    assert overlap(face.box, FACE) > 0.6
    assert 0.5 <= face.score <= 1
    assert face.landmarks.shape == (5, 2)
    assert face.emotion_id == face.probabilities.argmax()
    assert face.confidence == face.probabilities.max()
    assert face.probabilities.shape == (7,)
    assert face.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_no_face(pipeline):
    assert pipeline.process(np.full((240, 320, 3), 127, np.uint8), 0) == []


@pytest.mark.parametrize('size', [(1, 1), (1, 400), (400, 1), (7, 5)])
def test_tiny_images_have_no_face(pipeline, size):
    assert pipeline.process(np.zeros((*size, 3), np.uint8), 0) == []


def test_the_image_is_not_changed(pipeline, portrait):
    assert not portrait.flags.writeable
    pipeline.process(portrait, 0)


def test_faces_come_largest_first(pipeline, two_faces):
    faces = pipeline.process(two_faces, 0)
    assert [face.track_id for face in faces] == [1, 2]
    assert faces[0].box.area > faces[1].box.area


def test_max_faces_keeps_the_largest(pipeline, two_faces):
    configure(pipeline, max_faces=1)
    (face,) = pipeline.process(two_faces, 0)
    assert overlap(face.box, FACE) > 0.6


def test_min_face_size_drops_small_faces(pipeline, two_faces):
    configure(pipeline, min_face_size=70)
    assert len(pipeline.process(two_faces, 0)) == 1


def test_boxes_lie_inside_the_image(pipeline, portrait):
    cut = np.ascontiguousarray(portrait[75:, 195:])
    for face in pipeline.process(cut, 0):
        assert face.box.x >= 0
        assert face.box.y >= 0
        assert face.box.x + face.box.width <= cut.shape[1]
        assert face.box.y + face.box.height <= cut.shape[0]


def test_largest_faces():
    faces = [Detection(Box(0, 0, side, 50), 0.9) for side in (30, 60, 20, 45)]
    kept = largest_faces(faces, PipelineSettings(min_face_size=25, max_faces=2))
    assert [face.box.width for face in kept] == [60, 45]


# --- thresholds --------------------------------------------------------------------------------


def test_below_the_threshold_an_emotion_is_uncertain(pipeline, portrait):
    configure(pipeline, confidence_threshold=1.0)
    (face,) = pipeline.process(portrait, 0)
    assert face.emotion_id is None
    assert face.confidence == face.probabilities.max()


def test_a_confidence_at_the_threshold_counts(pipeline, portrait):
    (face,) = pipeline.process(portrait, 0)
    configure(pipeline, confidence_threshold=face.confidence)
    assert pipeline.process(portrait, FRAME_NS)[0].emotion_id is not None


def test_settings_hold_from_the_next_image_on(pipeline, portrait):
    assert len(pipeline.process(portrait, 0)) == 1
    configure(pipeline, face_score_threshold=1.0)
    assert len(pipeline.process(portrait, FRAME_NS)) == 0
    configure(pipeline, face_score_threshold=0.5)
    assert [face.track_id for face in pipeline.process(portrait, 2 * FRAME_NS)] == [1]


# --- time --------------------------------------------------------------------------------------


def test_identity_is_kept_over_a_stretch_without_face(pipeline, portrait):
    blank = np.zeros_like(portrait)
    results = run(pipeline, [portrait, blank, blank, blank, portrait])
    assert [[face.track_id for face in faces] for faces in results] == [[1], [], [], [], [1]]


def test_time_that_goes_back_starts_anew(pipeline, portrait, two_faces, caplog):
    run(pipeline, [two_faces, portrait], first=100)
    pipeline.process(portrait, 200 * FRAME_NS)
    (face,) = pipeline.process(portrait, 5 * FRAME_NS)
    assert face.track_id == 1
    assert 'Time went back' in caplog.text


def test_reset_starts_anew(pipeline, portrait):
    pipeline.process(portrait, 10 * FRAME_NS)
    pipeline.process(np.roll(portrait, 250, axis=1), 11 * FRAME_NS)
    pipeline.reset()
    assert [face.track_id for face in pipeline.process(portrait, 0)] == [1]


def test_probabilities_are_smoothed_along_a_track(detector, classifier, portrait):
    pipeline = EmotionPipeline(Networks(detector, classifier), PipelineSettings(smoothing=0.3))
    sharp = EmotionPipeline(Networks(detector, classifier), PipelineSettings(smoothing=0.0))
    (before,) = pipeline.process(portrait, 0)
    (now,) = pipeline.process(dark(portrait), 300_000_000)
    (target,) = sharp.process(dark(portrait), 0)
    assert now.track_id == before.track_id
    share = 1 - np.exp(-1)
    expected = before.probabilities + share * (target.probabilities - before.probabilities)
    np.testing.assert_allclose(now.probabilities, expected, atol=1e-5)


def test_smoothing_off_results_each_image_by_itself(pipeline, detector, classifier, portrait):
    pipeline.process(portrait, 0)
    (now,) = pipeline.process(dark(portrait), FRAME_NS)
    alone = EmotionPipeline(Networks(detector, classifier), pipeline.settings)
    (expected,) = alone.process(dark(portrait), 0)
    np.testing.assert_allclose(now.probabilities, expected.probabilities, atol=1e-6)


def test_tracks_are_smoothed_apart(detector, classifier, two_faces):
    pipeline = EmotionPipeline(Networks(detector, classifier), PipelineSettings(smoothing=10.0))
    half_dark = two_faces.copy()
    half_dark[:, :512] = dark(two_faces[:, :512])
    first = pipeline.process(two_faces, 0)
    second = pipeline.process(half_dark, FRAME_NS)
    assert [face.track_id for face in first] == [face.track_id for face in second] == [1, 2]
    np.testing.assert_allclose(first[1].probabilities, second[1].probabilities, atol=1e-3)


# --- between detections ------------------------------------------------------------------------


def test_max_faces_holds_between_detections(detector, classifier, two_faces):
    settings = PipelineSettings(detect_every_n=4)
    pipeline = EmotionPipeline(Networks(detector, classifier), settings)
    assert len(pipeline.process(two_faces, 0)) == 2
    configure(pipeline, max_faces=1)
    assert len(pipeline.process(two_faces, FRAME_NS)) == 1


def test_the_size_of_the_images_may_change(detector, classifier, portrait):
    pipeline = EmotionPipeline(Networks(detector, classifier), PipelineSettings(detect_every_n=5))
    half = cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA)
    results = run(pipeline, [portrait, half, portrait])
    assert [len(faces) for faces in results] == [1, 1, 1]


def test_the_fallback_detector_works_in_the_pipeline(classifier, portrait):
    if not hasattr(cv2, 'CascadeClassifier'):
        pytest.skip('OpenCV 5 has no Haar cascades')
    pipeline = EmotionPipeline(Networks(create_detector('haar'), classifier), PipelineSettings())
    faces = pipeline.process(portrait, 0)
    assert max(overlap(face.box, FACE) for face in faces) > 0.5
    assert all(face.landmarks is None for face in faces)


def test_heads_are_estimated_while_they_are_wanted(pipeline, portrait):
    assert run(pipeline, [portrait])[0][0].head is None
    configure(pipeline, head_pose=True)
    head = run(pipeline, [portrait], first=1)[0][0].head
    assert head.gaze == pytest.approx(-head.rotation[:, 2])
    configure(pipeline, gaze=True)
    by_irises = run(pipeline, [portrait], first=20)[0][0].head
    assert by_irises.gaze != pytest.approx(-by_irises.rotation[:, 2])
    configure(pipeline, head_pose=False, gaze=False)
    assert run(pipeline, [portrait], first=21)[0][0].head is None
