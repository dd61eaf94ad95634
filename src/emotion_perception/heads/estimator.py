"""Follows the heads of one stream: where they are, how they are turned and where they look."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from emotion_perception.heads.calibration import CameraCalibration
from emotion_perception.heads.gaze import gaze_direction, looking_at_camera, size_by_irises
from emotion_perception.heads.head_pose import (
    HeadFit,
    Rotation,
    Vector,
    fit_head,
    line_of_sight,
    position,
    square_about,
)
from emotion_perception.heads.networks import HeadNetworks, Irises, Mesh
from emotion_perception.heads.turned_square import TurnedSquare
from emotion_perception.tracking.tracker import smoothing_weight
from emotion_perception.types import NS_PER_S, BgrImage, Detection, Head

# Below, the mesh network sees no face.
_PRESENT: Final = 0.5
# The last mesh says better where the next one is than the detector does, while they agree.
_NEAR: Final = 0.25
_ALIKE: Final = 1.5
# People's faces differ by about 4 %, and an iris is measured to 5 %: that a face is of mean size
# counts as much as so many measurements. Many images say how large one is, the last ones most.
_MEAN_SIZE_COUNTS: Final = 1.5
_SIZE_WEIGHT: Final = 0.05
# Meshes tremble by some degrees from image to image.
_STEADY_S: Final = 0.08


@dataclass(slots=True)
class _KnownHead:
    """What is remembered of one track.

    Attributes:
        stamp_ns: Of its last mesh.
        rotation: Its steadied rotation against the line of sight; None before the first mesh.
        gaze: Its steadied gaze against the line of sight.
        square: Where its last mesh was; None before the first.
        log_size: Logarithm of its size in mean faces, by its irises.
        measured: How many images that rests on, as far as they still count.
    """

    stamp_ns: int = 0
    rotation: Rotation | None = None
    gaze: Vector | None = None
    square: TurnedSquare | None = None
    log_size: float = 0.0
    measured: int = 0

    def measure(self, size: float) -> None:
        """Takes one more measurement of the size into account."""
        self.measured += 1
        weight = max(1 / (self.measured + _MEAN_SIZE_COUNTS), _SIZE_WEIGHT)
        self.log_size += weight * (math.log(size) - self.log_size)

    def steady(self, rotation: Rotation, gaze: Vector, stamp_ns: int) -> tuple[Rotation, Vector]:
        """Steadies rotation and gaze by those of the images before."""
        weight = smoothing_weight((stamp_ns - self.stamp_ns) / NS_PER_S, _STEADY_S)
        if self.rotation is not None and self.gaze is not None:
            u, _, v = np.linalg.svd(weight * rotation + (1 - weight) * self.rotation)
            rotation = u @ v
            gaze = weight * gaze + (1 - weight) * self.gaze
            gaze = gaze / np.linalg.norm(gaze)
        self.stamp_ns, self.rotation, self.gaze = stamp_ns, rotation, gaze
        return rotation, gaze


class HeadEstimator:
    """Estimates heads from faces that are detected and tracked. Not thread-safe: one caller."""

    def __init__(self, networks: HeadNetworks) -> None:
        """Starts a stream.

        Args:
            networks: May be shared by several streams.
        """
        self._networks = networks
        self._known: dict[int, _KnownHead] = {}

    def reset(self) -> None:
        """Forgets all heads."""
        self._known.clear()

    def estimate(
        self,
        image: BgrImage,
        stamp_ns: int,
        faces: Sequence[tuple[int, Detection]],
        camera: CameraCalibration | None,
        *,
        gaze: bool,
    ) -> list[Head | None]:
        """Estimates the head of every face of the next image.

        Args:
            image: uint8 [height, width, 3], BGR.
            stamp_ns: Its time in nanoseconds.
            faces: Track id and detection of each.
            camera: Calibration of the camera at the size of this image, or None.
            gaze: Whether to look at the irises too; otherwise a gaze is the head's direction.

        Returns:
            The heads in order; None where the mesh network sees no face.

        Raises:
            ModelError: A network is missing or damaged.
        """
        known = {track_id: self._known.get(track_id, _KnownHead()) for track_id, _ in faces}
        self._known = known
        seen = self._look(image, faces)
        meshes = [each[0] for each in seen if each is not None]
        irises = iter(self._networks.irises(image, meshes) if gaze else [None] * len(meshes))
        return [
            None if each is None else _head(*each, next(irises), known[track_id], stamp_ns, camera)
            for each, (track_id, _) in zip(seen, faces, strict=True)
        ]

    def _look(
        self, image: BgrImage, faces: Sequence[tuple[int, Detection]]
    ) -> list[tuple[Mesh, HeadFit] | None]:
        """The mesh of every face and the mean face laid onto it; None where no face is seen."""
        squares = [self._square(track_id, face) for track_id, face in faces]
        found = self._networks.meshes(image, squares)
        # The detector frames a new face roughly: the mesh itself tells where to look again.
        new = [
            index
            for index, (track_id, _) in enumerate(faces)
            if self._known[track_id].square is None and found[index][1] >= _PRESENT
        ]
        looks = self._look_again(image, [found[index][0] for index in new])
        for index, look in zip(new, looks, strict=True):
            found[index] = look
        seen = [(mesh, fit_head(mesh)) if score >= _PRESENT else None for mesh, score in found]
        for (track_id, _), each in zip(faces, seen, strict=True):
            if each is None:
                self._known[track_id] = _KnownHead()
            else:
                self._known[track_id].square = each[1].square
        return seen

    def _look_again(self, image: BgrImage, meshes: Sequence[Mesh]) -> list[tuple[Mesh, float]]:
        """The mean of two more looks, each where the one before has seen the face."""
        second = self._networks.meshes(image, [fit_head(mesh).square for mesh in meshes])
        third = self._networks.meshes(image, [fit_head(mesh).square for mesh, _ in second])
        return [
            ((before + after) / 2, min(first_score, second_score))
            for (before, first_score), (after, second_score) in zip(second, third, strict=True)
        ]

    def _square(self, track_id: int, face: Detection) -> TurnedSquare:
        known, detected = self._known[track_id], square_about(face)
        if known.square is not None and not _agree(known.square, detected):
            known.square = None
        return known.square or detected


def _agree(first: TurnedSquare, second: TurnedSquare) -> bool:
    apart = math.hypot(first.x - second.x, first.y - second.y)
    ratio = first.side / second.side
    return apart < _NEAR * second.side and 1 / _ALIKE < ratio < _ALIKE


def _head(
    mesh: Mesh,
    fit: HeadFit,
    irises: Irises | None,
    known: _KnownHead,
    stamp_ns: int,
    camera: CameraCalibration | None,
) -> Head:
    size = None if irises is None else size_by_irises(fit, irises)
    if size is not None:
        known.measure(size)
    turn = line_of_sight(fit.origin, camera)
    rotation, gaze = known.steady(fit.rotation, gaze_direction(fit, irises), stamp_ns)
    return Head(
        rotation=turn @ rotation,
        position=position(fit, math.exp(known.log_size), camera),
        gaze=turn @ gaze,
        looking_at_camera=looking_at_camera(gaze),
        mesh=np.asarray(mesh, np.float32),
        origin=(float(fit.origin[0]), float(fit.origin[1])),
        scale=fit.scale,
    )
