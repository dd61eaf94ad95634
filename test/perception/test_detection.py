from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
import skimage.data
from tiny_yunet import yunet_like

from emotion_perception.detection import centerface_graph, create_detector
from emotion_perception.detection.base import select_faces
from emotion_perception.detection.centerface import CenterFaceDetector, decode, input_size
from emotion_perception.detection.haar import HaarDetector, score_of
from emotion_perception.errors import DetectorError, ProviderError
from emotion_perception.inference.onnx_session import CPU_PROVIDER, ProviderSettings
from emotion_perception.types import Box, Detection

# Read off the enlarged portrait: eyes, nose tip, mouth corners, the image's left one first.
ASTRONAUT_POINTS = np.array([[203, 101], [246, 103], [224, 125], [204, 141], [242, 142]])

needs_haar = pytest.mark.skipif(
    not hasattr(cv2, 'CascadeClassifier'), reason='OpenCV 5 has no Haar cascades'
)
DETECTORS = ['centerface', pytest.param('haar', marks=needs_haar)]


@pytest.fixture(scope='module')
def astronaut():
    return np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])


@pytest.fixture(scope='module')
def centerface():
    return CenterFaceDetector(ProviderSettings(('cpu',)))


@pytest.fixture
def detector(request):
    return create_detector(request.param, ProviderSettings(('cpu',)))


def overlap(a, b):
    common = Box(
        max(a.x, b.x),
        max(a.y, b.y),
        min(a.x + a.width, b.x + b.width) - max(a.x, b.x),
        min(a.y + a.height, b.y + b.height) - max(a.y, b.y),
    )
    return common.area / (a.area + b.area - common.area)


# --- every detector --------------------------------------------------------------------------


@pytest.mark.parametrize('detector', DETECTORS, indirect=True)
def test_finds_the_one_face(detector, astronaut):
    (face,) = detector.detect(astronaut, 0.5, 40)

    assert overlap(face.box, Box(175, 65, 100, 120)) > 0.5
    assert 0.5 <= face.score <= 1.0


@pytest.mark.parametrize('detector', DETECTORS, indirect=True)
def test_finds_two_faces_best_first(detector, astronaut):
    small = cv2.resize(astronaut, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    image = np.zeros((512, 900, 3), np.uint8)
    image[:, :512] = astronaut
    image[100 : 100 + small.shape[0], 520 : 520 + small.shape[1]] = small

    faces = detector.detect(image, 0.5, 50)

    assert sorted(round(face.box.center[0] / 100) for face in faces) == [2, 7]
    assert faces[0].score >= faces[1].score


@pytest.mark.parametrize('detector', DETECTORS, indirect=True)
@pytest.mark.parametrize('shape', [(240, 320, 3), (1, 1, 3), (7, 500, 3), (0, 0, 3), (0, 10, 3)])
def test_no_face(detector, shape):
    assert detector.detect(np.full(shape, 127, np.uint8), 0.5, 24) == []


@pytest.mark.parametrize('detector', DETECTORS, indirect=True)
def test_small_faces_are_left_out(detector, astronaut):
    assert detector.detect(astronaut, 0.5, 200) == []


@pytest.mark.parametrize('detector', DETECTORS, indirect=True)
def test_score_threshold_is_kept(detector, astronaut):
    assert detector.detect(astronaut, 1.0, 40) == []


@pytest.mark.parametrize('detector', DETECTORS, indirect=True)
def test_box_is_in_source_pixels_whatever_the_scale(detector, astronaut):
    large = cv2.resize(astronaut, (1536, 1536), interpolation=cv2.INTER_CUBIC)

    (face,) = detector.detect(astronaut, 0.5, 40)
    (enlarged,) = detector.detect(large, 0.5, 120)

    box = enlarged.box
    assert overlap(face.box, Box(box.x / 3, box.y / 3, box.width / 3, box.height / 3)) > 0.7


@pytest.mark.parametrize('detector', DETECTORS, indirect=True)
@pytest.mark.parametrize('zoom', [0.5, 1, 3])
def test_a_known_face_is_found_where_it_moved_to(detector, astronaut, zoom):
    image = cv2.resize(astronaut, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    (whole,) = detector.detect(image, 0.5, round(40 * zoom))
    box, step = whole.box, whole.box.width / 4
    for x, y in [(0, 0), (step, 0), (-step, step), (0, -step)]:
        before = Box(box.x + x, box.y + y, box.width, box.height)
        (near,) = detector.detect_near(image, [before], 0.5)
        assert overlap(near.box, box) > 0.7
        if whole.landmarks is not None:
            assert np.abs(near.landmarks - whole.landmarks).mean() < 0.06 * box.width


@pytest.mark.parametrize('detector', DETECTORS, indirect=True)
def test_each_known_face_is_processed_in_its_place(detector, astronaut):
    (whole,) = detector.detect(astronaut, 0.5, 40)
    gone = Box(380, 380, 80, 80)
    places = [gone, whole.box, Box(-500, -500, 80, 80), Box(600, 100, 80, 80)] * 3
    found = detector.detect_near(astronaut, places, 0.5)
    assert [face is not None for face in found] == [False, True, False, False] * 3
    assert detector.detect_near(astronaut, [], 0.5) == []
    assert detector.detect_near(astronaut, [whole.box], 1.0) == [None]


@pytest.mark.parametrize('cut', [(slice(100, None), slice(None)), (slice(None), slice(210, None))])
def test_a_known_face_at_the_edge_is_found(centerface, astronaut, cut):
    image = astronaut[cut]
    (whole,) = centerface.detect(image, 0.3, 40)
    (near,) = centerface.detect_near(image, [whole.box], 0.3)
    assert overlap(near.box, whole.box) > 0.6


@pytest.mark.parametrize('box', [Box(10, 10, 1e-3, 1e-3), Box(-1e6, -1e6, 2e6, 2e6)], ids=str)
def test_a_place_of_any_size_is_looked_at(centerface, astronaut, box):
    assert centerface.detect_near(astronaut, [box], 0.5) == [None]


@pytest.mark.parametrize('detector', DETECTORS, indirect=True)
def test_a_twin_results_alike_at_the_same_time(detector, astronaut):
    clone = detector.clone()
    small = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    (expected,), (other,) = clone.detect(astronaut, 0.5, 40), clone.detect(small, 0.5, 20)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            first = pool.submit(detector.detect, astronaut, 0.5, 40)
            second = pool.submit(clone.detect, small, 0.5, 20)
            assert (first.result()[0].box, second.result()[0].box) == (expected.box, other.box)


@pytest.mark.parametrize('detector', DETECTORS, indirect=True)
def test_image_may_be_a_view(detector, astronaut):
    padded = np.zeros((512, 600, 3), np.uint8)
    padded[:, 40:552] = astronaut

    (expected,) = detector.detect(astronaut, 0.5, 40)
    (face,) = detector.detect(padded[:, 40:552], 0.5, 40)

    assert face.box == expected.box


# --- CenterFace ------------------------------------------------------------------------------


def test_landmarks_are_on_the_face(centerface, astronaut):
    (face,) = centerface.detect(astronaut, 0.5, 24)

    assert face.landmarks.shape == (5, 2)
    assert face.landmarks.dtype == np.float32
    assert np.abs(face.landmarks - ASTRONAUT_POINTS).max() < 6


def test_landmarks_of_the_mirrored_image_are_the_mirrored_landmarks(centerface, astronaut):
    (face,) = centerface.detect(astronaut, 0.5, 24)
    (mirrored,) = centerface.detect(np.ascontiguousarray(astronaut[:, ::-1]), 0.5, 24)

    expected = face.landmarks[[1, 0, 2, 4, 3]] * (-1, 1) + (512, 0)
    assert np.abs(mirrored.landmarks - expected).max() < 8


def test_padding_does_not_remember_the_last_image(centerface, astronaut):
    image = cv2.resize(astronaut[:300], (470, 260))
    expected = centerface.detect(image, 0.3, 24)

    centerface.detect(np.full((256, 480, 3), 255, np.uint8), 0.3, 24)
    again = centerface.detect(image, 0.3, 24)

    assert [face.box for face in again] == [face.box for face in expected]


def test_faces_cut_by_the_edge_are_found(centerface, astronaut):
    (face,) = centerface.detect(np.ascontiguousarray(astronaut[:, 205:]), 0.4, 24)

    assert face.box.center[0] < 60


def test_provider_in_use_is_told(centerface):
    assert centerface.provider == CPU_PROVIDER


def test_strict_provider_reaches_the_session():
    with pytest.raises(ProviderError):
        create_detector('centerface', ProviderSettings(('nonsense',), strict=True))


@pytest.mark.parametrize(
    ('width', 'height', 'min_face_size', 'max_side', 'expected'),
    [
        (640, 480, 24, 640, (640, 480)),
        (640, 480, 48, 640, (320, 224)),
        (640, 480, 24, 480, (480, 352)),
        (1280, 720, 24, 480, (480, 256)),
        (320, 240, 24, 480, (320, 224)),
        (100, 50, 12, 480, (192, 96)),
        (100, 50, 0, 480, (480, 224)),
        (60, 31, 24, 480, (60, 31)),
        (4000, 2, 24, 480, (480, 1)),
    ],
)
def test_input_size(width, height, min_face_size, max_side, expected):
    assert input_size(width, height, min_face_size, max_side) == expected


def maps_with(*cells):
    """Network outputs for a 64x64 input: (row, column, score) of faces 32 pixels high, 16 wide."""
    score = np.zeros((1, 1, 16, 16), np.float32)
    log_size = np.zeros((1, 2, 16, 16), np.float32)
    log_size[0, 0], log_size[0, 1] = np.log(8), np.log(4)
    offset = np.zeros((1, 2, 16, 16), np.float32)
    points = np.tile(np.array([0.25, 0.5] * 5, np.float32)[None, :, None, None], (1, 1, 16, 16))
    for row, column, value in cells:
        score[0, 0, row, column] = value
    return [score, log_size, offset, points]


def test_decode_geometry():
    (face,) = decode(maps_with((8, 3, 0.9)), 0.5, (2.0, 3.0))

    # Centre of cell (8, 3): y = 34, x = 14 in network pixels.
    assert face.box == Box(2.0 * (14 - 8), 3.0 * (34 - 16), 32.0, 96.0)
    assert face.landmarks.tolist() == [[2.0 * (6 + 8), 3.0 * (18 + 8)]] * 5
    assert face.score == pytest.approx(0.9)


def test_decode_keeps_the_best_of_overlapping_faces():
    faces = decode(maps_with((8, 3, 0.6), (8, 4, 0.9), (2, 12, 0.7)), 0.5, (1.0, 1.0))

    assert sorted(face.score for face in faces) == pytest.approx([0.7, 0.9])


def test_decode_of_nothing():
    assert decode(maps_with(), 0.5, (1.0, 1.0)) == []


# --- the CenterFace graph --------------------------------------------------------------------


@pytest.mark.parametrize(
    ('content', 'message'), [(b'other', 'not the one'), (None, 'cannot be read')]
)
def test_wrong_weights(monkeypatch, tmp_path, content, message):
    path = tmp_path / 'centerface.onnx'
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(centerface_graph, '_file', lambda: path)

    with pytest.raises(DetectorError, match=message):
        create_detector('centerface')


# --- Haar ------------------------------------------------------------------------------------


@needs_haar
def test_haar_has_no_landmarks(astronaut):
    (face,) = HaarDetector().detect(astronaut, 0.5, 40)

    assert face.landmarks is None


def test_haar_score_is_at_least_a_half_and_grows():
    scores = [score_of(weight) for weight in (-1.0, 0.0, 0.5, 5.0, 50.0, 1e9)]

    assert scores[0] == scores[1] == 0.5
    assert scores == sorted(scores)
    assert scores[-1] <= 1.0


def test_haar_without_cascades_in_opencv(monkeypatch):
    monkeypatch.delattr(cv2, 'CascadeClassifier', raising=False)

    with pytest.raises(DetectorError, match='has no Haar cascades: install'):
        create_detector('haar')


# --- YuNet -----------------------------------------------------------------------------------


def test_yunet_box_landmarks_and_scale(tmp_path):
    detector = create_detector(yunet_like(tmp_path / 'yunet.onnx'))

    (face,) = detector.detect(np.zeros((128, 128, 3), np.uint8), 0.5, 24, 64)

    assert detector.name == 'yunet'
    assert face.box == Box(2 * (28 - 12), 2 * (20 - 16), 48, 64)
    assert face.landmarks.tolist() == [[48, 32], [64, 32], [56, 40], [48, 48], [64, 48]]
    assert face.score == pytest.approx(0.81)


def test_yunet_file_is_missing(tmp_path):
    with pytest.raises(DetectorError, match='does not exist'):
        create_detector(str(tmp_path / 'none.onnx'))


def test_yunet_file_is_damaged(tmp_path):
    path = tmp_path / 'yunet.onnx'
    path.write_text('version https://git-lfs.github.com/spec/v1\n')

    with pytest.raises(DetectorError, match='is not a YuNet network'):
        create_detector(str(path))


def test_another_network_named_as_yunet(tmp_path):
    path = tmp_path / 'other.onnx'
    path.write_bytes(centerface_graph.load_centerface_graph())

    with pytest.raises(DetectorError, match='YuNet'):
        create_detector(str(path)).detect(np.zeros((64, 64, 3), np.uint8), 0.5, 24)


# --- the choice ------------------------------------------------------------------------------


def test_unknown_detector_lists_the_choices():
    with pytest.raises(DetectorError, match=r"'mtcnn': set `detector` to centerface, haar or"):
        create_detector('mtcnn')


def test_select_faces():
    small, wide, empty = Box(0, 0, 90, 19), Box(0, 0, 30, 20), Box(0, 0, 0, 50)
    faces = [Detection(small, 0.9), Detection(wide, 0.6), Detection(empty, 0.9)]
    faces += [Detection(wide, 0.7), Detection(wide, 0.4)]

    assert [face.score for face in select_faces(faces, 0.5, 20)] == [0.7, 0.6]
