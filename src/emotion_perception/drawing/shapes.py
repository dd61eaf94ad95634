"""Rounded boxes, plates and dots."""

from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.drawing.palette import INK, Bgr
from emotion_perception.drawing.sprite import Mask, Sprite, sprite_of_mask
from emotion_perception.types import BgrImage, Box, Landmarks

_FRACTION_BITS = 4  # cv2 draws at 1/16 pixel, which keeps a slowly moving box from jumping
_PLATE_OPACITY = 0.78
_OVERSAMPLING = 4
_FAR_OUTSIDE = 4096.0  # fixed-point coordinates must stay far below cv2's 2^31


def draw_box(image: BgrImage, box: Box, color: Bgr, width: int) -> None:
    """Draws a box with round corners and a dark rim that shows on any background, in place.

    Args:
        image: uint8 [height, width, 3], changed.
        box: In pixels; edges outside the image are not drawn.
        color: Blue, green, red.
        width: Line width in pixels.
    """
    outline = _to_fixed_point(_rounded_outline(_near(box, image), width))
    cv2.polylines(image, [outline], True, INK, width + 2, cv2.LINE_AA, _FRACTION_BITS)
    cv2.polylines(image, [outline], True, color, width, cv2.LINE_AA, _FRACTION_BITS)


def draw_landmarks(image: BgrImage, landmarks: Landmarks, color: Bgr, radius: int) -> None:
    """Draws a dot on each landmark, in place; points that are not finite are left out."""
    height, width = image.shape[:2]
    for x, y in landmarks.tolist():
        if 0 <= x < width and 0 <= y < height:
            center = (round(x * (1 << _FRACTION_BITS)), round(y * (1 << _FRACTION_BITS)))
            for grown, fill in ((radius + 1, INK), (radius, color)):
                cv2.circle(
                    image, center, grown << _FRACTION_BITS, fill, -1, cv2.LINE_AA, _FRACTION_BITS
                )


@lru_cache(maxsize=256)
def plate(width: int, height: int, radius: int) -> Sprite:
    """Dark see-through plate with round corners, behind text."""
    mask = rounded_mask(width, height, radius)
    return sprite_of_mask((mask * _PLATE_OPACITY).astype(np.uint8), INK)


def rounded_mask(width: int, height: int, radius: int) -> Mask:
    """Coverage of a filled rectangle with round corners, antialiased."""
    scale = _OVERSAMPLING
    right, bottom, r = width * scale - 1, height * scale - 1, radius * scale
    canvas = np.zeros((height * scale, width * scale), np.uint8)
    cv2.rectangle(canvas, (r, 0), (right - r, bottom), 255, -1)
    cv2.rectangle(canvas, (0, r), (right, bottom - r), 255, -1)
    for center in ((r, r), (right - r, r), (r, bottom - r), (right - r, bottom - r)):
        cv2.circle(canvas, center, r, 255, -1)
    return np.asarray(cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _near(box: Box, image: BgrImage) -> Box:
    """The box with edges that lie far outside brought to just out of sight."""
    height, width = image.shape[:2]
    left, top = max(box.x, -_FAR_OUTSIDE), max(box.y, -_FAR_OUTSIDE)
    right = min(box.x + box.width, width + _FAR_OUTSIDE)
    bottom = min(box.y + box.height, height + _FAR_OUTSIDE)
    return Box(left, top, right - left, bottom - top)


def _rounded_outline(box: Box, width: int) -> npt.NDArray[np.float64]:
    """Corner arcs of a box, clockwise from the top left: float64 [4 * points, 2]."""
    radius = min(6.0 * width, 0.2 * min(box.width, box.height))
    inner = np.array(
        (
            (box.x + radius, box.y + radius),
            (box.x + box.width - radius, box.y + radius),
            (box.x + box.width - radius, box.y + box.height - radius),
            (box.x + radius, box.y + box.height - radius),
        )
    )
    return (inner[:, None, :] + radius * _corner_arcs()).reshape(-1, 2)


@lru_cache(maxsize=1)
def _corner_arcs() -> npt.NDArray[np.float64]:
    """Quarter circles of radius 1, in the order of `_rounded_outline`: float64 [4, 9, 2]."""
    starts = np.pi * np.array((1.0, 1.5, 0.0, 0.5))
    angles = starts[:, None] + np.linspace(0.0, np.pi / 2, 9)
    return np.stack((np.cos(angles), np.sin(angles)), axis=-1)


def _to_fixed_point(points: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    return np.rint(points * (1 << _FRACTION_BITS)).astype(np.int32)
