"""The surroundings of a known face, where it is looked for again in the next image.

A face moves by a small part of its width from one image of a camera to the next, so a detector
that knows where it was needs to see a fraction of the image only.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from emotion_perception.types import BgrImage, Box, Detection, iou_matrix

# Twice the face: it may move by half of its width, and detectors want to see some background.
_TIMES_THE_FACE: Final = 2.0
_MIN_OVERLAP: Final = 0.2


@dataclass(frozen=True, slots=True)
class Roi:
    """A square about a face; may reach beyond the image.

    Attributes:
        left: First column.
        top: First row.
        side: Width and height in pixels, >= 2.
    """

    left: int
    top: int
    side: int

    def inside(self, image: BgrImage) -> tuple[BgrImage, int, int]:
        """The part within an image.

        Returns:
            A view of uint8 [height, width, 3], maybe empty, and the column and the row of the
            image at which it begins.
        """
        left, top = max(self.left, 0), max(self.top, 0)
        right, bottom = max(self.left + self.side, 0), max(self.top + self.side, 0)
        return image[top:bottom, left:right], left, top


def roi_around(face: Box) -> Roi:
    """The square about a face in which to look for it again."""
    side = max(round(_TIMES_THE_FACE * max(face.width, face.height)), 2)
    x, y = face.center
    return Roi(round(x - side / 2), round(y - side / 2), side)


def closest(found: Iterable[Detection], face: Box) -> Detection | None:
    """The detection that overlaps a face most; None when all lie somewhere else."""
    candidates = list(found)
    if not candidates:
        return None
    overlaps = iou_matrix([face], [candidate.box for candidate in candidates])[0]
    best = int(np.argmax(overlaps))
    return candidates[best] if overlaps[best] >= _MIN_OVERLAP else None


def moved(detection: Detection, x: float, y: float) -> Detection:
    """A detection at another place."""
    box, points = detection.box, detection.landmarks
    return Detection(
        Box(box.x + x, box.y + y, box.width, box.height),
        detection.score,
        None if points is None else points + np.array((x, y), np.float32),
    )
