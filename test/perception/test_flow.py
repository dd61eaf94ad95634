import cv2
import numpy as np
import pytest
import skimage.data

from emotion_perception.tracking.flow import FlowPropagator
from emotion_perception.tracking.tracker import iou_matrix
from emotion_perception.types import Box, Detection

# The portrait's face and its eyes, nose tip and mouth corners.
FACE = Detection(
    Box(181.0, 58.0, 89.0, 120.0),
    0.9,
    np.array([[203, 101], [246, 103], [224, 125], [204, 141], [242, 142]], np.float32),
)


@pytest.fixture(scope='module')
def astronaut():
    return np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])


def motion(dx=0.0, dy=0.0, zoom=1.0, angle=0.0):
    matrix = cv2.getRotationMatrix2D(FACE.box.center, angle, zoom)
    matrix[:, 2] += (dx, dy)
    return matrix


def moved(image, matrix):
    size = (image.shape[1], image.shape[0])
    return cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE)


def moved_box(box, matrix):
    zoom = np.hypot(matrix[0, 0], matrix[1, 0])
    x, y = matrix[:, :2] @ box.center + matrix[:, 2]
    width, height = box.width * zoom, box.height * zoom
    return Box(x - width / 2, y - height / 2, width, height)


def overlap(a, b):
    return iou_matrix([a], [b])[0, 0]


def followed(images, detections):
    flow = FlowPropagator()
    flow.remember(images[0])
    for image in images[1:]:
        detections = flow.propagate(image, detections)
        assert detections is not None
    return detections


@pytest.mark.parametrize(
    'change',
    [
        {'dx': 12},
        {'dx': -9, 'dy': 14},
        {'zoom': 1.06},
        {'zoom': 0.94, 'dx': 6},
        {'angle': 6, 'dy': -5},
    ],
    ids=str,
)
def test_a_moved_face_is_followed(astronaut, change):
    matrix = motion(**change)
    (answer,) = followed([astronaut, moved(astronaut, matrix)], [FACE])
    assert overlap(answer.box, moved_box(FACE.box, matrix)) >= 0.8
    expected = FACE.landmarks @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(answer.landmarks - expected).max() < 4.0
    assert answer.landmarks.dtype == np.float32
    assert answer.score == FACE.score


def test_a_face_is_followed_over_ten_frames(astronaut):
    matrices = [motion(dx=5 * n, dy=2 * n, zoom=1 + 0.005 * n) for n in range(11)]
    (answer,) = followed([moved(astronaut, matrix) for matrix in matrices], [FACE])
    assert overlap(answer.box, moved_box(FACE.box, matrices[-1])) >= 0.8


def test_a_large_picture_is_followed_in_its_own_pixels(astronaut):
    large = cv2.resize(astronaut, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    box = Box(*(3 * value for value in (181.0, 58.0, 89.0, 120.0)))
    shift = np.array([[1, 0, 30], [0, 1, -12]], np.float64)
    (answer,) = followed([large, moved(large, shift)], [Detection(box, 0.5)])
    assert overlap(answer.box, Box(box.x + 30, box.y - 12, box.width, box.height)) >= 0.8
    assert answer.landmarks is None


def test_several_faces_keep_their_order(astronaut):
    pair = np.hstack([astronaut, astronaut])
    second = Detection(Box(FACE.box.x + 512, FACE.box.y, FACE.box.width, FACE.box.height), 0.7)
    shift = np.array([[1, 0, 8], [0, 1, 0]], np.float64)
    answer = followed([pair, moved(pair, shift)], [second, FACE])
    assert [detection.score for detection in answer] == [0.7, 0.9]
    assert overlap(answer[1].box, moved_box(FACE.box, shift)) >= 0.8


def test_a_lost_face_asks_for_the_detector(astronaut):
    flow = FlowPropagator()
    flow.remember(astronaut)
    assert flow.propagate(np.full_like(astronaut, 128), [FACE]) is None


@pytest.mark.parametrize('step', [{'angle': 5}, {'zoom': 1.03}], ids=str)
def test_a_face_that_goes_on_changing_asks_for_the_detector(astronaut, step):
    flow = FlowPropagator()
    flow.remember(astronaut)
    detections, frames = [FACE], 0
    while detections is not None and frames < 10:
        frames += 1
        matrix = motion(angle=step.get('angle', 0) * frames, zoom=step.get('zoom', 1) ** frames)
        detections = flow.propagate(moved(astronaut, matrix), detections)
    assert frames == 3


def test_after_a_detection_the_change_is_counted_anew(astronaut):
    flow = FlowPropagator()
    flow.remember(astronaut)
    for turn in (8, 16, 24):
        turned = moved(astronaut, motion(angle=turn))
        assert flow.propagate(turned, [FACE]) is not None
        flow.remember(turned)


def test_a_half_covered_face_asks_for_the_detector(astronaut):
    flow = FlowPropagator()
    flow.remember(astronaut)
    covered = astronaut.copy()
    covered[118:, :] = np.random.default_rng(0).integers(0, 256, (394, 512, 3), np.uint8)
    assert flow.propagate(covered, [FACE]) is None


def test_without_a_remembered_picture_the_detector_is_needed(astronaut):
    flow = FlowPropagator()
    assert flow.propagate(astronaut, [FACE]) is None
    flow.remember(astronaut)
    flow.reset()
    assert flow.propagate(astronaut, [FACE]) is None


def test_another_size_asks_for_the_detector(astronaut):
    flow = FlowPropagator()
    flow.remember(astronaut)
    assert flow.propagate(astronaut[:300], [FACE]) is None


@pytest.mark.parametrize('size', [(1, 1), (1, 5000), (3, 2)])
def test_odd_sizes_do_no_harm(size):
    image = np.zeros((*size, 3), np.uint8)
    flow = FlowPropagator()
    flow.remember(image)
    assert flow.propagate(image, [Detection(Box(0, 0, 1, 1), 0.5)]) is None
