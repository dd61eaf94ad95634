"""Where a face looks, from how its head is turned and where its irises are."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_perception.heads.head_pose import Vector
from emotion_perception.heads.networks import Irises
from emotion_perception.types import HeadFit

IRIS_MM: Final = 11.7
"""Width of an iris, nearly the same in all adults (Hashemi et al. 2015: 11.8 mm, deviation 0.5)."""

# From the middle of an eyeball to its iris, and where the mean face has the right eye's middle. Its
# depth was chosen so that the irises of people who look into the camera stay with the head's pitch,
# which a mesh knows only to some degrees.
_EYE_RADIUS_MM: Final = 12.0
_RIGHT_EYE_MM: Final = np.array([-31.0, -1.7, 6.0])
_MIRROR: Final = np.array([-1.0, 1.0, 1.0])
# How much of the gaze is taken from the irises, across and up; the rest is the head's direction.
# Up and down, lids hide the iris, and the mesh's pitch errs together with it.
_IRIS_SHARE: Final = np.array([0.7, 0.4])
# Angle between gaze and camera at which looking at it is as probable as not, and how sharply.
_LOOKING_DEGREES: Final = 15.0
_SHARPNESS_DEGREES: Final = 3.0

Across = npt.NDArray[np.float64]
"""float64 [2], x and y of a direction of length 1 in the optical frame."""


def gaze_direction(fit: HeadFit, eyes: Across | None) -> Vector:
    """The direction in which a face looks, against the line of sight to it.

    Args:
        fit: How the head is turned.
        eyes: From `eye_direction`; None takes the direction of the head alone.

    Returns:
        float64 [3] of length 1; (0, 0, -1) looks into the camera.
    """
    across = -fit.rotation[:2, 2]
    if eyes is not None:
        across = _IRIS_SHARE * eyes + (1 - _IRIS_SHARE) * across
    length = max(float(np.hypot(*across)), 1.0)
    x, y = across / length
    return np.array([x, y, -math.sqrt(max(1 - x * x - y * y, 0.0))])


def eye_direction(fit: HeadFit, irises: Irises) -> Across:
    """The mean direction from the eyeballs' middles to the irises.

    Args:
        fit: How the head is turned.
        irises: Of its eyes.
    """
    middles = [fit.place(middle) for middle in (_RIGHT_EYE_MM, _RIGHT_EYE_MM * _MIRROR)]
    offsets = (irises.centers - middles) / (fit.scale * _EYE_RADIUS_MM)
    return np.asarray(offsets.mean(axis=0))


def looking_at_camera(gaze: Vector) -> float:
    """How probable it is that somebody looks into the camera, 0..1.

    Args:
        gaze: From `gaze_direction`.
    """
    angle = math.degrees(math.acos(min(max(-float(gaze[2]), -1.0), 1.0)))
    return 1 / (1 + math.exp((angle - _LOOKING_DEGREES) / _SHARPNESS_DEGREES))


def size_by_irises(fit: HeadFit, irises: Irises) -> float | None:
    """How many times as large as the mean face a face is, if its irises are as wide as all.

    Args:
        fit: The mean face as it is seen.
        irises: Of its eyes.

    Returns:
        None where an eye is turned away or too small to be measured.
    """
    # An iris that is seen from the side is narrower: only faces that are turned little count.
    facing = float(fit.rotation[2, 2])
    widths = irises.widths
    if facing < _FACING or widths.min() < _LEAST_PX or np.ptp(widths) > _UNEQUAL * widths.mean():
        return None
    return float(IRIS_MM * fit.scale / widths.mean())


_FACING: Final = math.cos(math.radians(20))
_LEAST_PX: Final = 5.0
_UNEQUAL: Final = 0.15
