"""How a head is turned, and how far away it is, from the mesh of its face.

The mesh network sees a face as from far away: its x, y and z have one scale. So the best fit of the
mean face onto a mesh (Umeyama 1991) is a rotation, a scale in pixels per millimetre and a place in
the image. With the camera's focal length the scale is a distance.
"""

import csv
import math
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_perception.errors import ModelError
from emotion_perception.files.resources import share_folder
from emotion_perception.heads.calibration import CameraCalibration, direction
from emotion_perception.heads.networks import Mesh
from emotion_perception.heads.turned_square import TurnedSquare
from emotion_perception.types import Detection, HeadFit

Vector = npt.NDArray[np.float64]
"""float64 [3], in the optical frame: x to the right, y down, z forward (REP-103)."""
Rotation = npt.NDArray[np.float64]
"""float64 [3, 3]: columns are the axes of a head in the optical frame. Of a head that faces the
camera upright it is the identity: its x goes to its left, its y down, its z to the back."""

POINTS: Final = 468
FACE_MM: Final = 189.0
"""Usual height of a detected face's box, in millimetres of the mean face."""

_MEAN_FACE: Final = 'mean_face.csv'
# The square for the mesh network, in millimetres of the mean face: its middle lies so far below the
# pupils. What MediaPipe's own graph cuts out of upright faces has the same size.
_SQUARE_MM: Final = 210.0
_BELOW_EYES_MM: Final = 27.0
# The same about a detected face, in the longer side of its box (MediaPipe's).
_SQUARE_OF_BOX: Final = 1.5
_LEAST_LENGTH: Final = 1e-6


def fit_head(mesh: Mesh) -> HeadFit:
    """Lays the mean face onto a mesh.

    Args:
        mesh: float64 [468, 3], finite.

    Raises:
        ModelError: The mean face is missing or damaged.
    """
    middle, points, spread = _centred_mean_face()
    center = mesh.mean(axis=0)
    rotation, scale = _turn(points, mesh - center, spread)
    origin = center - scale * rotation @ middle
    return HeadFit(mesh, rotation, scale, origin[:2])


def best_turn(points: Mesh, target: Mesh) -> tuple[Rotation, float]:
    """Rotation and scale of the best fit of points onto others.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    PAMI 1991.

    Args:
        points: float64 [N, 3], not all alike.
        target: float64 [N, 3], the same points elsewhere.
    """
    centred = points - points.mean(axis=0)
    return _turn(centred, target - target.mean(axis=0), float((centred**2).sum()))


def _turn(points: Mesh, target: Mesh, spread: float) -> tuple[Rotation, float]:
    """`best_turn` of points about the origin onto others; `spread` is the sum of their squares."""
    u, sizes, v = np.linalg.svd(target.T @ points)
    signs = np.array([1.0, 1.0, np.linalg.det(u @ v)])
    return np.asarray((u * signs) @ v), float(sizes @ signs) / spread


def square_of(fit: HeadFit) -> TurnedSquare:
    """What the mesh network is to be shown of a face whose mesh is known."""
    x, y = fit.place((0.0, _BELOW_EYES_MM, 0.0))
    angle = math.atan2(fit.rotation[1, 0], fit.rotation[0, 0])
    return TurnedSquare(float(x), float(y), _SQUARE_MM * fit.scale, angle)


def square_about(face: Detection) -> TurnedSquare:
    """What the mesh network is to be shown of a face that was only detected."""
    x, y = face.box.center
    angle = 0.0
    if face.landmarks is not None:
        dx, dy = face.landmarks[1] - face.landmarks[0]
        angle = math.atan2(float(dy), float(dx))
    return TurnedSquare(x, y, _SQUARE_OF_BOX * max(face.box.width, face.box.height), angle)


def angles(rotation: Rotation) -> tuple[float, float, float]:
    """Yaw, pitch and roll of a head in degrees.

    Args:
        rotation: Of the head.

    Returns:
        Yaw > 0 where it turns to the image's right (its own left), pitch > 0 where it looks down,
        roll > 0 where it leans clockwise in the image.
    """
    x, y, z = -rotation[:, 2]
    yaw, pitch = math.atan2(x, -z), math.atan2(y, math.hypot(x, z))
    roll = math.atan2(rotation[1, 0], rotation[0, 0])
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def gaze_axes(gaze: Vector) -> Rotation:
    """The axes of a gaze as REP-155 has them: z where it goes, x to the right, y down.

    Args:
        gaze: float64 [3] of length 1, in the optical frame.
    """
    # Right as seen by whom the face looks at is the face's right; up and down stay the camera's.
    right = np.cross((0.0, 1.0, 0.0), gaze)
    length = float(np.linalg.norm(right))
    right = right / length if length > _LEAST_LENGTH else np.array([-1.0, 0.0, 0.0])
    return np.column_stack([right, np.cross(gaze, right), gaze])


def rotation_of(axes: Rotation) -> Rotation:
    """The inverse of `types.head_axes`."""
    forward, left, up = axes.T
    return np.column_stack([left, -up, -forward])


def quaternion(rotation: Rotation) -> tuple[float, float, float, float]:
    """A rotation as (x, y, z, w) of length 1, w >= 0 (Bar-Itzhack 2000).

    Args:
        rotation: float64 [3, 3], orthonormal with determinant 1.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation.tolist()
    symmetric = np.array(
        [
            [xx - yy - zz, xy + yx, xz + zx, zy - yz],
            [xy + yx, yy - xx - zz, yz + zy, xz - zx],
            [xz + zx, yz + zy, zz - xx - yy, yx - xy],
            [zy - yz, xz - zx, yx - xy, xx + yy + zz],
        ]
    )
    x, y, z, w = np.linalg.eigh(symmetric)[1][:, -1].tolist()
    sign = math.copysign(1.0, w)
    return sign * x, sign * y, sign * z, sign * w


def rotation_from(x: float, y: float, z: float, w: float) -> Rotation:
    """The rotation of a quaternion of length 1."""
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def line_of_sight(point: npt.NDArray[np.float64], camera: CameraCalibration | None) -> Rotation:
    """The turn from the camera's forward axis to the direction in which it sees a point.

    Args:
        point: float64 [2], in pixels.
        camera: Its calibration; None and an uncalibrated one give the identity,
            which is right in the middle of the image and off by some degrees at its edges.
    """
    if camera is None or not camera.is_calibrated:
        return np.eye(3)
    x, y = direction(point, camera)
    forward = np.array([x, y, 1.0])
    forward /= np.linalg.norm(forward)
    right = np.array([forward[2], 0.0, -forward[0]])
    right /= np.linalg.norm(right)
    return np.column_stack([right, np.cross(forward, right), forward])


def position(fit: HeadFit, correction: float, camera: CameraCalibration | None) -> Vector:
    """Where the point between the pupils is, in metres.

    Args:
        fit: The mean face as it is seen; its pupils are 63 mm apart.
        correction: How many times as large as the mean face this one is.
        camera: Its calibration.

    Returns:
        float64 [3]; NaN without a calibration.
    """
    if camera is None or not camera.is_calibrated:
        return np.full(3, np.nan)
    x, y = direction(fit.origin, camera)
    focal_length = math.sqrt(camera.k[0] * camera.k[4])
    z = focal_length * correction / (1000 * fit.scale)
    return np.array([x * z, y * z, z])


@cache
def _centred_mean_face() -> tuple[Vector, Mesh, float]:
    """The mean face's middle, its points from there, and the sum of their squares."""
    mean = mean_face()
    middle = mean.mean(axis=0)
    return middle, mean - middle, float(((mean - middle) ** 2).sum())


@cache
def mean_face() -> npt.NDArray[np.float64]:
    """The mean of many meshes: float64 [468, 3], in millimetres from between the pupils.

    Axes as those of a head that faces the camera; the pupils are 63 mm apart.

    Raises:
        ModelError: The file is missing or damaged.
    """
    path = share_folder() / 'models' / _MEAN_FACE
    try:
        with path.open(newline='') as file:
            points = np.array([[float(cell) for cell in row] for row in csv.reader(file)])
    except (OSError, ValueError) as error:
        raise ModelError(f'{path} cannot be read: install the package again.') from error
    if points.shape != (POINTS, 3):
        raise ModelError(f'{path} is damaged: install the package again.')
    points.setflags(write=False)
    return points
