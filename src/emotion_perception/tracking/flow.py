"""Moves known faces from one frame to the next without running the detector.

Points on a grid inside each face are followed by pyramidal Lucas-Kanade optical flow; the
similarity that explains most of them (RANSAC) then moves box and landmarks. It costs a fraction of
a detection and is used for the frames between two detections (`detect_every_n`).

A similarity cannot follow a head that turns away, an expression or an occlusion, and a box that is
moved only drifts from what the detector would answer. Where that shows, the detector is asked for
early: on clips of turning heads moved boxes then overlap detected ones by an IoU of 0.7 and more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.scaling import scaled
from emotion_perception.types import BgrImage, Box, Detection

# The flow is computed on a picture of about this many columns: faces move by few pixels there, so
# that a small search window is enough.
_WORK_WIDTH: Final = 320
_GRID: Final = 6
# The grid keeps off the box's edges, where the background shows.
_GRID_MARGIN: Final = 0.2
# Measured on clips of turning heads: where fewer points than this move together, or the head has
# turned or come nearer by more since the detection, moved boxes fall below an IoU of 0.7.
_MIN_INLIERS: Final = math.ceil(0.8 * _GRID * _GRID)
_MAX_TURN: Final = math.radians(12.0)
_MAX_LOG_ZOOM: Final = 0.08
_MIN_ZOOM: Final = 1e-3

GrayImage = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]
Similarity = npt.NDArray[np.float64]
"""float64 [2, 3]: pixels of the last picture to pixels of this one."""


@dataclass(slots=True)
class _Drift:
    """How far faces have turned (radians) and zoomed (logarithm) since they were detected.

    Sums of the largest change in each frame: no face needs to be told from another.
    """

    turn: float = 0.0
    log_zoom: float = 0.0

    def add(self, motions: Sequence[Similarity]) -> None:
        """Takes one frame's motions of all faces."""
        self.turn += max(abs(math.atan2(m[1, 0], m[0, 0])) for m in motions)
        self.log_zoom += max(abs(math.log(_zoom(m))) for m in motions)

    def is_large(self) -> bool:
        """Whether the detector should look again."""
        return self.turn > _MAX_TURN or self.log_zoom > _MAX_LOG_ZOOM


class FlowPropagator:
    """Holds the last picture and moves detections on to the next one."""

    def __init__(self) -> None:
        self._previous: GrayImage | None = None
        self._scale = 1.0
        self._drift = _Drift()

    def reset(self) -> None:
        """Forgets the last picture."""
        self._previous = None

    def remember(self, image: BgrImage) -> None:
        """Keeps a picture in which faces were detected, as the start of the next flow."""
        self._previous, self._scale = _work_image(image)
        self._drift = _Drift()

    def propagate(self, image: BgrImage, detections: Sequence[Detection]) -> list[Detection] | None:
        """Moves detections of the remembered picture on to this one, and remembers this one.

        Args:
            image: The new picture, BGR.
            detections: Faces in the remembered picture.

        Returns:
            The moved faces in the same order, or None when one of them was lost or has changed too
            much since it was detected, or when there is no fitting remembered picture: then the
            detector has to look again.
        """
        previous, scale = self._previous, self._scale
        current, current_scale = _work_image(image)
        self._previous, self._scale = current, current_scale
        if previous is None or previous.shape != current.shape:
            return None
        motions = _motions(previous, current, [d.box for d in detections], scale)
        if motions:
            self._drift.add(motions)
        if motions is None or self._drift.is_large():
            self._drift = _Drift()
            return None
        return [_transformed(d, motion) for d, motion in zip(detections, motions, strict=True)]


def _work_image(image: BgrImage) -> tuple[GrayImage, float]:
    height, width = image.shape[:2]
    scale = min(1.0, _WORK_WIDTH / width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.cvtColor(scaled(image, size), cv2.COLOR_BGR2GRAY), np.uint8), scale


def _motions(
    previous: GrayImage, current: GrayImage, boxes: Sequence[Box], scale: float
) -> list[Similarity] | None:
    """The similarity of every face, or None when one was lost."""
    if not boxes:
        return []
    start = np.concatenate([_grid_points(box, scale) for box in boxes])
    # One call for all faces: it builds the pyramids of both pictures.
    end, status, _ = cv2.calcOpticalFlowPyrLK(
        previous,
        current,
        start,
        start.copy(),  # where the result goes; not used as a first guess
        winSize=(15, 15),
        maxLevel=3,
    )
    motions = []
    for points in np.split(np.arange(len(start)), len(boxes)):
        good = points[status[points, 0] == 1]
        motion = _similarity(start[good] / scale, end[good] / scale, 1.5 / scale)
        if motion is None:
            return None
        motions.append(motion)
    return motions


def _grid_points(box: Box, scale: float) -> Points:
    steps = np.linspace(_GRID_MARGIN, 1.0 - _GRID_MARGIN, _GRID)
    x, y = np.meshgrid(box.x + steps * box.width, box.y + steps * box.height)
    return (np.stack([x.ravel(), y.ravel()], axis=1) * scale).astype(np.float32)


def _similarity(start: Points, end: Points, tolerance: float) -> Similarity | None:
    if len(start) < _MIN_INLIERS:
        return None
    found, inliers = cv2.estimateAffinePartial2D(start, end, ransacReprojThreshold=tolerance)
    if found is None or int(inliers.sum()) < _MIN_INLIERS:
        return None
    motion: Similarity = np.asarray(found, np.float64)
    # A zoom of 0 is no motion of a face: all points came together in one.
    return motion if _zoom(motion) > _MIN_ZOOM else None


def _zoom(motion: Similarity) -> float:
    return math.hypot(motion[0, 0], motion[1, 0])


def _transformed(detection: Detection, motion: Similarity) -> Detection:
    """Moves centre and landmarks by the similarity and scales the box; boxes stay upright."""
    zoom = _zoom(motion)
    box = detection.box
    center = motion[:, :2] @ np.array(box.center) + motion[:, 2]
    width, height = box.width * zoom, box.height * zoom
    moved = Box(float(center[0]) - width / 2, float(center[1]) - height / 2, width, height)
    landmarks = detection.landmarks
    if landmarks is not None:
        landmarks = (landmarks @ motion[:, :2].T + motion[:, 2]).astype(np.float32)
    return Detection(moved, detection.score, landmarks)
