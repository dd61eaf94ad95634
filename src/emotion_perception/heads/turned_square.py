"""Squares that are turned with a face: what the networks of faces and eyes are shown."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_perception.inference.alignment import warp_face
from emotion_perception.types import BgrImage

Points = npt.NDArray[np.float64]
"""float64 [N, 2]: (x, y) in pixels of the source image."""

_HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class TurnedSquare:
    """A square part of an image.

    Attributes:
        x: Horizontal centre in pixels.
        y: Vertical centre in pixels.
        side: Length in pixels, > 0.
        angle: How far its top edge is turned clockwise, in radians.
    """

    x: float
    y: float
    side: float
    angle: float

    def cut(self, image: BgrImage, size: int, *, mirrored: bool = False) -> npt.NDArray[np.float32]:
        """Cuts it out upright.

        Args:
            image: uint8 [height, width, 3], BGR.
            size: Side of the result in pixels.
            mirrored: Whether to mirror the result left to right.

        Returns:
            float32 [3, size, size], RGB, 0..1; outside the image its edge is repeated.
        """
        crop = warp_face(image, self._matrix(size), size, size, roughly=True)
        if mirrored:
            crop = crop[:, ::-1]
        planes = crop[:, :, ::-1].transpose(2, 0, 1)
        return np.asarray(np.ascontiguousarray(planes, np.float32) / 255, np.float32)

    def to_image(self, points: npt.ArrayLike, size: int, *, mirrored: bool = False) -> Points:
        """Where points of the upright square are in the image.

        Args:
            points: [N, 2] in pixels of what `cut` returned, counted from the middle of the first.
            size: As given to `cut`.
            mirrored: As given to `cut`.
        """
        # From the middle of the first pixel to its corner.
        result = np.array(points, np.float64) + _HALF
        if mirrored:
            result[:, 0] = size - result[:, 0]
        scale = self.side / size
        cos, sin = scale * math.cos(self.angle), scale * math.sin(self.angle)
        return (result - size / 2) @ ((cos, sin), (-sin, cos)) + (self.x, self.y)

    def _matrix(self, size: int) -> npt.NDArray[np.float64]:
        """[2, 3] from the image to the square of that size."""
        scale = size / self.side
        cos, sin = scale * math.cos(self.angle), scale * math.sin(self.angle)
        turn = np.array([[cos, sin], [-sin, cos]])
        shift = size / 2 - turn @ (self.x, self.y)
        return np.column_stack([turn, shift])
