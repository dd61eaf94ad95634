"""Landmarks and box of a face, measured on its mesh."""

import numpy as np
import pytest

from emotion_perception.heads.following import BOX_OF_MESH, LANDMARKS_MM, extent
from emotion_perception.heads.head_pose import fit_head, mean_face
from emotion_perception.types import Box, Detection
from training.errors import TrainingError
from training.shipping.detector_on_mesh import measure


def turned(degrees):
    angle = np.radians(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, 0, sin], [0, 1, 0], [-sin, 0, cos]])


def test_the_product_holds_what_is_measured():
    pairs = []
    for degrees in (-20, 0, 20):
        mesh = 1.5 * mean_face() @ turned(degrees).T + (320, 240, 0)
        middle, size = extent(mesh)
        right, down, wide, high = BOX_OF_MESH
        (x, y), (width, height) = middle + (right, down) * size, (wide, high) * size
        box = Box(x - width / 2, y - height / 2, width, height)
        pairs.append((Detection(box, 0.9, fit_head(mesh).place(LANDMARKS_MM)), mesh))
    landmarks, box = measure(pairs)
    assert landmarks == pytest.approx(LANDMARKS_MM, abs=0.1)
    assert box == pytest.approx(BOX_OF_MESH)


def test_nothing_to_measure():
    with pytest.raises(TrainingError, match='give a file with faces'):
        measure([])
