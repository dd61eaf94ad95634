"""MediaPipe's networks for the mesh of a face and the iris of an eye."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from threading import Lock
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_perception.errors import ModelError
from emotion_perception.files.resources import read_shipped, share_folder
from emotion_perception.heads.turned_square import Points, TurnedSquare
from emotion_perception.inference.onnx_session import (
    OnnxNetwork,
    ProviderSettings,
    create_session,
    leave,
)
from emotion_perception.types import BgrImage

Mesh = npt.NDArray[np.float64]
"""float64 [468, 3]: x and y in pixels of the source image, z in pixels from the head's middle,
negative towards the camera. The order is MediaPipe's."""

RIGHT_EYE: Final = (33, 133)
"""Points of a mesh: outer and inner corner of the person's right eye, left in the image."""
LEFT_EYE: Final = (263, 362)
"""Outer and inner corner of the person's left eye."""

_MESH_SIDE: Final = 192
_EYE_SIDE: Final = 64
# Part of MediaPipe's graph: the square about an eye, in distances between its corners.
_EYE_SQUARE: Final = 2.3
_SHA256: Final = {
    'face_mesh': '83fa66a97d62f07bc2e1f0f7fc0e38ee8a1feefd9a1353746278c59c58b4fe70',
    'iris': '0e28f42c64395df9c00f90e9e83ef3de927954f82bce22474fb7a7457663df08',
}


@dataclass(frozen=True, slots=True)
class Irises:
    """Both irises of one face, the person's right one first.

    Attributes:
        centers: float64 [2, 2], in pixels of the source image.
        widths: float64 [2], in pixels, left to right in the turned eye.
    """

    centers: Points
    widths: npt.NDArray[np.float64]


class HeadNetworks:
    """Both networks, loaded when they are needed first. May be shared by threads and streams."""

    def __init__(self, providers: ProviderSettings | None = None) -> None:
        """Stores the choice of hardware.

        Args:
            providers: Which hardware ONNX Runtime may use; None takes what there is.
        """
        providers = providers or ProviderSettings()
        # More threads make such small networks little quicker, at a sixth more CPU time.
        self._providers = replace(providers, num_threads=providers.num_threads or 1)
        self._lock = Lock()

    def prepare(self) -> None:
        """Loads the network of the mesh: not on a live frame.

        Raises:
            ModelError: It is missing or damaged.
        """
        with self._lock:
            self._mesh.run(np.zeros((1, 3, _MESH_SIDE, _MESH_SIDE), np.float32))

    def meshes(self, image: BgrImage, squares: Sequence[TurnedSquare]) -> list[tuple[Mesh, float]]:
        """The mesh of the face in each square.

        Args:
            image: uint8 [height, width, 3], BGR.
            squares: About one face each, one and a half times as large, its eyes level.

        Returns:
            Mesh and probability that there is a face, 0..1, for each.

        Raises:
            ModelError: The network is missing or damaged.
        """
        if not squares:
            return []
        batch = np.stack([square.cut(image, _MESH_SIDE) for square in squares])
        with self._lock:
            points, scores = self._mesh.run(batch)
        return [
            (_mesh_in_image(square, row.reshape(-1, 3)), 1 / (1 + float(np.exp(-score.item()))))
            for square, row, score in zip(squares, points, scores, strict=True)
        ]

    def irises(self, image: BgrImage, meshes: Sequence[Mesh]) -> list[Irises]:
        """The irises of faces whose mesh is known.

        Args:
            image: uint8 [height, width, 3], BGR.
            meshes: Of the faces in that image.

        Raises:
            ModelError: The network is missing or damaged.
        """
        if not meshes:
            return []
        # The network knows the person's right eye: the left one is shown mirrored.
        eyes = [
            (_eye_square(mesh, *corners), mirrored)
            for mesh in meshes
            for corners, mirrored in ((RIGHT_EYE, False), (LEFT_EYE[::-1], True))
        ]
        batch = np.stack([eye.cut(image, _EYE_SIDE, mirrored=left) for eye, left in eyes])
        with self._lock:
            (points,) = self._iris.run(batch)
        found = [
            eye.to_image(row.reshape(-1, 3)[:, :2], _EYE_SIDE, mirrored=left)
            for (eye, left), row in zip(eyes, points, strict=True)
        ]
        return [_irises(*found[start : start + 2]) for start in range(0, len(found), 2)]

    @cached_property
    def _mesh(self) -> OnnxNetwork:
        return OnnxNetwork(create_session(_content('face_mesh'), self._providers))

    @cached_property
    def _iris(self) -> OnnxNetwork:
        return OnnxNetwork(create_session(_content('iris'), self._providers))


@cache
def default_networks() -> HeadNetworks:
    """Those for all who choose no hardware, loaded once for the process."""
    return HeadNetworks()


def _start_anew() -> None:
    """A forked process has neither the thread that held the lock nor those of the networks."""
    global default_networks  # noqa: PLW0603
    leave(default_networks)
    default_networks = cache(default_networks.__wrapped__)


if hasattr(os, 'register_at_fork'):  # not on Windows
    os.register_at_fork(after_in_child=_start_anew)


def _mesh_in_image(square: TurnedSquare, points: npt.NDArray[np.float32]) -> Mesh:
    depth = points[:, 2] * (square.side / _MESH_SIDE)
    return np.column_stack([square.to_image(points[:, :2], _MESH_SIDE), depth])


def _eye_square(mesh: Mesh, left: int, right: int) -> TurnedSquare:
    """The square about the eye between two points, the image's left one first."""
    start, end = mesh[left, :2], mesh[right, :2]
    (x, y), (dx, dy) = (start + end) / 2, end - start
    side = max(_EYE_SQUARE * float(np.hypot(dx, dy)), 1.0)
    return TurnedSquare(float(x), float(y), side, float(np.arctan2(dy, dx)))


def _irises(right: Points, left: Points) -> Irises:
    # The middle, then the points to its right, above, to its left and below.
    widths = [float(np.hypot(*(eye[1] - eye[3]))) for eye in (right, left)]
    return Irises(np.stack([right[0], left[0]]), np.array(widths))


def _content(name: str) -> bytes:
    """Reads a network; models/README.md says where it comes from."""
    return read_shipped(
        share_folder() / 'models' / f'{name}.onnx',
        _SHA256[name],
        name='The network',
        instead='set `detect_every_n` to 1, and `head_pose` and `gaze` to false',
        error=ModelError,
    )
