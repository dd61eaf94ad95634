"""Measures where a face with a known mesh has the landmarks of the framing and CenterFace's box.

python -m training.shipping.detector_on_mesh fer2013.csv CACHE

It prints what `emotion_perception.heads.following` holds as `LANDMARKS_MM` and `BOX_OF_MESH`:
medians over images of Training, in scenes as `evaluate --pipeline` makes them, mirrored halves
averaged. Crops that are aligned by these landmarks are framed as the network was trained.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_perception.detection.factory import create_detector
from emotion_perception.heads.following import extent, look
from emotion_perception.heads.head_pose import fit_head, mean_face, square_about
from emotion_perception.heads.networks import HeadNetworks, Mesh
from emotion_perception.inference.framing import Framing
from emotion_perception.types import Detection
from training.dataset import data
from training.errors import TrainingError
from training.scoring.scenes import MIN_FACE_SHARE, Scene, make_scene

Floats = npt.NDArray[np.float64]

IMAGES: Final = 1300
SEED: Final = 1
_SMALLEST_FACE: Final = 24
# Of the mean face: the points next to the landmarks, whose depth they take.
_NEXT_TO: Final = ((33, 133, 159, 145), (263, 362, 386, 374), (4,), (61,), (291,))
_MIRRORED: Final = [1, 0, 2, 4, 3]


def measure(pairs: Iterable[tuple[Detection, Mesh]]) -> tuple[Floats, Floats]:
    """Medians over faces.

    Args:
        pairs: A face with landmarks and the mesh of the same face.

    Returns:
        float64 [5, 3] and [4], see `LANDMARKS_MM` and `BOX_OF_MESH`.

    Raises:
        TrainingError: There are none.
    """
    found = [(_landmarks(face, mesh), _box(face, mesh)) for face, mesh in pairs]
    if not found:
        raise TrainingError('No face was found in the images: give a file with faces.')
    points, box = (np.median(each, axis=0) for each in zip(*found, strict=True))
    points = (points + points[_MIRRORED] * (-1, 1, 1)) / 2
    return points, np.array([0.0, *box[1:]])


def _landmarks(face: Detection, mesh: Mesh) -> Floats:
    """The landmarks on the mean face, [5, 3] in millimetres."""
    fit = fit_head(mesh)
    depth = np.array([mean_face()[list(points), 2].mean() for points in _NEXT_TO])
    seen = (np.asarray(face.landmarks, np.float64) - fit.origin) / fit.scale
    flat = seen - depth[:, None] * fit.rotation[:2, 2]
    return np.column_stack([flat @ np.linalg.inv(fit.rotation[:2, :2]).T, depth])


def _box(face: Detection, mesh: Mesh) -> Floats:
    middle, size = extent(mesh)
    apart = (np.array(face.box.center) - middle) / size
    return np.array([*apart, face.box.width / size[0], face.box.height / size[1]])


def find_faces(scenes: Iterable[Scene]) -> list[tuple[Detection, Mesh]]:
    """The face of every scene: its box as detected, its landmarks where the framing has them."""
    detector, networks = create_detector('centerface'), HeadNetworks()
    pairs = []
    for scene in scenes:
        for whole in detector.detect(scene.image, 0.5, _SMALLEST_FACE)[:1]:
            # In the region about a face the detector sees all faces equally large.
            (face,) = detector.detect_near(scene.image, [whole.box], 0.5)
            (fit,) = look(networks, scene.image, [square_about(whole)], [True])
            least = MIN_FACE_SHARE * scene.side
            if face and fit and max(face.box.width, face.box.height) >= least:
                points = np.array(Framing().landmarks) * scene.side + (scene.left, scene.top)
                pairs.append((replace(face, landmarks=points.astype(np.float32)), fit.mesh))
    return pairs


def main(path: str, cache: str) -> None:
    """Measures and prints."""
    training = data.load(Path(path), Path(cache))['Training']
    chosen = np.random.default_rng(SEED).permutation(len(training))[:IMAGES]
    pairs = find_faces(
        make_scene(np.asarray(training.images[index]), int(training.rows[index]))
        for index in chosen
    )
    landmarks, box = measure(pairs)
    print(f'{len(pairs)} faces in {IMAGES} images')
    print('LANDMARKS_MM', landmarks.round(1).tolist())
    print('BOX_OF_MESH', box.round(3).tolist())


if __name__ == '__main__':
    main(*sys.argv[1:])
