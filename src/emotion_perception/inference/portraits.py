"""Pictures of single faces, of one size for all: as they stand in the frame, and upright.

Unlike the network's input these are in colour and for other programs (REP-155's `cropped` and
`aligned`).
"""

import cv2
import numpy as np

from emotion_perception.inference.alignment import Uint8Array, face_transform, warp_face
from emotion_perception.inference.framing import Framing
from emotion_perception.outputs.results import pixel_box
from emotion_perception.types import BgrImage, Box, Detection

_FRAMING = Framing()
# Chooses the framing of boxes without landmarks; none was measured for an unknown detector.
_ANY_DETECTOR = ''


def cropped_portrait(image: BgrImage, box: Box, width: int, height: int) -> Uint8Array:
    """The face's box, scaled to fit with its proportions kept, centred, black around it.

    Args:
        image: uint8 [rows, columns, 3], BGR.
        box: Face in pixels of `image`; the part outside is left out.
        width: Width of the result in pixels, >= 1.
        height: Height of the result in pixels, >= 1.

    Returns:
        uint8 [height, width, 3], BGR; all black when nothing of the box lies in the image.
    """
    portrait = np.zeros((height, width, 3), np.uint8)
    rows, columns = image.shape[:2]
    x, y, box_width, box_height = pixel_box(box, columns, rows)
    if not box_width or not box_height:
        return portrait
    scale = min(width / box_width, height / box_height)
    size = (max(round(box_width * scale), 1), max(round(box_height * scale), 1))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    face = cv2.resize(
        image[y : y + box_height, x : x + box_width], size, interpolation=interpolation
    )
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    portrait[top : top + size[1], left : left + size[0]] = face
    return portrait


def aligned_portrait(image: BgrImage, face: Detection, width: int, height: int) -> Uint8Array:
    """The face turned level and framed as the emotion network sees it, in colour.

    Args:
        image: uint8 [rows, columns, 3], BGR, not empty; its edge is repeated beyond it.
        face: Face in pixels of `image`; without landmarks it is framed by its box, not turned.
        width: Width of the result in pixels, >= 1.
        height: Height of the result in pixels, >= 1; the face fills the middle square.

    Returns:
        uint8 [height, width, 3], BGR.
    """
    side = min(width, height)
    transform = face_transform(face, _FRAMING, side, _ANY_DETECTOR)
    transform[:, 2] += ((width - side) / 2, (height - side) / 2)
    return warp_face(image, transform, width, height)
