"""Faces that are followed by their mesh, on the demo's portrait."""

import cv2
import numpy as np
import pytest

from emotion_perception.detection import create_detector
from emotion_perception.detection.base import moved
from emotion_perception.heads.estimator import HeadEstimator
from emotion_perception.heads.following import MeshFollower
from emotion_perception.heads.networks import HeadNetworks
from emotion_perception.types import iou_matrix

FRAME_NS = 33_333_333


class Counted(HeadNetworks):
    """The real networks; counts the faces that each is shown."""

    def __init__(self):
        super().__init__()
        self.meshes_seen = self.irises_seen = 0

    def meshes(self, image, squares):
        self.meshes_seen += len(squares)
        return super().meshes(image, squares)

    def irises(self, image, meshes):
        self.irises_seen += len(meshes)
        return super().irises(image, meshes)


@pytest.fixture
def networks():
    return Counted()


@pytest.fixture
def follower(networks):
    return MeshFollower(networks)


@pytest.fixture(scope='module')
def found(portrait):
    return create_detector('centerface').detect(portrait, 0.5, 24)[0]


def overlap(first, second):
    return iou_matrix([first.box], [second.box])[0, 0]


def test_a_followed_face_is_where_the_detector_sees_it(follower, portrait, found):
    (face,) = follower.follow(portrait, [found])
    assert overlap(face, found) > 0.8
    assert np.abs(face.landmarks - found.landmarks).mean() < 0.05 * found.box.width
    assert face.score == found.score
    assert face.fit.mesh.shape == (468, 3)


@pytest.mark.parametrize('degrees', [-35, 35])
def test_it_is_followed_when_it_leans(follower, portrait, found, degrees):
    (face,) = follower.follow(portrait, [found])
    for angle in np.linspace(0, degrees, 8)[1:]:
        matrix = cv2.getRotationMatrix2D(found.box.center, -angle, 1)
        image = cv2.warpAffine(portrait, matrix, (512, 512), borderMode=cv2.BORDER_REPLICATE)
        (face,) = follower.follow(image, [face])
    dx, dy = face.landmarks[1] - face.landmarks[0]
    straight_x, straight_y = found.landmarks[1] - found.landmarks[0]
    turn = np.degrees(np.arctan2(dy, dx) - np.arctan2(straight_y, straight_x))
    assert turn == pytest.approx(degrees, abs=5)


def test_a_face_that_is_gone_is_lost(follower, portrait, found):
    (face,) = follower.follow(portrait, [found])
    grey = np.full_like(portrait, 127)
    assert follower.follow(grey, [face, found]) == [None, None]
    assert follower.follow(portrait, []) == []


@pytest.mark.parametrize('share', [0.35, 0.45])
def test_a_face_that_jumps_is_another_one(follower, portrait, found, share):
    (face,) = follower.follow(portrait, [found])
    (near, far) = (moved(face, side * found.box.height, 0) for side in (0.15, share))
    (again, lost) = follower.follow(portrait, [near, far])
    assert overlap(again, face) > 0.9
    assert lost is None


def test_one_look_serves_following_and_the_head(follower, networks, portrait, found):
    heads = HeadEstimator(networks)
    face = found
    for number in range(11):
        (face,) = follower.follow(portrait, [face])
        (head,) = heads.estimate(portrait, number * FRAME_NS, [(1, face)], None, gaze=True)
        assert head.mesh == pytest.approx(face.fit.mesh, abs=1e-3)
    # Three for a face that a detector has found, then one an image; irises of every fifth.
    assert (networks.meshes_seen, networks.irises_seen) == (3 + 10, 3)


def test_irises_that_are_not_wanted_any_more_are_not_held(networks, portrait, found):
    heads = HeadEstimator(networks)
    faces = [(1, found)]
    heads.estimate(portrait, 0, faces, None, gaze=True)
    (head,) = heads.estimate(portrait, 10 * FRAME_NS, faces, None, gaze=False)
    (again,) = heads.estimate(portrait, 20 * FRAME_NS, faces, None, gaze=False)
    assert networks.irises_seen == 1
    assert again.gaze == pytest.approx(-again.rotation[:, 2], abs=0.02)
    assert head is not None
