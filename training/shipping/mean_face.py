"""Makes models/mean_face.csv: the mean of the meshes of many frontal faces.

python -m training.shipping.mean_face FOLDER models/mean_face.csv

FOLDER holds one face an image. The shipped one is of the 102 images of 51 people of the Face
Research Lab London Set (DeBruine & Jones 2017, doi 10.6084/m9.figshare.5047666, CC BY 4.0).
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from emotion_perception.detection.factory import create_detector
from emotion_perception.files.resources import replace_file
from emotion_perception.heads.head_pose import best_turn, square_about
from emotion_perception.heads.networks import LEFT_EYE, RIGHT_EYE, HeadNetworks, Mesh
from emotion_perception.heads.turned_square import TurnedSquare
from emotion_perception.sources.image_files import read_image_file
from emotion_perception.types import match_greedily
from training.errors import TrainingError

PUPILS_MM: Final = 63.0
"""Mean distance between the pupils of adults (Dodgson 2004)."""

_ROUNDS: Final = 8
_DETECTOR_SIDE: Final = 480
_SMALLEST_FACE: Final = 24
# MediaPipe's square about a known mesh, in the longer side of the box of its points.
_SQUARE_OF_MESH: Final = 1.5


def mean_of(meshes: Sequence[Mesh]) -> Mesh:
    """The mean face, by generalized Procrustes analysis (Gower 1975).

    Args:
        meshes: Of faces that look into the camera; their mean direction becomes the forward axis.

    Returns:
        float64 [468, 3] in millimetres from between the pupils, its halves mirror images.
    """
    mean = np.asarray(meshes[0], np.float64)
    for _ in range(_ROUNDS):
        laid = [_laid_onto(mesh, mean) for mesh in meshes]
        mean = np.mean(laid, axis=0)
    mean = _symmetric(mean)
    mean = mean @ _mean_rotation(mean, meshes)
    right, left = (mean[list(corners)].mean(axis=0) for corners in (RIGHT_EYE, LEFT_EYE))
    return np.asarray((mean - (right + left) / 2) * (PUPILS_MM / np.linalg.norm(right - left)))


def _laid_onto(points: Mesh, target: Mesh) -> Mesh:
    rotation, scale = best_turn(points, target)
    return np.asarray(scale * (points - points.mean(axis=0)) @ rotation.T)


def _symmetric(face: Mesh) -> Mesh:
    """The mean of a face and its mirror image; x becomes the axis between its halves."""
    face = face - face.mean(axis=0)
    mirrored = face * (-1, 1, 1)
    for _ in range(_ROUNDS):
        pairs = mirrored[_apart(face, mirrored).argmin(axis=1)]
        rotation, scale = best_turn(pairs, face)
        mirrored = scale * (mirrored - pairs.mean(axis=0)) @ rotation.T + face.mean(axis=0)
    apart = _apart(face, mirrored)
    partners = np.arange(len(face))
    for partner, point in match_greedily(1 / (1 + apart + apart.T), 0.0):
        partners[point] = partner
    if (partners[partners] != np.arange(len(face))).any():
        raise TrainingError('The faces are too uneven for a mirror image: take frontal ones.')
    face = (face + mirrored[partners]) / 2
    across = face - face[partners]
    across *= np.sign(across[:, :1])
    x = across.sum(axis=0) / np.linalg.norm(across.sum(axis=0))
    y = np.cross((0.0, 0.0, 1.0), x)
    y /= np.linalg.norm(y)
    return np.asarray(face @ np.column_stack([x, y, np.cross(x, y)]))


def _apart(first: Mesh, second: Mesh) -> Mesh:
    return np.asarray(np.linalg.norm(first[:, None] - second[None], axis=2))


def _mean_rotation(face: Mesh, meshes: Sequence[Mesh]) -> Mesh:
    """The turn about x that makes the mean of all meshes face the camera."""
    total = np.sum([best_turn(face, mesh)[0] for mesh in meshes], axis=0)
    angle = np.arctan2(total[2, 1] - total[1, 2], total[1, 1] + total[2, 2])
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, cos, sin], [0, -sin, cos]])


def read_meshes(folder: Path) -> list[Mesh]:
    """The mesh of the largest face of every JPEG of a folder, seen twice.

    Raises:
        TrainingError: There is none.
    """
    detector, networks = create_detector('centerface'), HeadNetworks()
    meshes = []
    for path in sorted(folder.glob('*.jpg')):
        image = read_image_file(path)
        found = detector.detect(image, 0.5, _SMALLEST_FACE, _DETECTOR_SIDE)
        if not found:
            continue
        largest = max(found, key=lambda face: face.box.area)
        ((mesh, _),) = networks.meshes(image, [square_about(largest)])
        ((mesh, _),) = networks.meshes(image, [_square_about_mesh(mesh)])
        meshes.append(mesh)
    if not meshes:
        raise TrainingError(f'{folder} has no .jpg with a face: give another folder.')
    return meshes


def _square_about_mesh(mesh: Mesh) -> TurnedSquare:
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    dx, dy = mesh[LEFT_EYE[0], :2] - mesh[RIGHT_EYE[0], :2]
    x, y = (low + high) / 2
    side = _SQUARE_OF_MESH * float((high - low).max())
    return TurnedSquare(float(x), float(y), side, float(np.arctan2(dy, dx)))


def main(folder: str, target: str) -> None:
    """Makes the file."""
    text = io.StringIO()
    np.savetxt(text, mean_of(read_meshes(Path(folder))), fmt='%.2f', delimiter=',')
    replace_file(Path(target), text.getvalue().encode())


if __name__ == '__main__':
    main(*sys.argv[1:])
