"""The seventy landmarks that others expect of a face, out of the mesh of 468 points."""

from typing import Final

import numpy as np

from emotion_perception.heads.following import look
from emotion_perception.heads.head_pose import square_about
from emotion_perception.heads.networks import HeadNetworks
from emotion_perception.heads.turned_square import Points
from emotion_perception.types import BgrImage, Detection

_OF_MESH: Final = (
    *(162, 234, 93, 58, 172, 136, 149, 148, 152),  # outline, from the person's right temple ...
    *(377, 378, 365, 397, 288, 323, 454, 389),  # ... over the chin to the left one
    *(71, 63, 105, 66, 107),  # right eyebrow
    *(336, 296, 334, 293, 301),  # left eyebrow
    *(168, 197, 5, 4),  # ridge of the nose
    *(75, 97, 2, 326, 305),  # nostrils
    *(33, 160, 158, 133, 153, 144),  # right eye
    *(362, 385, 387, 263, 373, 380),  # left eye
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # lips outside
    *(78, 82, 13, 312, 308, 317, 14, 87),  # lips inside
)
"""The points of the mesh nearest to the 68 landmarks of iBUG 300-W (Sagonas et al. 2013)."""


def landmarks_70(networks: HeadNetworks, image: BgrImage, face: Detection) -> Points | None:
    """The landmarks of iBUG 300-W and both pupils, as OpenPose and hri_msgs have them.

    Args:
        networks: Both are used.
        image: uint8 [height, width, 3], BGR.
        face: A face that was detected in it.

    Returns:
        float64 [70, 2] in pixels of the image, the last two the person's right and left pupil; None
        where the mesh network sees no face.

    Raises:
        ModelError: A network is missing or damaged.
    """
    (fit,) = look(networks, image, [square_about(face)], [True])
    if fit is None:
        return None
    (irises,) = networks.irises(image, [fit.mesh])
    return np.vstack([fit.mesh[list(_OF_MESH), :2], irises.centers])
