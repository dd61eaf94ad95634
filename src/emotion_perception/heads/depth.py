"""Where heads are by a depth image that is aligned to the colour image."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from emotion_perception.heads.head_pose import mean_face
from emotion_perception.types import Face, Head

DepthImage = npt.NDArray[Any]
"""uint16 [height, width] in millimetres or float32 in metres, along the camera's axis (REP-118);
0, NaN and infinity where nothing was measured."""

_MM: Final = 0.001
# Of the points of the inner face. The rest may be where hair, glasses or the sensor's shadow is.
_LEAST_SHARE: Final = 1 / 3


class DepthPlacement:
    """Moves the heads of one stream to where depth images say they are.

    An image without a depth image must not make a face jump to where its irises would have it: what
    depth has said of a face's distance by its irises holds on.
    """

    def __init__(self) -> None:
        """Starts a stream."""
        self._ratios: dict[int, float] = {}

    def place(self, faces: Sequence[Face], depth: DepthImage | None) -> list[Face]:
        """Places the faces of the next image.

        Args:
            faces: As the pipeline finds them.
            depth: Of the same camera, moment and size as the image in which they were found; None
                where there is none.

        Returns:
            The same faces. Those without a position, and those that no depth image has measured
            yet, are as they were.
        """
        known = {}
        for face in faces:
            z = head_distance(face.head, depth) if face.head and depth is not None else None
            ratio = (
                z / face.head.position[2] if face.head and z else self._ratios.get(face.track_id)
            )
            if ratio is not None and math.isfinite(ratio):
                known[face.track_id] = ratio
        self._ratios = known
        return [_scaled(face, known.get(face.track_id)) for face in faces]


def head_distance(head: Head, depth: DepthImage) -> float | None:
    """How far the point between the pupils is along the camera's axis, in metres.

    Every point of the mesh in front of the pupils (nose, mouth, inner cheeks) says it: its depth,
    less its own place on the mean face, turned as the head is. The median of all is taken.

    Args:
        head: With the mesh of its face.
        depth: Aligned to the image of that mesh.

    Returns:
        None where less than a third of the points is measured.
    """
    height, width = depth.shape
    is_inner = mean_face()[:, 2] < 0
    columns, rows = np.rint(head.mesh[is_inner, :2]).astype(int).T
    offsets = _MM * (mean_face()[is_inner] @ head.rotation[2])
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    measured = depth[rows[inside], columns[inside]]
    metres = measured * (_MM if depth.dtype == np.uint16 else 1.0)
    usable = np.isfinite(metres) & (metres > 0)
    if usable.sum() < _LEAST_SHARE * is_inner.sum():
        return None
    return float(np.median((metres - offsets[inside])[usable]))


def _scaled(face: Face, ratio: float | None) -> Face:
    if face.head is None or ratio is None:
        return face
    return replace(face, head=replace(face.head, position=face.head.position * ratio))
