"""Follows the heads of one stream: where they are, how they are turned and where they look."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from emotion_perception.heads.calibration import CameraCalibration
from emotion_perception.heads.following import look
from emotion_perception.heads.gaze import (
    Across,
    eye_direction,
    gaze_direction,
    looking_at_camera,
    size_by_irises,
)
from emotion_perception.heads.head_pose import (
    Rotation,
    Vector,
    line_of_sight,
    position,
    square_about,
    square_of,
)
from emotion_perception.heads.networks import HeadNetworks
from emotion_perception.heads.turned_square import TurnedSquare
from emotion_perception.tracking.tracker import smoothing_weight
from emotion_perception.types import NS_PER_S, BgrImage, Detection, Head, HeadFit

# The last mesh says better where the next one is than the detector does, while they agree.
_NEAR: Final = 0.25
_ALIKE: Final = 1.5
# People's faces differ by about 4 %, and an iris is measured to 5 %: that a face is of mean size
# counts as much as so many measurements. Many images say how large one is, the last ones most.
_MEAN_SIZE_COUNTS: Final = 1.5
_SIZE_WEIGHT: Final = 0.05
# Irises cost more than the mesh, and their direction is held for so long: at 30 images a second,
# every fifth is looked at.
_IRISES_NS: Final = 160_000_000
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
        eyes: Where its eyes look; None before its irises were seen.
        eyes_ns: Stamp of the image in which they were.
        log_size: Logarithm of its size in mean faces, by its irises.
        measured: How many images that rests on, as far as they still count.
    """

    stamp_ns: int = 0
    rotation: Rotation | None = None
    gaze: Vector | None = None
    square: TurnedSquare | None = None
    eyes: Across | None = None
    eyes_ns: int = 0
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
        heads = [known[track_id] for track_id, _ in faces]
        if gaze:
            self._look_at_irises(image, stamp_ns, zip(seen, heads, strict=True))
        return [
            None if fit is None else _head(fit, head, stamp_ns, camera, gaze=gaze)
            for fit, head in zip(seen, heads, strict=True)
        ]

    def _look_at_irises(
        self,
        image: BgrImage,
        stamp_ns: int,
        heads: Iterable[tuple[HeadFit | None, _KnownHead]],
    ) -> None:
        """Notes where those faces look whose irises were last seen long enough ago."""
        due = [
            (fit, head)
            for fit, head in heads
            if fit is not None
            and not (head.eyes is not None and 0 <= stamp_ns - head.eyes_ns < _IRISES_NS)
        ]
        irises = self._networks.irises(image, [fit.mesh for fit, _ in due])
        for (fit, head), seen in zip(due, irises, strict=True):
            head.eyes, head.eyes_ns = eye_direction(fit, seen), stamp_ns
            size = size_by_irises(fit, seen)
            if size is not None:
                head.measure(size)

    def _look(
        self, image: BgrImage, faces: Sequence[tuple[int, Detection]]
    ) -> list[HeadFit | None]:
        """The mesh of every face; None where no face is seen."""
        fits = [face.fit for _, face in faces]
        missing = [index for index, fit in enumerate(fits) if fit is None]
        squares = [self._square(*faces[index]) for index in missing]
        new = [self._known[faces[index][0]].square is None for index in missing]
        found = look(self._networks, image, squares, new) if missing else []
        for index, fit in zip(missing, found, strict=True):
            fits[index] = fit
        for (track_id, _), fit in zip(faces, fits, strict=True):
            if fit is None:
                self._known[track_id] = _KnownHead()
            else:
                self._known[track_id].square = square_of(fit)
        return fits

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
    fit: HeadFit,
    known: _KnownHead,
    stamp_ns: int,
    camera: CameraCalibration | None,
    *,
    gaze: bool,
) -> Head:
    turn = line_of_sight(fit.origin, camera)
    looks = gaze_direction(fit, known.eyes if gaze else None)
    rotation, looks = known.steady(fit.rotation, looks, stamp_ns)
    return Head(
        rotation=turn @ rotation,
        position=position(fit, math.exp(known.log_size), camera),
        gaze=turn @ looks,
        looking_at_camera=looking_at_camera(looks),
        mesh=fit.mesh.astype(np.float32),
        origin=(float(fit.origin[0]), float(fit.origin[1])),
        scale=fit.scale,
    )
