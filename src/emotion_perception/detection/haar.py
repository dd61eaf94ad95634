"""OpenCV's Haar cascade: needs no weights but OpenCV's own, finds frontal faces only."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import cv2.data
import numpy as np

from emotion_perception.detection.base import STREAM_MAX_SIDE, detect_in_crops, select_faces
from emotion_perception.errors import DetectorError
from emotion_perception.types import BgrImage, Box, Detection

_CASCADE_FILE: Final = 'haarcascade_frontalface_default.xml'
_WINDOW: Final = 24  # the cascade was trained on windows of 24x24 pixels
_WORKING_FACE: Final = 40.0  # smallest wanted face after scaling; at 24 the boxes become coarse
_PYRAMID_STEP: Final = 1.1
_MIN_NEIGHBOURS: Final = 5


class HaarDetector:
    """The frontal-face Haar cascade of Viola and Jones as shipped with OpenCV; no landmarks.

    Attributes:
        name: 'haar'.
    """

    name: str = 'haar'

    def __init__(self) -> None:
        """Loads the cascade.

        Raises:
            DetectorError: This OpenCV has no cascades (version 5 dropped them) or lacks the file.
        """
        if not hasattr(cv2, 'CascadeClassifier'):
            raise DetectorError(
                f'OpenCV {cv2.__version__} has no Haar cascades: install '
                "'opencv-python-headless<5', or set `detector` to centerface."
            )
        path = Path(cv2.data.haarcascades) / _CASCADE_FILE
        self._cascade = cv2.CascadeClassifier(str(path))
        if self._cascade.empty():
            raise DetectorError(
                f'The Haar cascade {path} cannot be loaded: reinstall opencv-python-headless.'
            )

    def detect(
        self,
        image: BgrImage,
        score_threshold: float,
        min_face_size: int,
        max_side: int = STREAM_MAX_SIDE,
    ) -> list[Detection]:
        """See `base.FaceDetector.detect`; it needs no bound."""
        if image.size == 0:
            return []
        scale = min(1.0, _WORKING_FACE / max(min_face_size, 1))
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        if scale < 1.0:
            grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        smallest = max(math.floor(min_face_size * scale), _WINDOW)
        rectangles, _, weights = self._cascade.detectMultiScale3(
            grey,
            scaleFactor=_PYRAMID_STEP,
            minNeighbors=_MIN_NEIGHBOURS,
            minSize=(smallest, smallest),
            outputRejectLevels=True,
        )
        boxes = np.asarray(rectangles, np.float64).reshape(-1, 4) / scale
        found = (
            Detection(Box(*box), score_of(weight))
            for box, weight in zip(boxes.tolist(), np.ravel(weights).tolist(), strict=True)
        )
        return select_faces(found, score_threshold, min_face_size)

    def detect_near(
        self, image: BgrImage, faces: Sequence[Box], score_threshold: float
    ) -> list[Detection | None]:
        """See `base.FaceDetector.detect_near`."""
        return detect_in_crops(self, image, faces, score_threshold)

    def clone(self) -> 'HaarDetector':
        """See `base.FaceDetector.clone`."""
        return HaarDetector()


def score_of(weight: float) -> float:
    """Squashes the votes of the cascade's last stage to 0..1 by a logistic curve.

    A rectangle that passed the cascade has 0 or more (5 is usual), hence a score of 0.5 or more: a
    threshold of 0.5 is the cascade's own decision.
    """
    return 1.0 / (1.0 + math.exp(-min(max(weight, 0.0), 100.0) / 2.0))
