"""What every face detector offers, and the steps that all of them share."""

from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from emotion_perception.detection.roi import closest, moved, roi_around
from emotion_perception.types import BgrImage, Box, Detection

DEFAULT_MAX_SIDE: Final = 480
"""Longest side, in pixels, of the image that a network sees.

CenterFace then finds faces from 32 pixels in a 640x480 image and from 64 in a 1280x720 one, in
about 60 % of the time that a side of 640 takes.
"""


class FaceDetector(Protocol):
    """Finds all faces of an image.

    A detector keeps buffers between calls: use one from one thread at a time.

    Attributes:
        name: Key of the detector's box in `framing.Framing.boxes`, for example 'centerface'.
    """

    name: str

    def detect(
        self, image: BgrImage, score_threshold: float, min_face_size: int
    ) -> list[Detection]:
        """Finds the faces of one image.

        Args:
            image: uint8 [height, width, 3], BGR.
            score_threshold: Smallest score to report, 0..1.
            min_face_size: Smallest face to report, in pixels of the shorter side of its box, >= 1.
                A larger value lets a detector work on a smaller image, which is faster but places
                the landmarks less exactly.

        Returns:
            Faces by descending score; boxes and landmarks in pixels of `image`, where pixel (i, j)
            covers [i, i + 1) x [j, j + 1). An empty image has no faces.
        """
        ...

    def detect_near(
        self, image: BgrImage, faces: Sequence[Box], score_threshold: float
    ) -> list[Detection | None]:
        """Looks for known faces about where they were: quicker than a look at the whole image.

        Args:
            image: uint8 [height, width, 3], BGR, not empty.
            faces: Where the faces were in the last image, in pixels.
            score_threshold: Smallest score to report, 0..1.

        Returns:
            For every face what it is now, in pixels of `image`; None where there is none any more.
        """
        ...

    def clone(self) -> 'FaceDetector':
        """Another detector of the same kind and settings, for use in another thread."""
        ...


def select_faces(
    detections: Iterable[Detection], score_threshold: float, min_face_size: int
) -> list[Detection]:
    """Keeps the detections that a caller asked for, best first."""
    kept = [
        detection
        for detection in detections
        if detection.score >= score_threshold and _is_large_enough(detection.box, min_face_size)
    ]
    return sorted(kept, key=lambda detection: detection.score, reverse=True)


def detect_in_crops(
    detector: FaceDetector, image: BgrImage, faces: Sequence[Box], score_threshold: float
) -> list[Detection | None]:
    """`FaceDetector.detect_near` for any detector: one look at the surroundings of each face."""
    found: list[Detection | None] = []
    for face in faces:
        crop, left, top = roi_around(face).inside(image)
        smallest = max(round(min(face.width, face.height) / 2), 1)
        here = detector.detect(crop, score_threshold, smallest) if crop.size else []
        found.append(closest((moved(each, left, top) for each in here), face))
    return found


def _is_large_enough(box: Box, min_face_size: int) -> bool:
    return min(box.width, box.height) >= min_face_size and box.area > 0.0
