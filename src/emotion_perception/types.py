"""Values that travel between the stages of the pipeline."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_perception.labels import emotion_name

NS_PER_S: Final = 1_000_000_000
"""Stamps are nanoseconds, as a ROS header has them."""

PROBABILITY_DIGITS: Final = 4
"""Decimals of a probability in JSON and tables."""

BgrImage = npt.NDArray[np.uint8]
"""uint8 [height, width, 3], blue-green-red, 0..255."""

Landmarks = npt.NDArray[np.float32]
"""float32 [5, 2]: (x, y) of the eyes, the nose tip and the mouth corners, in pixels of the source
image; the image's left one of each pair first (the person's right)."""


@dataclass(frozen=True, slots=True)
class Box:
    """Axis-aligned box in pixels of the source image.

    Attributes:
        x: Left edge; may lie outside the image.
        y: Top edge; may lie outside the image.
        width: Full width, > 0.
        height: Full height, > 0.
    """

    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return self.width * self.height

    @property
    def center(self) -> tuple[float, float]:
        """Centre (x, y) in pixels."""
        return self.x + self.width / 2, self.y + self.height / 2

    def clipped(self, image_width: int, image_height: int) -> 'Box':
        """The part of the box inside the image; width and height may become 0."""
        left, top = max(self.x, 0.0), max(self.y, 0.0)
        right = min(self.x + self.width, float(image_width))
        bottom = min(self.y + self.height, float(image_height))
        return Box(left, top, max(right - left, 0.0), max(bottom - top, 0.0))


@dataclass(frozen=True, slots=True)
class HeadFit:
    """The mesh of a face, and the mean face laid onto it.

    Attributes:
        mesh: float64 [468, 3], x and y in pixels of the source image, z in pixels.
        rotation: float64 [3, 3], against the line of sight to the face.
        scale: Pixels per millimetre, > 0.
        origin: float64 [2], the point between the pupils, in pixels of the image.
    """

    mesh: npt.NDArray[np.float64]
    rotation: npt.NDArray[np.float64]
    scale: float
    origin: npt.NDArray[np.float64]

    def place(self, points_mm: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Where points [..., 3] of the mean face are in the image, float64 [..., 2]."""
        turned = np.asarray(points_mm, np.float64) @ self.rotation.T
        return np.asarray(self.origin + self.scale * turned[..., :2])

    def moved(self, x: float, y: float) -> 'HeadFit':
        """The same at another place."""
        mesh = self.mesh + np.array((x, y, 0.0))
        return HeadFit(mesh, self.rotation, self.scale, self.origin + np.array((x, y)))


@dataclass(frozen=True, slots=True)
class Detection:
    """One detected face.

    Attributes:
        box: Face box in pixels of the source image.
        score: Detector confidence, 0..1.
        landmarks: Five points, or None when the detector gives none.
        fit: The mesh by which it was followed; None where it was not.
    """

    box: Box
    score: float
    landmarks: Landmarks | None = None
    fit: HeadFit | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A head in space. Vectors are in the optical frame: x right, y down, z forward (REP-103).

    Attributes:
        rotation: float64 [3, 3], its columns the head's axes: to its left, down, to its back. Of a
            head that faces the camera it is the identity. Without a calibrated camera it is
            against the line of sight to the face.
        position: float64 [3], the point between the pupils in metres; NaN without a calibrated
            camera.
        gaze: float64 [3] of length 1, the direction in which it looks.
        looking_at_camera: How probable it is that it looks into the camera, 0..1.
        mesh: float32 [468, 3], the points of MediaPipe's face mesh in pixels of the source image.
        origin: (x, y) of the point between the pupils, in pixels of the source image.
        scale: Pixels per millimetre at the head, for a face of mean size.
    """

    rotation: npt.NDArray[np.float64]
    position: npt.NDArray[np.float64]
    gaze: npt.NDArray[np.float64]
    looking_at_camera: float
    mesh: npt.NDArray[np.float32]
    origin: tuple[float, float]
    scale: float


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a frame with its emotion: what the pipeline returns.

    Attributes:
        track_id: Stable while the face stays in view; counts up from 1.
        box: Face box in pixels of the source image.
        score: Detector confidence, 0..1.
        landmarks: Five points, or None when the detector gives none.
        emotion_id: Index of the strongest emotion, 0..6 (see `labels.Emotion`); None when its
            probability is below the confidence threshold.
        confidence: Probability of the strongest emotion, calibrated and smoothed, 0..1.
        probabilities: float32 [7], in FER-2013 order, sum 1.
        change: float32 [7], log-odds against the person's own calm face in nats, NaN while that is
            not known yet; None where no stream was followed.
        head: Where its head is and where it looks; None where that was not asked for or not seen.
    """

    track_id: int
    box: Box
    score: float
    landmarks: Landmarks | None
    emotion_id: int | None
    confidence: float
    probabilities: npt.NDArray[np.float32]
    change: npt.NDArray[np.float32] | None = None
    head: Head | None = None

    @property
    def emotion(self) -> str:
        """Name of the strongest emotion; 'Uncertain' below the confidence threshold."""
        return emotion_name(self.emotion_id)


@dataclass(frozen=True, slots=True)
class Frame:
    """One image from a source.

    Attributes:
        image: BGR image.
        stamp_ns: Time of acquisition in nanoseconds since the epoch (bags: the recorded stamp).
        index: Running number of the frame in its source, from 0.
        frame_id: Optical frame that a bag has for it; empty where the source knows none.
    """

    image: BgrImage
    stamp_ns: int
    index: int
    frame_id: str = ''


def head_axes(rotation: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The axes of a head as ROS has them: x forward out of the face, y to its left, z up (REP-103).

    Args:
        rotation: float64 [3, 3], its columns point to the head's left, down and to its back.
    """
    left, down, back = rotation.T
    return np.column_stack([-back, left, -down])


def pixel_box(box: Box, width: int, height: int) -> tuple[int, int, int, int]:
    """A box in whole pixels inside the image, as `sensor_msgs/RegionOfInterest` holds it.

    Args:
        box: May reach beyond the image.
        width: Image width in pixels.
        height: Image height in pixels.

    Returns:
        (x, y, width, height), each >= 0; width and height are 0 for a box outside the image.
    """
    left, right = (_pixel(x, width) for x in (box.x, box.x + box.width))
    top, bottom = (_pixel(y, height) for y in (box.y, box.y + box.height))
    return left, top, right - left, bottom - top


def iou_matrix(first: Sequence[Box], second: Sequence[Box]) -> npt.NDArray[np.float64]:
    """Intersection over union of every pair of boxes.

    Args:
        first: N boxes.
        second: M boxes.

    Returns:
        float64 [N, M], 0..1.
    """
    if not first or not second:
        return np.zeros((len(first), len(second)))
    a, b = _corners(first)[:, None], _corners(second)[None]
    low = np.maximum(a[..., :2], b[..., :2])
    high = np.minimum(a[..., 2:], b[..., 2:])
    intersection = np.clip(high - low, 0, None).prod(axis=-1)
    union = _areas(a) + _areas(b) - intersection
    return np.asarray(intersection / np.maximum(union, 1e-9))


def _corners(boxes: Iterable[Box]) -> npt.NDArray[np.float64]:
    return np.array([(b.x, b.y, b.x + b.width, b.y + b.height) for b in boxes])


def _areas(corners: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray((corners[..., 2:] - corners[..., :2]).prod(axis=-1))


def match_greedily(overlap: npt.NDArray[np.float64], minimum: float) -> Iterable[tuple[int, int]]:
    """Pairs (column, row) in order of falling overlap, each row and column used once."""
    overlap = overlap.copy()
    while overlap.size and overlap.max() >= minimum:
        row, column = np.unravel_index(int(overlap.argmax()), overlap.shape)
        yield int(column), int(row)
        overlap[row, :] = -1
        overlap[:, column] = -1


def _pixel(edge: float, length: int) -> int:
    return round(min(max(float(edge), 0.0), float(length)))


def whole_percent(probability: float) -> int:
    """A probability in per cent, 0..100, the same in images, on terminals, pages and in viewers.

    Some of them have the number of the face, some that of its JSON, which has four decimals:
    rounded as it is, 0.86502 would be 87 in an image and 86 in the table below it.
    """
    share = min(max(float(np.nan_to_num(probability)), 0.0), 1.0)
    per_cent: int = 10 ** (PROBABILITY_DIGITS - 2)
    return (round(100 * per_cent * round(share, PROBABILITY_DIGITS)) + per_cent // 2) // per_cent


def face_caption(face: Face) -> str:
    """What stands at a face in images and viewers, such as 'Happy 87 %'."""
    return f'{emotion_name(face.emotion_id)} {whole_percent(face.confidence)} %'


def rate_of(stamps_ns: Sequence[int]) -> float | None:
    """Frames per second by the usual (median) step between stamps; None where there is none.

    Args:
        stamps_ns: In nanoseconds, in order; steps that are not positive do not count.
    """
    steps = [later - earlier for earlier, later in pairwise(stamps_ns) if later > earlier]
    return NS_PER_S / statistics.median(steps) if steps else None
