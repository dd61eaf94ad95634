"""How much boxes overlap, and which of two sets belong together."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from emotion_perception.types import Box


def iou_matrix(first: Sequence[Box], second: Sequence[Box]) -> npt.NDArray[np.float64]:
    """Intersection over union of every pair of boxes.

    Args:
        first: N boxes.
        second: M boxes.

    Returns:
        float64 [N, M], 0..1.
    """
    if not first or not second:
        return np.zeros((len(first), len(second)))
    a, b = _corners(first)[:, None], _corners(second)[None]
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., 2:], b[..., 2:])
    intersection = np.clip(high - low, 0, None).prod(axis=-1)
    union = _areas(a) + _areas(b) - intersection
    return np.asarray(intersection / np.maximum(union, 1e-9))


def _corners(boxes: Iterable[Box]) -> npt.NDArray[np.float64]:
    return np.array([(b.x, b.y, b.x + b.width, b.y + b.height) for b in boxes])


def _areas(corners: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray((corners[..., 2:] - corners[..., :2]).prod(axis=-1))


def match_greedily(overlap: npt.NDArray[np.float64], minimum: float) -> Iterable[tuple[int, int]]:
    """Pairs (column, row) in order of falling overlap, each row and column used once."""
    overlap = overlap.copy()
    while overlap.size and overlap.max() >= minimum:
        row, column = np.unravel_index(int(overlap.argmax()), overlap.shape)
        yield int(column), int(row)
        overlap[row, :] = -1
        overlap[:, column] = -1
