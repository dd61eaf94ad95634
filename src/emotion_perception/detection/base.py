"""What every face detector offers, and the steps that all of them share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from emotion_perception.types import BgrImage, Box, Detection, iou_matrix

# Twice the face: it may move by half of its width, and detectors want to see some background.
_TIMES_THE_FACE: Final = 2.0
_MIN_OVERLAP: Final = 0.2
_SMALLEST_BOUND: Final = 32


@dataclass(frozen=True, slots=True)
class Roi:
    """A square about a face; may reach beyond the image.

    Attributes:
        left: First column.
        top: First row.
        side: Width and height in pixels, >= 2.
    """

    left: int
    top: int
    side: int

    def inside(self, image: BgrImage) -> tuple[BgrImage, int, int]:
        """The part within an image.

        Returns:
            A view of uint8 [height, width, 3], maybe empty, and the column and the row of the
            image at which it begins.
        """
        left, top = max(self.left, 0), max(self.top, 0)
        right, bottom = max(self.left + self.side, 0), max(self.top + self.side, 0)
        return image[top:bottom, left:right], left, top


def roi_around(face: Box) -> Roi:
    """The square about a face in which to look for it again."""
    side = max(round(_TIMES_THE_FACE * max(face.width, face.height)), 2)
    x, y = face.center
    return Roi(round(x - side / 2), round(y - side / 2), side)


def closest(found: Iterable[Detection], face: Box) -> Detection | None:
    """The detection that overlaps a face most; None when all lie somewhere else."""
    candidates = list(found)
    if not candidates:
        return None
    overlaps = iou_matrix([face], [candidate.box for candidate in candidates])[0]
    best = int(np.argmax(overlaps))
    return candidates[best] if overlaps[best] >= _MIN_OVERLAP else None


def moved(detection: Detection, x: float, y: float) -> Detection:
    """A detection at another place."""
    box, points, fit = detection.box, detection.landmarks, detection.fit
    return Detection(
        Box(box.x + x, box.y + y, box.width, box.height),
        detection.score,
        None if points is None else points + np.array((x, y), np.float32),
        None if fit is None else fit.moved(x, y),
    )


STREAM_MAX_SIDE: Final = 480
"""Longest side, in pixels, at which images of a stream are searched.

CenterFace then finds faces from 32 pixels in a 640x480 image and from 64 in a 1280x720 one, in
about 60 % of the time that a side of 640 takes.
"""

NO_BOUND: Final = 0
"""Images are searched at the scale that the smallest wanted face needs, however long it takes."""


class FaceDetector(Protocol):
    """Finds all faces of an image.

    A detector keeps buffers between calls: use one from one thread at a time.

    Attributes:
        name: Key of the detector's box in `framing.Framing.boxes`, for example 'centerface'.
    """

    name: str

    def detect(
        self,
        image: BgrImage,
        score_threshold: float,
        min_face_size: int,
        max_side: int = STREAM_MAX_SIDE,
    ) -> list[Detection]:
        """Finds the faces of one image.

        Args:
            image: uint8 [height, width, 3], BGR.
            score_threshold: Smallest score to report, 0..1.
            min_face_size: Smallest face to report, in pixels of the shorter side of its box, >= 1.
                A larger value lets a detector work on a smaller image, which is faster but places
                the landmarks less exactly.
            max_side: Longest side at which the image is searched, in pixels; `NO_BOUND` sets none.
                Where it is too small for `min_face_size`, small faces are not found.

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


class FaceFollower(Protocol):
    """Finds faces again, quicker than any detector."""

    def follow(self, image: BgrImage, faces: Sequence[Detection]) -> list[Detection | None]:
        """Finds known faces in the next image.

        Args:
            image: uint8 [height, width, 3], BGR, not empty.
            faces: Where they are expected; they may come from a detector or from here.

        Returns:
            For every face what it is now, with the score that it had; None where it is lost.

        Raises:
            ModelError: A network is missing or damaged.
        """
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


def wanted_scale(
    width: int, height: int, min_face_size: int, detectable: float, max_side: int
) -> float:
    """Scale at which an image is to be searched.

    Args:
        width: Width of the image in pixels, > 0.
        height: Height of the image in pixels, > 0.
        min_face_size: Smallest wanted face in pixels of the image.
        detectable: Smallest face that the network finds, in pixels of its input.
        max_side: Bound of the longer side of the scaled image; `NO_BOUND` enlarges none beyond
            `STREAM_MAX_SIDE`, where nothing is gained.
    """
    longest = max(width, height)
    bound = max_side if max_side != NO_BOUND else max(longest, STREAM_MAX_SIDE)
    return min(detectable / max(min_face_size, 1), max(bound, _SMALLEST_BOUND) / longest)
