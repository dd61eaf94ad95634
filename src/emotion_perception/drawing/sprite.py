"""Small pictures with soft edges, made once and pasted often."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.drawing.palette import Bgr
from emotion_perception.types import BgrImage

Mask = npt.NDArray[np.uint8]
"""uint8 [height, width], coverage: 0 transparent, 255 opaque."""


@dataclass(frozen=True, slots=True)
class Sprite:
    """A picture with an alpha channel, stored the way pasting needs it.

    Attributes:
        color: uint8 [height, width, 3], BGR already multiplied by alpha.
        keep: uint8 [height, width, 3], share of the background that stays, 255 - alpha.
    """

    color: BgrImage
    keep: BgrImage

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.color.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.color.shape[0])


def sprite_of_mask(mask: Mask, color: Bgr) -> Sprite:
    """A sprite of one colour whose coverage is the mask."""
    return sprite_of_image(np.full((*mask.shape, 3), color, np.uint8), mask)


def sprite_of_image(image: BgrImage, mask: Mask) -> Sprite:
    """A sprite of a picture (not multiplied by alpha) whose coverage is the mask."""
    alpha = np.repeat(mask[:, :, None], 3, axis=2)
    color = np.asarray(cv2.multiply(image, alpha, scale=1 / 255), np.uint8)
    return Sprite(color, 255 - alpha)


def stack(below: Sprite, above: Sprite, x: int, y: int) -> Sprite:
    """One sprite of two; `above` must lie inside `below` at (x, y) or is cut off."""
    keep = below.keep.copy()
    color = below.color.copy()
    paste(color, above, x, y)
    paste(keep, Sprite(np.zeros_like(above.color), above.keep), x, y)
    return Sprite(color, keep)


def paste(image: BgrImage, sprite: Sprite, x: int, y: int) -> None:
    """Blends a sprite into an image in place; parts outside the image are cut off.

    Args:
        image: uint8 [height, width, 3], changed.
        sprite: What to paste.
        x: Column of the sprite's left edge; may lie outside.
        y: Row of the sprite's top edge; may lie outside.
    """
    left, top = max(x, 0), max(y, 0)
    right = min(x + sprite.width, image.shape[1])
    bottom = min(y + sprite.height, image.shape[0])
    if left >= right or top >= bottom:
        return
    part = (slice(top - y, bottom - y), slice(left - x, right - x))
    area = image[top:bottom, left:right]
    dimmed = cv2.multiply(area, sprite.keep[part], scale=1 / 255)
    area[:] = cv2.add(dimmed, sprite.color[part])
