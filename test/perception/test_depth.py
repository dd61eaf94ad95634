"""Where heads are by depth images, of a face that is made of the mean face."""

import dataclasses
import math

import cv2
import numpy as np
import pytest

from emotion_perception.encodings import decode_depth
from emotion_perception.errors import ImageFormatError
from emotion_perception.heads.depth import DepthPlacement, head_distance
from emotion_perception.heads.head_pose import mean_face
from emotion_perception.types import Box, Face, Head

WIDTH, HEIGHT, FOCAL_LENGTH = 640, 480, 600.0
WALL_M = 3.0
BY_IRISES = 1.1  # how far away her irises say she is
PLACE = np.array([0.1, -0.05, 0.8])


def turned(degrees_x=0.0, degrees_y=0.0):
    pitch, _ = cv2.Rodrigues(np.array([math.radians(degrees_x), 0.0, 0.0]))
    yaw, _ = cv2.Rodrigues(np.array([0.0, math.radians(degrees_y), 0.0]))
    return yaw @ pitch


def seen(place=PLACE, rotation=None):
    """A head at a place, and its depth image in metres before a wall."""
    rotation = np.eye(3) if rotation is None else rotation
    points = mean_face() @ rotation.T / 1000 + place
    pixels = points[:, :2] / points[:, 2:] * FOCAL_LENGTH + (WIDTH / 2, HEIGHT / 2)
    depth = np.full((HEIGHT, WIDTH), WALL_M, np.float32)
    radius = round(4 * 0.8 / place[2])
    for index in np.argsort(-points[:, 2]):
        center = tuple(np.rint(pixels[index]).astype(int).tolist())
        cv2.circle(depth, center, radius, float(points[index, 2]), -1)
    head = Head(
        rotation=rotation,
        position=BY_IRISES * place,
        gaze=np.array([0.0, 0.0, -1.0]),
        looking_at_camera=0.9,
        mesh=np.column_stack([pixels, points[:, 2]]).astype(np.float32),
        origin=tuple((place[:2] / place[2] * FOCAL_LENGTH + (WIDTH / 2, HEIGHT / 2)).tolist()),
        scale=FOCAL_LENGTH / place[2] / 1000,
    )
    return head, depth


def face(head, track_id=7):
    return Face(
        track_id,
        Box(300, 100, 90, 120),
        0.9,
        None,
        3,
        0.5,
        np.full(7, 1 / 7, np.float32),
        None,
        head,
    )


@pytest.mark.parametrize('turn', [(0, 0), (0, 30), (0, -50), (20, 0), (-20, 15)])
@pytest.mark.parametrize('distance', [0.5, 0.8, 2.0])
def test_the_distance_is_that_of_the_pupils_however_the_head_is_turned(turn, distance):
    head, depth = seen(PLACE / PLACE[2] * distance, turned(*turn))
    assert head_distance(head, depth) == pytest.approx(distance, abs=0.008)


def test_millimetres_and_metres_say_the_same():
    head, depth = seen()
    millimetres = np.rint(1000 * depth).astype(np.uint16)
    assert head_distance(head, millimetres) == pytest.approx(head_distance(head, depth), abs=1e-3)


@pytest.mark.parametrize('hole', [0.0, math.nan, math.inf, -1.0])
def test_what_was_not_measured_does_not_count_until_too_little_is_left(hole):
    head, depth = seen()
    random = np.random.default_rng(0)
    noisy = depth + random.normal(0, 0.005, depth.shape).astype(np.float32)
    noisy[random.random(depth.shape) < 0.5] = hole
    assert head_distance(head, noisy) == pytest.approx(PLACE[2], abs=0.01)
    noisy[random.random(depth.shape) < 0.6] = hole
    assert head_distance(head, noisy) is None


def test_what_hides_a_part_of_the_face_does_not_count():
    head, depth = seen()
    x, y = (round(each) for each in head.origin)
    depth[y + 40 :, :] = 0.4  # a cup before the mouth
    depth[:, : x - 25] = WALL_M  # the shadow of the sensor
    assert head_distance(head, depth) == pytest.approx(PLACE[2], abs=0.02)


def test_a_face_outside_of_the_image_is_not_measured():
    head, depth = seen(np.array([0.6, 0.0, 0.8]))
    assert head.origin[0] > WIDTH
    assert head_distance(head, depth) is None


def test_faces_get_their_places_and_others_stay_as_they_are():
    head, depth = seen()
    placed, without_head = DepthPlacement().place([face(head), face(None, 8)], depth)
    assert placed.head.position == pytest.approx(PLACE, abs=0.008)
    assert (placed.track_id, placed.head.rotation is head.rotation) == (7, True)
    assert without_head.head is None
    nothing = np.zeros((HEIGHT, WIDTH), np.uint16)
    for depth_of_nothing in (nothing, None):
        (unplaced,) = DepthPlacement().place([face(head)], depth_of_nothing)
        assert unplaced.head is head
    uncalibrated = dataclasses.replace(head, position=np.full(3, np.nan))
    (nowhere,) = DepthPlacement().place([face(uncalibrated)], depth)
    assert np.isnan(nowhere.head.position).all()


def test_a_face_does_not_jump_where_a_depth_image_is_missing():
    placement = DepthPlacement()
    head, depth = seen()
    placement.place([face(head)], depth)
    nearer, _ = seen(PLACE / 2)
    one, other = placement.place([face(nearer), face(nearer, 8)], None)
    assert one.head.position == pytest.approx(PLACE / 2, abs=0.008)
    assert other.head is nearer  # nothing has measured it yet
    placement.place([], depth)
    (back,) = placement.place([face(head)], None)
    assert back.head is head


def fields(samples, encoding, big=False):
    stored = samples.astype(samples.dtype.newbyteorder('>' if big else '<'))
    height, width = samples.shape
    rows = np.pad(stored.view(np.uint8).reshape(height, -1), ((0, 0), (0, 3)))
    return {
        'data': rows.tobytes(),
        'width': width,
        'height': height,
        'encoding': encoding,
        'step': rows.shape[1],
        'is_bigendian': big,
    }


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize(('sample', 'encoding'), [(np.uint16, '16UC1'), (np.float32, '32FC1')])
def test_depth_images_are_read_as_they_are(sample, encoding, big):
    samples = np.array([[0, 700, 65000], [1, 2, 3]], sample)
    if sample is np.float32:
        samples[0, 0] = np.nan
    read = decode_depth(**fields(samples, encoding, big))
    assert read.dtype == sample
    assert np.array_equal(read, samples, equal_nan=sample is np.float32)


def test_what_is_no_depth_image_is_refused():
    grey = np.zeros((2, 3), np.uint16)
    with pytest.raises(ImageFormatError, match=r"'mono16' is none of depth images: publish 16UC1"):
        decode_depth(**fields(grey, 'mono16'))
    short = fields(grey, '16UC1') | {'data': b'1234'}
    with pytest.raises(ImageFormatError, match='4 bytes'):
        decode_depth(**short)
