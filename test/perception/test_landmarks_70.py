"""The seventy landmarks of a face, against those that the detector finds on it."""

import numpy as np
import pytest

from emotion_perception.detection import create_detector
from emotion_perception.heads.landmarks import landmarks_70
from emotion_perception.heads.networks import HeadNetworks
from emotion_perception.types import Box, Detection


@pytest.fixture(scope='module')
def found(portrait):
    (face,) = create_detector('centerface').detect(portrait, 0.5, 24)
    return face, landmarks_70(HeadNetworks(), portrait, face)


def test_they_lie_where_the_detector_sees_pupils_nose_and_mouth(found):
    face, points = found
    assert points.shape == (70, 2)
    apart = np.linalg.norm(points[[68, 69, 30, 48, 54]] - face.landmarks, axis=1)
    assert (apart < 0.08 * face.box.height).all(), apart


def test_they_are_in_the_order_of_a_face(found):
    _, points = found
    x, y = points.T
    assert (np.diff(x[[0, 36, 39, 27, 42, 45, 16]]) > 0).all(), 'from its right to its left'
    assert (np.diff(y[[19, 37, 41, 30, 33, 51, 62, 66, 57, 8]]) > 0).all(), 'from brow to chin'
    for eye, pupil in ((range(36, 42), 68), (range(42, 48), 69)):
        inside = points[list(eye)]
        assert (inside.min(axis=0) < points[pupil]).all()
        assert (points[pupil] < inside.max(axis=0)).all()


def test_where_no_face_is_there_are_none(portrait):
    nothing = np.full_like(portrait, 90)
    detection = Detection(Box(100, 100, 90, 110), 0.9, None)
    assert landmarks_70(HeadNetworks(), nothing, detection) is None
