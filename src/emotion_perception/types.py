"""Values that travel between the stages of the pipeline."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BgrImage = npt.NDArray[np.uint8]
"""uint8 [height, width, 3], blue-green-red, 0..255."""

Landmarks = npt.NDArray[np.float32]
"""float32 [5, 2]: (x, y) of the eyes, the nose tip and the mouth corners, in pixels of the source
image; the picture's left one of each pair first (the person's right)."""


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
class Detection:
    """One detected face.

    Attributes:
        box: Face box in pixels of the source image.
        score: Detector confidence, 0..1.
        landmarks: Five points, or None when the detector gives none.
    """

    box: Box
    score: float
    landmarks: Landmarks | None = None


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a frame with its emotion: what the pipeline answers.

    Attributes:
        track_id: Stable while the face stays in view; counts up from 1.
        box: Face box in pixels of the source image.
        score: Detector confidence, 0..1.
        landmarks: Five points, or None when the detector gives none.
        emotion_id: Index of the strongest emotion, 0..6 (see `labels.Emotion`); None when its
            probability is below the confidence threshold.
        confidence: Probability of the strongest emotion, calibrated and smoothed, 0..1.
        probabilities: float32 [7], in FER-2013 order, sum 1.
    """

    track_id: int
    box: Box
    score: float
    landmarks: Landmarks | None
    emotion_id: int | None
    confidence: float
    probabilities: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture from a source.

    Attributes:
        image: BGR picture.
        stamp_ns: Time of acquisition in nanoseconds since the epoch (bags: the recorded stamp).
        index: Running number of the frame in its source, from 0.
    """

    image: BgrImage
    stamp_ns: int
    index: int
