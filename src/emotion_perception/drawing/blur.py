"""Makes faces unrecognisable."""

import math
from collections.abc import Iterable
from typing import Final

import cv2

from emotion_perception.types import BgrImage, Box

_MARGIN: Final = 0.25  # of the box on every side: hair, ears and chin tell who somebody is too
_CELLS: Final = 5  # along the shorter side of what is hidden; the longer side in proportion
_MOST_CELLS: Final = 8


def blur_faces(image: BgrImage, boxes: Iterable[Box]) -> None:
    """Replaces every face by a few soft spots of its mean colours, in place.

    All detail is thrown away before the spots are smoothed: what is left of a face and its
    surroundings are the mean colours of 5 x 6 areas or so, about 3 x 4 of them of the face
    itself, whatever its size in pixels; no filter brings back more from one image. Only the boxes
    count: landmarks are not needed.

    Args:
        image: uint8 [height, width, 3], changed.
        boxes: In pixels of `image`; each is widened by a quarter of its size on every side. Those
            outside the image, or not finite, change nothing.
    """
    height, width = image.shape[:2]
    for box in boxes:
        if all(math.isfinite(value) for value in (box.x, box.y, box.width, box.height)):
            whole = _widened(box)
            # Of the whole box, so that a face cut off by the border does not get finer cells.
            cell = min(whole.width, whole.height) / _CELLS
            _blur(image, whole.clipped(width, height), cell)


def _widened(box: Box) -> Box:
    across, down = _MARGIN * box.width, _MARGIN * box.height
    return Box(box.x - across, box.y - down, box.width + 2 * across, box.height + 2 * down)


def _blur(image: BgrImage, box: Box, cell: float) -> None:
    """Blurs all pixels that a box touches; it lies in the image, or has no area."""
    if not box.area:
        return
    left, right = math.floor(box.x), math.ceil(box.x + box.width)
    top, bottom = math.floor(box.y), math.ceil(box.y + box.height)
    area = image[top:bottom, left:right]
    height, width = area.shape[:2]
    cells = (_cells_along(width, cell), _cells_along(height, cell))
    mosaic = cv2.resize(area, cells, interpolation=cv2.INTER_AREA)
    area[:] = cv2.resize(mosaic, (width, height), interpolation=cv2.INTER_LINEAR)


def _cells_along(length: int, cell: float) -> int:
    return max(1, min(round(length / cell), _MOST_CELLS, length))
