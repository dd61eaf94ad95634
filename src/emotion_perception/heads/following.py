"""Follows faces by their mesh, and says of it what a detector would say of the face.

A look of the mesh network costs half of what the detector takes for the region about one face, sees
turned heads better, and serves head pose and gaze too.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from emotion_perception.heads.head_pose import fit_head, square_about, square_of
from emotion_perception.heads.networks import HeadNetworks, Mesh
from emotion_perception.heads.turned_square import Points, TurnedSquare
from emotion_perception.types import BgrImage, Box, Detection, HeadFit

# Below, the mesh network sees no face.
_PRESENT: Final = 0.5
# How far a face may be from where it was expected, in millimetres of the mean face. One further
# away is mostly still taken for a face, but no longer seen where it is (a portrait up to 75 mm).
_FURTHEST_MM: Final = 60.0

LANDMARKS_MM: Final = np.array(
    [
        (-31.7, 1.1, -2.6),
        (31.7, 1.1, -2.6),
        (0.0, 30.9, -43.7),
        (-26.1, 63.1, -6.4),
        (26.1, 63.1, -6.4),
    ]
)
"""Where the mean face has the landmarks of `framing.Framing`, float64 [5, 3] in millimetres: crops
aligned by them are framed as the network was trained. They move with the head and not with its
expression. Measured, as what follows, by `python -m training.shipping.detector_on_mesh`."""

BOX_OF_MESH: Final = (0.0, -0.022, 0.994, 1.128)
"""A box of CenterFace against that of a mesh's points, in width and height of the latter: how far
its middle is to the right and down, how wide and how high it is (it reaches over the forehead)."""


class MeshFollower:
    """Follows the faces of a stream; what it knows of them stands in the detections."""

    def __init__(self, networks: HeadNetworks) -> None:
        """Stores the networks.

        Args:
            networks: May be shared by several streams.
        """
        self._networks = networks

    def follow(self, image: BgrImage, faces: Sequence[Detection]) -> list[Detection | None]:
        """See `detection.base.FaceFollower`."""
        places = [_place(face) for face in faces]
        new = [face.fit is None for face in faces]
        fits = look(self._networks, image, places, new)
        return [
            None if fit is None or _has_jumped(face.fit, fit) else _detection(face, fit)
            for face, fit in zip(faces, fits, strict=True)
        ]


def look(
    networks: HeadNetworks,
    image: BgrImage,
    places: Sequence[TurnedSquare],
    new: Sequence[bool],
) -> list[HeadFit | None]:
    """The meshes of faces.

    Args:
        networks: That of the mesh is used.
        image: uint8 [height, width, 3], BGR.
        places: Where the faces are expected.
        new: Whether that is known only from a detector, which frames a face roughly: the mesh
            itself tells where to look again.

    Returns:
        For every place its mesh, the mean face laid onto it; None where no face is seen.

    Raises:
        ModelError: The network is missing or damaged.
    """
    fits = _look(networks, image, places)
    again = [index for index, fit in enumerate(fits) if fit is not None and new[index]]
    looks = _look_again(networks, image, [fit for fit in map(fits.__getitem__, again) if fit])
    for index, fit in zip(again, looks, strict=True):
        fits[index] = fit
    return fits


def _look(
    networks: HeadNetworks, image: BgrImage, places: Sequence[TurnedSquare]
) -> list[HeadFit | None]:
    found = networks.meshes(image, places)
    return [fit_head(mesh) if score >= _PRESENT else None for mesh, score in found]


def _look_again(
    networks: HeadNetworks, image: BgrImage, fits: Sequence[HeadFit]
) -> list[HeadFit | None]:
    """The mean of two more looks, each where the one before has seen the face."""
    second = networks.meshes(image, [square_of(fit) for fit in fits])
    third = networks.meshes(image, [square_of(fit_head(mesh)) for mesh, _ in second])
    return [
        fit_head((before + after) / 2) if min(first_score, second_score) >= _PRESENT else None
        for (before, first_score), (after, second_score) in zip(second, third, strict=True)
    ]


def _place(face: Detection) -> TurnedSquare:
    return square_about(face) if face.fit is None else square_of(face.fit)


def _has_jumped(before: HeadFit | None, fit: HeadFit) -> bool:
    """Whether a face is too far from where it was expected."""
    if before is None:
        return False
    return math.dist(before.origin, fit.origin) > _FURTHEST_MM * before.scale


def _detection(face: Detection, fit: HeadFit) -> Detection:
    (x, y), (width, height) = extent(fit.mesh)
    right, down, wide, high = BOX_OF_MESH
    x, y, width, height = x + right * width, y + down * height, wide * width, high * height
    box = Box(float(x - width / 2), float(y - height / 2), float(width), float(height))
    return Detection(box, face.score, fit.place(LANDMARKS_MM).astype(np.float32), fit)


def extent(mesh: Mesh) -> tuple[Points, Points]:
    """Middle and size of the box of a mesh's points, both float64 [2] in pixels."""
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    return (low + high) / 2, high - low
