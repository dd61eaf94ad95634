import cmath

import cv2
import numpy as np
import pytest
import skimage.data
from hypothesis import given
from hypothesis import strategies as st

from emotion_perception.detection import create_detector
from emotion_perception.inference.alignment import align_faces, face_transform, fit_similarity
from emotion_perception.inference.framing import BoxFraming, Framing
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.types import Box, Detection

FRAMING = Framing(boxes={'centerface': BoxFraming(0.5, 0.5, 0.9), 'haar': BoxFraming(0.5, 0.5, 1)})
SIZE = 48
TARGET = np.array(FRAMING.landmarks) * SIZE


@pytest.fixture(scope='module')
def astronaut():
    return np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])


@pytest.fixture(scope='module')
def centerface():
    return create_detector('centerface', ProviderSettings(('cpu',)))


@pytest.fixture(scope='module')
def detection(astronaut, centerface):
    return centerface.detect(astronaut, 0.5, 24)[0]


def face_with(points, size=100.0):
    center = np.nanmean(points, axis=0) if np.isfinite(points).any() else np.array([100.0, 100.0])
    box = Box(center[0] - size / 2, center[1] - size / 2, size, size)
    return Detection(box, 0.9, np.asarray(points, np.float32))


def moved(points, scale, degrees, shift):
    turn = np.radians(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return scale * points @ rotation.T + shift


def apply(transform, points):
    return points @ transform[:, :2].T + transform[:, 2]


@given(
    scale=st.floats(0.05, 20),
    degrees=st.floats(-180, 180),
    x=st.floats(-2000, 2000),
    y=st.floats(-2000, 2000),
)
def test_any_similarity_is_recovered(scale, degrees, x, y):
    source = moved(TARGET, scale, degrees, (x, y))

    a, b = fit_similarity(source, TARGET)

    assert abs(a) == pytest.approx(1 / scale, rel=1e-6)
    np.testing.assert_allclose((source @ (1, 1j)) * a + b, TARGET @ (1, 1j), atol=1e-5)


def test_fit_is_the_least_squares_one():
    rng = np.random.default_rng(1)
    source = TARGET + rng.normal(0, 2, TARGET.shape)
    a, b = fit_similarity(source, TARGET)

    def error(a, b):
        return np.sum(np.abs((source @ (1, 1j)) * a + b - TARGET @ (1, 1j)) ** 2)

    best = error(a, b)
    for step in (1e-3, -1e-3, 1e-3j, -1e-3j):
        assert error(a + step, b) > best
        assert error(a, b + step) > best


def test_mirrored_points_are_not_mirrored_back():
    a, _ = fit_similarity(TARGET * (-1, 1), TARGET)

    # A similarity without reflection cannot undo it; a reflected fit would be exact with |a| = 1.
    assert abs(a) < 0.9


def test_bounded_scale_keeps_rotation_and_centroid():
    source = moved(TARGET, 0.25, 30, (500, 300))

    a, b = fit_similarity(source, TARGET, max_scale=1.5)

    assert abs(a) == pytest.approx(1.5)
    assert np.degrees(cmath.phase(a)) == pytest.approx(-30)
    assert a * (source.mean(axis=0) @ (1, 1j)) + b == pytest.approx(TARGET.mean(axis=0) @ (1, 1j))


@pytest.mark.parametrize(
    'points',
    [np.full((5, 2), 7.0), np.full((5, 2), np.nan), np.full((5, 2), np.inf)],
    ids=['one point', 'NaN', 'infinite'],
)
def test_unusable_landmarks_fall_back_to_the_box(points):
    box = Box(50, 60, 80, 80)
    by_box = face_transform(Detection(box, 0.9), FRAMING, SIZE, 'centerface')

    detection = Detection(box, 0.9, points.astype(np.float32))

    actual = face_transform(detection, FRAMING, SIZE, 'centerface')
    np.testing.assert_array_equal(actual, by_box)


def test_box_goes_to_its_mean_place():
    framing = Framing(boxes={'haar': BoxFraming(0.5, 0.4, 0.8)})

    transform = face_transform(Detection(Box(100, 50, 60, 100), 0.9), framing, SIZE, 'haar')

    center = apply(transform, np.array([[130.0, 100.0]]))
    np.testing.assert_allclose(center, [[0.5 * SIZE, 0.4 * SIZE]])
    assert transform[0, 0] == pytest.approx(0.8 * SIZE / 80)
    assert transform[0, 1] == 0.0


def test_landmarks_on_one_spot_do_not_zoom_beyond_the_box():
    points = moved(TARGET, 0.1, 0, (100, 100))

    transform = face_transform(face_with(points), FRAMING, SIZE, 'centerface')

    by_box = 0.9 * SIZE / 100
    assert by_box < transform[0, 0] <= by_box * 1.25 + 1e-9


def test_coordinates_are_continuous():
    """A face that already lies as it should is copied, not shifted by half a pixel."""
    plane = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE), np.uint8)
    image = cv2.cvtColor(plane, cv2.COLOR_GRAY2BGR)

    (face,) = align_faces(image, [face_with(TARGET, 0.9 * SIZE)], FRAMING, SIZE, 'centerface')

    assert np.abs(face.astype(int) - plane).max() <= 1


def test_integer_shrinking_averages():
    """No aliasing: each pixel is the mean of the source pixels under it."""
    fine = np.random.default_rng(0).integers(0, 256, (4 * SIZE, 4 * SIZE), np.uint8)
    image = cv2.cvtColor(fine, cv2.COLOR_GRAY2BGR)

    detection = face_with(TARGET * 4, 4 * 0.9 * SIZE)
    (face,) = align_faces(image, [detection], FRAMING, SIZE, 'centerface')

    mean = fine.reshape(SIZE, 4, SIZE, 4).mean(axis=(1, 3))
    assert np.abs(face - mean).max() <= 2


@pytest.mark.parametrize('degrees', [-40, 25])
@pytest.mark.parametrize('scale', [0.5, 1.0, 2.5])
def test_a_turned_and_scaled_head_gives_the_same_face(astronaut, centerface, degrees, scale):
    turn = cv2.getRotationMatrix2D((225, 125), degrees, 1.0)
    turned = cv2.warpAffine(astronaut, turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    turned = cv2.resize(turned, None, fx=scale, fy=scale, interpolation=method)

    def aligned(image):
        found = centerface.detect(image, 0.4, 12)
        return align_faces(image, found[:1], FRAMING, SIZE, 'centerface').ravel()

    # 0.88 or more here; 0.34 or less when the same faces are cut out by their boxes.
    assert np.corrcoef(aligned(astronaut), aligned(turned))[0, 1] > 0.8


def test_result_is_grey_and_in_order(astronaut, detection):
    other = Detection(Box(0, 0, 40, 40), 0.5)

    faces = align_faces(astronaut, [other, detection], FRAMING, SIZE, 'centerface')
    (alone,) = align_faces(astronaut, [detection], FRAMING, SIZE, 'centerface')

    assert faces.shape == (2, SIZE, SIZE)
    assert faces.dtype == np.uint8
    np.testing.assert_array_equal(faces[1], alone)


def test_no_faces(astronaut):
    assert align_faces(astronaut, [], FRAMING, SIZE, 'centerface').shape == (0, SIZE, SIZE)


def test_beyond_the_edge_the_edge_is_repeated():
    image = np.full((60, 60, 3), 90, np.uint8)
    image[:, :20] = 200

    (face,) = align_faces(image, [Detection(Box(-30, 0, 60, 60), 0.9)], FRAMING, SIZE, 'haar')

    assert set(face[:, : SIZE // 2].ravel()) == {200}


@pytest.mark.parametrize('box', [Box(-1e5, 0, 50, 50), Box(0, 0, 1e-3, 1e-3), Box(0, 0, 1e5, 1e5)])
def test_extreme_boxes_are_no_error(box):
    image = np.full((60, 60, 3), 90, np.uint8)

    (face,) = align_faces(image, [Detection(box, 0.9)], FRAMING, SIZE, 'haar')

    assert set(face.ravel()) == {90}
