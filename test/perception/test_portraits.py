"""Images of single faces for other programs."""

import numpy as np
import pytest

from emotion_perception.inference.alignment import aligned_portrait, cropped_portrait
from emotion_perception.types import Box, Detection


@pytest.fixture
def halves():
    """100 rows of 200 columns: blue on the left, green on the right."""
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, :100, 0] = 255
    image[:, 100:, 1] = 255
    return image


@pytest.mark.parametrize('box', [Box(80, 20, 40, 40), Box(60, 10, 80, 80)])
def test_a_square_box_fills_the_crop(halves, box):
    crop = cropped_portrait(halves, box, 64, 64)
    assert crop.shape == (64, 64, 3)
    assert (crop[:, :30] == (255, 0, 0)).all()
    assert (crop[:, 34:] == (0, 255, 0)).all()


def test_a_narrow_box_keeps_its_proportions_between_black_bars(halves):
    crop = cropped_portrait(halves, Box(10, 10, 20, 40), 128, 128)
    assert not crop[:, :32].any()
    assert not crop[:, 96:].any()
    assert (crop[:, 32:96] == (255, 0, 0)).all()


def test_the_part_of_a_box_outside_the_image_is_left_out(halves):
    crop = cropped_portrait(halves, Box(180, -20, 40, 40), 32, 32)
    assert (crop == (0, 255, 0)).all()


@pytest.mark.parametrize('box', [Box(300, 300, 20, 20), Box(10, 10, 0, 0)])
def test_a_box_with_nothing_in_it_gives_a_black_image(halves, box):
    crop = cropped_portrait(halves, box, 32, 48)
    assert crop.shape == (48, 32, 3)
    assert not crop.any()


@pytest.mark.parametrize(('width', 'height'), [(128, 128), (200, 100), (96, 160)])
def test_an_aligned_face_has_its_eyes_level_and_in_the_middle(width, height):
    """Red dots where the eyes are, in a face that is tilted by 30 degrees."""
    turn = np.exp(1j * np.radians(30))
    level = np.array([-30 - 20j, 30 - 20j, 0 + 12j, -24 + 37j, 24 + 37j])
    points = 200 + 180j + level * turn
    landmarks = np.stack([points.real, points.imag], axis=1).astype(np.float32)
    image = np.zeros((360, 400, 3), np.uint8)
    for x, y in landmarks[:2]:
        image[round(y) - 5 : round(y) + 5, round(x) - 5 : round(x) + 5, 2] = 255
    portrait = aligned_portrait(
        image, Detection(Box(120, 100, 160, 160), 0.9, landmarks), width, height
    )
    assert portrait.shape == (height, width, 3)
    rows, columns = np.nonzero(portrait[:, :, 2] > 128)
    left, right = columns < width / 2, columns > width / 2
    assert abs(rows[left].mean() - rows[right].mean()) < 1.5
    assert columns[left].mean() + columns[right].mean() == pytest.approx(width, abs=3)
    assert height / 4 < rows.mean() < height / 2


def test_a_face_without_landmarks_is_framed_by_its_box(halves):
    portrait = aligned_portrait(halves, Detection(Box(80, 30, 40, 40), 0.9), 64, 64)
    assert (portrait[:, :30] == (255, 0, 0)).all()
    assert (portrait[:, 34:] == (0, 255, 0)).all()


def test_a_face_at_the_edge_repeats_the_edge(halves):
    portrait = aligned_portrait(halves, Detection(Box(170, -10, 40, 40), 0.9), 48, 48)
    assert (portrait == (0, 255, 0)).all()
