"""Where heads are, how they are turned and where they look, on the demo's portrait."""

import math

import cv2
import numpy as np
import pytest

from emotion_perception.detection.factory import create_detector
from emotion_perception.errors import ModelError
from emotion_perception.heads import networks as head_networks
from emotion_perception.heads.calibration import CameraCalibration, direction
from emotion_perception.heads.estimator import HeadEstimator
from emotion_perception.heads.gaze import eye_direction, gaze_direction, looking_at_camera
from emotion_perception.heads.head_pose import (
    angles,
    fit_head,
    line_of_sight,
    mean_face,
    quaternion,
    rotation_from,
    rotation_of,
)
from emotion_perception.heads.networks import HeadNetworks
from emotion_perception.heads.turned_square import TurnedSquare
from emotion_perception.outputs.results import head_record
from emotion_perception.types import head_axes

SIDE = 512
MIDDLE = SIDE / 2
NS = 1_000_000_000


def camera(focal_length=600.0, width=SIDE, height=SIDE, **others):
    k = (focal_length, 0, width / 2, 0, focal_length, height / 2, 0, 0, 1)
    return CameraCalibration(width, height, k=k, **others)


@pytest.fixture(scope='module')
def networks():
    return HeadNetworks()


@pytest.fixture(scope='module')
def detector():
    return create_detector('centerface')


@pytest.fixture(scope='module')
def head_of(networks, detector):
    """The head in an image that belongs to no stream."""

    def estimate(image, calibration=None):
        (face,) = detector.detect(image, 0.5, 24, 480)
        (head,) = HeadEstimator(networks).estimate(image, 0, [(1, face)], calibration, gaze=True)
        return head

    return estimate


def turned(degrees_x=0.0, degrees_y=0.0, degrees_z=0.0):
    rotation = np.eye(3)
    for axis, degrees in enumerate((degrees_x, degrees_y, degrees_z)):
        vector = np.zeros(3)
        vector[axis] = math.radians(degrees)
        rotation = cv2.Rodrigues(vector)[0] @ rotation
    return rotation


def test_the_mean_face_has_its_eyes_63_mm_apart_and_is_its_own_mirror_image():
    face = mean_face()
    right, left = face[[33, 133]].mean(axis=0), face[[263, 362]].mean(axis=0)
    assert np.linalg.norm(left - right) == pytest.approx(63, abs=0.05)
    assert right == pytest.approx(left * (-1, 1, 1), abs=0.1)
    assert face[1, 2] < -30  # the nose, towards the camera


def test_a_mesh_gives_back_the_turn_the_scale_and_the_place_it_was_made_of():
    rotation = turned(12, -25, 8)
    mesh = 1.7 * mean_face() @ rotation.T + (320, 200, 5)
    fit = fit_head(mesh)
    assert fit.rotation == pytest.approx(rotation, abs=1e-9)
    assert fit.scale == pytest.approx(1.7)
    assert fit.origin == pytest.approx((320, 200))


@pytest.mark.parametrize('degrees', [-30, -15, 20])
def test_a_turned_image_gives_the_roll(head_of, portrait, degrees):
    x, y = 224, 118
    matrix = cv2.getRotationMatrix2D((x, y), -degrees, 1)
    image = cv2.warpAffine(portrait, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    roll = [head_record(head_of(each))['roll'] for each in (portrait, image)]
    assert roll[1] - roll[0] == pytest.approx(degrees, abs=2)


def test_a_mirrored_image_has_the_opposite_yaw_and_the_same_pitch(head_of, portrait):
    plain = head_record(head_of(portrait))
    mirrored = head_record(head_of(np.ascontiguousarray(portrait[:, ::-1])))
    assert mirrored['yaw'] == pytest.approx(-plain['yaw'], abs=3)
    assert mirrored['pitch'] == pytest.approx(plain['pitch'], abs=3)
    assert mirrored['gaze'][0] == pytest.approx(-plain['gaze'][0], abs=0.1)


def test_half_the_size_is_twice_the_distance(head_of, portrait):
    half = cv2.resize(portrait, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    edge = SIDE // 4
    small = cv2.copyMakeBorder(half, edge, edge, edge, edge, cv2.BORDER_REPLICATE)
    near, far = (head_of(image, camera()).position[2] for image in (portrait, small))
    assert far / near == pytest.approx(2, rel=0.05)


def test_twice_the_focal_length_is_twice_the_distance(head_of, portrait):
    near, far = (head_of(portrait, camera(focal)).position for focal in (600.0, 1200.0))
    assert far[2] == pytest.approx(2 * near[2])
    assert far[:2] == pytest.approx(near[:2])
    assert near[0] < 0 < near[2]  # she is left of the middle


@pytest.mark.parametrize('calibration', [None, CameraCalibration(SIDE, SIDE)])
def test_without_a_calibration_there_is_no_position(head_of, portrait, calibration):
    head = head_of(portrait, calibration)
    assert np.isnan(head.position).all()
    assert head_record(head)['position'] is None
    assert np.isfinite(head.rotation).all()


def test_she_smiles_into_the_camera(head_of, portrait):
    assert head_of(portrait).looking_at_camera > 0.5


def test_a_head_at_the_edge_is_turned_by_the_line_of_sight(head_of, portrait):
    plain, seen = (head_of(portrait, each) for each in (None, camera(600.0)))
    yaw = [angles(each.rotation)[0] for each in (plain, seen)]
    offset = math.degrees(math.atan((plain.origin[0] - MIDDLE) / 600))
    assert yaw[1] - yaw[0] == pytest.approx(-offset, abs=1)
    assert seen.looking_at_camera == pytest.approx(plain.looking_at_camera)


def test_the_line_of_sight_is_a_rotation_onto_the_ray():
    calibration = camera(400.0)
    turn = line_of_sight(np.array([MIDDLE + 400, MIDDLE - 200]), calibration)
    ray = np.array([1.0, -0.5, 1.0])
    assert turn @ (0, 0, 1) == pytest.approx(ray / np.linalg.norm(ray))
    assert turn @ turn.T == pytest.approx(np.eye(3))
    assert np.linalg.det(turn) == pytest.approx(1)


@pytest.mark.parametrize(
    ('model', 'coefficients'),
    [('plumb_bob', (0.1, -0.05, 0.001, 0.002, 0.0)), ('equidistant', (0.02, -0.01, 0.0, 0.0))],
)
def test_distortion_is_taken_out_of_directions(model, coefficients):
    calibration = camera(distortion_model=model, d=coefficients)
    matrix, bent = np.reshape(calibration.k, (3, 3)), np.array(coefficients)
    ray = np.array([[[0.2, -0.1]]])
    if model == 'equidistant':
        pixel = cv2.fisheye.distortPoints(ray, matrix, bent)
    else:
        nowhere = np.zeros(3)
        pixel, _ = cv2.projectPoints(np.array([[0.2, -0.1, 1.0]]), nowhere, nowhere, matrix, bent)
    assert direction(pixel.ravel(), calibration) == pytest.approx((0.2, -0.1), abs=1e-4)


@pytest.mark.parametrize(
    'k', [(0.0,) * 9, (math.nan, 0, 1, 0, math.nan, 1, 0, 0, 1), (600, 0, 1, 0, -1, 1, 0, 0, 1)]
)
def test_numbers_that_are_no_calibration(k):
    assert not CameraCalibration(SIDE, SIDE, k=k).is_calibrated
    assert not CameraCalibration(SIDE, SIDE, k=camera().k, d=(0.1,) * 3).is_calibrated


def test_angles_are_those_of_the_image():
    """Of a head that turns to the image's right, looks down, leans clockwise."""
    assert angles(turned(degrees_y=-20)) == pytest.approx((20, 0, 0), abs=1e-9)
    assert angles(turned(degrees_x=10))[1] == pytest.approx(10)
    assert angles(turned(degrees_z=15))[2] == pytest.approx(15)


def test_the_axes_of_a_head_are_those_of_ros():
    facing = head_axes(np.eye(3))
    assert facing[:, 0].tolist() == [0, 0, -1]  # forward: to the camera
    assert facing[:, 1].tolist() == [1, 0, 0]  # its left: to the image's right
    assert facing[:, 2].tolist() == [0, -1, 0]  # up
    rotation = turned(30, 40, -50)
    assert rotation_of(head_axes(rotation)) == pytest.approx(rotation)
    assert np.linalg.det(head_axes(rotation)) == pytest.approx(1)


@pytest.mark.parametrize('turn', [(0, 0, 0), (180, 0, 0), (0, 180, 0), (10, -70, 170)])
def test_a_quaternion_is_its_rotation(turn):
    rotation = turned(*turn)
    x, y, z, w = quaternion(rotation)
    assert math.hypot(x, y, z, w) == pytest.approx(1)
    assert w >= 0
    assert rotation_from(x, y, z, w) == pytest.approx(rotation, abs=1e-9)


def test_irises_that_move_turn_the_gaze(networks, portrait, head_of):
    head = head_of(portrait)
    mesh = np.asarray(head.mesh, np.float64)
    fit = fit_head(mesh)
    (irises,) = networks.irises(portrait, [mesh])
    to_the_right = head_networks.Irises(
        irises.centers + np.array([3 * fit.scale, 0]), irises.widths
    )
    gaze, moved = (gaze_direction(fit, eye_direction(fit, each)) for each in (irises, to_the_right))
    assert moved[0] > gaze[0] + 0.1
    assert np.linalg.norm(moved) == pytest.approx(1)
    assert looking_at_camera(moved) < looking_at_camera(gaze)


def test_looking_away_is_less_probable_the_further_away():
    rows = [looking_at_camera(-turned(degrees_y=angle)[:, 2]) for angle in (0, 10, 15, 20, 90)]
    assert rows == sorted(rows, reverse=True)
    assert rows[0] > 0.99
    assert rows[2] == pytest.approx(0.5)
    assert rows[4] < 0.001


def test_a_known_head_is_looked_for_where_it_was(networks, detector, portrait):
    """And found, though the detector's box is off."""
    (face,) = detector.detect(portrait, 0.5, 24, 480)
    estimator = HeadEstimator(networks)
    first, second = (
        estimator.estimate(portrait, stamp, [(1, face)], None, gaze=False)[0]
        for stamp in (0, NS // 30)
    )
    assert angles(second.rotation) == pytest.approx(angles(first.rotation), abs=1)
    assert second.origin == pytest.approx(first.origin, abs=1)


def test_where_there_is_no_face_there_is_no_head(networks, detector, portrait):
    (face,) = detector.detect(portrait, 0.5, 24, 480)
    wall = np.full_like(portrait, 120)
    assert HeadEstimator(networks).estimate(wall, 0, [(1, face)], None, gaze=True) == [None]
    assert HeadEstimator(networks).estimate(wall, 0, [], None, gaze=True) == []


def test_a_square_is_cut_out_upright():
    image = np.zeros((80, 120, 3), np.uint8)
    image[30:50, 40:60] = (10, 20, 250)
    square = TurnedSquare(50, 40, 20, math.radians(90))
    crop = square.cut(image, 16)
    assert crop.shape == (3, 16, 16)
    assert crop[:, 4:12, 4:12].reshape(3, -1).mean(axis=1) == pytest.approx(
        [250 / 255, 20 / 255, 10 / 255], abs=0.01
    )
    corner = square.to_image([(-0.5, -0.5)], 16)
    assert corner[0] == pytest.approx((60, 30))
    assert square.to_image([(15.5, -0.5)], 16, mirrored=True)[0] == pytest.approx((60, 30))


def test_a_network_of_another_version_is_refused(tmp_path, monkeypatch, portrait):
    (tmp_path / 'models').mkdir()
    (tmp_path / 'models/face_mesh.onnx').write_bytes(b'something else')
    monkeypatch.setattr(head_networks, 'share_folder', lambda: tmp_path)
    square = TurnedSquare(50, 40, 20, 0)
    with pytest.raises(ModelError, match='belongs to this version: install the package again'):
        HeadNetworks().meshes(portrait, [square])
