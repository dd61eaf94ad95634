"""Blurred faces: unrecognisable, whatever their size and place, under a readable label."""

import math

import cv2
import numpy as np
import pytest

from emotion_perception.cli.main import main
from emotion_perception.detection import create_detector
from emotion_perception.drawing import OverlayStyle, draw_faces
from emotion_perception.drawing.blur import blur_faces
from emotion_perception.pipeline import PipelineSettings
from emotion_perception.types import Box, Face

PORTRAIT_BOX = Box(181, 58, 89, 120)
BLUR = OverlayStyle(blur=True)


@pytest.fixture(scope='module')
def faces_in():
    """Counts the faces that the detector finds in an image, as the pipeline asks it."""
    detector, settings = create_detector('centerface'), PipelineSettings()

    def count(image):
        found = detector.detect(image, settings.face_score_threshold, settings.min_face_size)
        return len(found)

    return count


def face(box, landmarks=None):
    return Face(1, box, 0.9, landmarks, 3, 0.7, np.full(7, 1 / 7, np.float32))


def scaled(image, box, factor):
    return (
        cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA),
        Box(*(factor * value for value in (box.x, box.y, box.width, box.height))),
    )


def blurred(image, *boxes):
    result = image.copy()
    blur_faces(result, boxes)
    return result


@pytest.mark.parametrize('factor', [0.5, 1.0, 2.0])
def test_a_detector_finds_no_face_in_what_is_left(portrait, faces_in, factor):
    image, box = scaled(portrait, PORTRAIT_BOX, factor)
    assert faces_in(image)
    assert not faces_in(blurred(image, box))


def test_many_faces_are_all_blurred_alike(portrait):
    small, box = scaled(portrait, PORTRAIT_BOX, 0.5)
    boxes = [
        Box(box.x + 256 * column, box.y + 256 * row, box.width, box.height)
        for row in range(2)
        for column in range(3)
    ]
    crowd = blurred(np.tile(small, (2, 3, 1)), *boxes)
    assert np.array_equal(crowd, np.tile(blurred(small, box), (2, 3, 1)))


@pytest.mark.parametrize('factor', [1, 3])
def test_only_the_mean_colours_of_large_cells_are_left(factor):
    """Pixels in another order inside the cells give the same image: detail is gone for good."""
    random = np.random.default_rng(0)
    cell = 20 * factor
    image = random.integers(0, 256, (10 * cell, 10 * cell, 3), np.uint8)
    # Widened by a quarter on each side it is 5 x 6 whole cells, from cell (2, 1) on.
    box = Box(2 * cell + 50 * factor / 3, 2 * cell, 200 * factor / 3, 4 * cell)
    shuffled = image.copy()
    for y in range(cell, 7 * cell, cell):
        for x in range(2 * cell, 7 * cell, cell):
            pixels = shuffled[y : y + cell, x : x + cell].reshape(-1, 3)
            area = random.permutation(pixels).reshape(cell, cell, 3)
            shuffled[y : y + cell, x : x + cell] = area
    assert np.abs(shuffled.astype(int) - image).max() > 200
    difference = np.abs(blurred(image, box).astype(int) - blurred(shuffled, box))
    assert difference[cell : 7 * cell, 2 * cell : 7 * cell].max() <= 1


def test_nothing_changes_beyond_a_quarter_of_the_box(portrait):
    changed = (blurred(portrait, PORTRAIT_BOX) != portrait).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert changed[58:178, 181:270].mean() > 0.9
    assert rows.min() >= 58 - 30
    assert rows.max() <= 178 + 30
    assert columns.min() >= 181 - 23
    assert columns.max() <= 270 + 23


@pytest.mark.parametrize('dx, dy', [(-225, -100), (242, 0), (0, 400), (-181, -58)])
def test_a_face_cut_off_by_the_border_is_blurred_as_coarsely(portrait, dx, dy):
    image = np.full_like(portrait, 90)
    shift = np.float32([[1, 0, dx], [0, 1, dy]])
    image = cv2.warpAffine(portrait, shift, (512, 512), dst=image)
    box = Box(181 + dx, 58 + dy, 89, 120)
    result = blurred(image, box)
    inside = box.clipped(512, 512)
    left, top = math.floor(inside.x), math.floor(inside.y)
    area = result[top : math.ceil(top + inside.height), left : math.ceil(left + inside.width)]
    # Soft spots have no edges: neighbours differ by no more than a cell's slope.
    assert np.abs(np.diff(area.astype(int), axis=0)).max(initial=0) < 12
    assert np.abs(np.diff(area.astype(int), axis=1)).max(initial=0) < 12


@pytest.mark.parametrize(
    'box',
    [
        Box(-500, 10, 40, 40),
        Box(10, 900, 40, 40),
        Box(math.nan, 10, 40, 40),
        Box(10, 10, math.inf, 40),
        Box(10, 10, -4, 40),
        Box(10, 10, 0, 0),
    ],
)
def test_a_box_without_image_changes_nothing(portrait, box):
    assert np.array_equal(blurred(portrait, box), portrait)


def test_boxes_of_any_size_are_taken():
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    for side in (1e-3, 0.5, 1, 2, 7, 30, 1e4, 1e9):
        for ratio in (0.01, 1, 100):
            assert blurred(image, Box(20, 20, side, side * ratio)).shape == image.shape


def test_box_and_label_are_drawn_over_the_blurred_face(portrait):
    faces = [face(PORTRAIT_BOX)]
    expected = draw_faces(blurred(portrait, PORTRAIT_BOX), faces)
    assert np.array_equal(draw_faces(portrait, faces, BLUR), expected)


def test_landmarks_are_not_needed_and_do_not_matter(portrait):
    landmarks = np.array([[203, 101], [246, 103], [224, 125], [204, 141], [242, 142]], np.float32)
    with_landmarks = draw_faces(portrait, [face(PORTRAIT_BOX, landmarks)], BLUR)
    assert np.array_equal(with_landmarks, draw_faces(portrait, [face(PORTRAIT_BOX)], BLUR))


def test_faces_are_visible_unless_they_shall_not(portrait):
    plain = draw_faces(portrait, [face(PORTRAIT_BOX)], OverlayStyle(labels=False, bars=False))
    assert np.array_equal(plain[80:160, 200:250], portrait[80:160, 200:250])


# --- from the command line -----------------------------------------------------------------------


def test_a_photo_is_annotated_over_blurred_faces(photo, tmp_path, tiny_model, faces_in):
    plain, hidden = tmp_path / 'plain.png', tmp_path / 'hidden.png'
    common = ['image', str(photo), '--model', str(tiny_model)]
    assert main([*common, '-o', str(plain)]) == 0
    assert main([*common, '-o', str(hidden), '--blur-faces']) == 0
    assert faces_in(cv2.imread(str(plain)))
    assert not faces_in(cv2.imread(str(hidden)))


@pytest.mark.parametrize('command', [['video'], ['live', '--no-window']])
def test_a_video_is_annotated_over_blurred_faces(frames, tmp_path, tiny_model, faces_in, command):
    clip = tmp_path / 'out.mp4'
    options = ['--model', str(tiny_model), '--blur-faces', '--quiet', '-o', str(clip)]
    assert main([command[0], str(frames), *command[1:], *options]) == 0
    capture = cv2.VideoCapture(str(clip))
    read = [image for _, image in iter(capture.read, (False, None))]
    assert read
    # Also where a face comes back after a black frame: none is left to a later search.
    assert not any(faces_in(image) for image in read)
