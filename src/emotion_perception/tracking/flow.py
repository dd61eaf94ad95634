"""Moves known faces from one frame to the next without running the detector.

Points on a grid inside each face are followed by pyramidal Lucas-Kanade optical flow; the
similarity that explains most of them (RANSAC) then moves box and landmarks. It costs a fraction of
a detection and is used for the frames between two detections (`detect_every_n`).
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.types import BgrImage, Box, Detection

# The flow is computed on a picture of about this many columns: faces move by few pixels there, so
# that a small search window is enough.
_WORK_WIDTH = 320
_GRID = 6
# The grid keeps off the box's edges, where the background shows.
_GRID_MARGIN = 0.2
_MIN_INLIERS = 8

GrayImage = npt.NDArray[np.uint8]


class FlowPropagator:
    """Holds the last picture and moves detections on to the next one."""

    def __init__(self) -> None:
        self._previous: GrayImage | None = None
        self._scale = 1.0

    def reset(self) -> None:
        """Forgets the last picture."""
        self._previous = None

    def remember(self, image: BgrImage) -> None:
        """Keeps a picture in which faces were detected, as the start of the next flow."""
        self._previous, self._scale = _work_image(image)

    def propagate(self, image: BgrImage, detections: Sequence[Detection]) -> list[Detection] | None:
        """Moves detections of the remembered picture on to this one, and remembers this one.

        Args:
            image: The new picture, BGR.
            detections: Faces in the remembered picture.

        Returns:
            The moved faces in the same order, or None when one of them was lost or there is no
            fitting remembered picture: then the detector has to look again.
        """
        previous, scale = self._previous, self._scale
        current, current_scale = _work_image(image)
        self._previous, self._scale = current, current_scale
        if previous is None or previous.shape != current.shape:
            return None
        moved = [_move(detection, previous, current, scale) for detection in detections]
        found = [detection for detection in moved if detection is not None]
        return found if len(found) == len(moved) else None


def _work_image(image: BgrImage) -> tuple[GrayImage, float]:
    height, width = image.shape[:2]
    scale = min(1.0, _WORK_WIDTH / width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8), scale


def _grid_points(box: Box, scale: float) -> npt.NDArray[np.float32]:
    steps = np.linspace(_GRID_MARGIN, 1.0 - _GRID_MARGIN, _GRID)
    x, y = np.meshgrid(box.x + steps * box.width, box.y + steps * box.height)
    return (np.stack([x.ravel(), y.ravel()], axis=1) * scale).astype(np.float32)


def _move(
    detection: Detection, previous: GrayImage, current: GrayImage, scale: float
) -> Detection | None:
    start = _grid_points(detection.box, scale)
    end, status, _ = cv2.calcOpticalFlowPyrLK(
        previous,
        current,
        start,
        start.copy(),  # where the result goes; not used as a first guess
        winSize=(15, 15),
        maxLevel=3,
    )
    good = status.ravel() == 1
    if int(good.sum()) < _MIN_INLIERS:
        return None
    matrix, inliers = cv2.estimateAffinePartial2D(
        start[good] / scale, end[good] / scale, ransacReprojThreshold=1.5 / scale
    )
    if matrix is None or int(inliers.sum()) < _MIN_INLIERS:
        return None
    return _transformed(detection, matrix)


def _transformed(detection: Detection, matrix: npt.NDArray[np.float64]) -> Detection:
    """Moves centre and landmarks by the similarity and scales the box; boxes stay upright."""
    zoom = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    box = detection.box
    center = matrix[:, :2] @ np.array(box.center) + matrix[:, 2]
    width, height = box.width * zoom, box.height * zoom
    moved = Box(float(center[0]) - width / 2, float(center[1]) - height / 2, width, height)
    landmarks = detection.landmarks
    if landmarks is not None:
        landmarks = (landmarks @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)
    return Detection(moved, detection.score, landmarks)
