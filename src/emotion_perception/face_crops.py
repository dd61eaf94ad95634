"""Emotions of faces that another program has found and cut out.

How much it leaves around a face is its own choice, and the network expects every face framed as
FER-2013 frames it. So each face is looked for again within its image, which then matters little:
docs/ros4hri.md has the figures. Read without a second look, a crop of twice the face's size would
be classified as the whole image in one case of four.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from emotion_perception.detection.base import FaceDetector
from emotion_perception.detection.network_input import scaled
from emotion_perception.inference.alignment import Uint8Array, align_faces
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.preprocessing import Float32Array
from emotion_perception.types import BgrImage, Box, Detection

# Longer side of a crop where the face is looked for, in pixels, and of the square around it.
_SIDE: Final = 128
_CELL: Final = 192
# Part of a crop that the face is compared with: one that is a third as large as the crop still
# overlaps with it enough to be taken for the face looked for, and so does one that is cut off.
_EXPECTED: Final = 0.75
# Somebody has found a face here already, so less is asked than of a whole image: of FER-2013's
# PublicTest 7 % have less than 0.3 (18 % less than 0.5), and of 840 images of other things all.
_MIN_SCORE: Final = 0.3
# Frames a whole crop, the usual box of no detector in particular.
_ANY_DETECTOR: Final = ''


class FaceCropReader:
    """Reads images of single faces, several at once. For one thread at a time."""

    def __init__(self, detector: FaceDetector, classifier: EmotionClassifier) -> None:
        """Stores the networks.

        Args:
            detector: Finds the face again.
            classifier: Tells its emotion.
        """
        self._detector = detector
        self._classifier = classifier

    def read(self, crops: Sequence[BgrImage]) -> Float32Array:
        """Probabilities of the seven emotions for the face of every image.

        Where the face is not found again, its finder is believed and the image is read as it is.

        Args:
            crops: uint8 [height, width, 3], BGR, not empty, each of its own size; black bars about
                the face (REP-155's padding) are left out.

        Returns:
            float32 [N, 7], as `EmotionClassifier.classify`.
        """
        if not crops:
            return self._classifier.classify(np.empty((0, 1, 1), np.uint8))
        images = [without_bars(crop) for crop in crops]
        found = find_faces(self._detector, images)
        faces = [self._align(each, face) for each, face in zip(images, found, strict=True)]
        return self._classifier.classify(np.concatenate(faces))

    def _align(self, image: BgrImage, face: Detection | None) -> Uint8Array:
        manifest = self._classifier.manifest
        size = manifest.preprocessing.face_size
        name = self._detector.name
        if face is None:
            height, width = image.shape[:2]
            face, name = Detection(Box(0.0, 0.0, width, height), 1.0), _ANY_DETECTOR
        return align_faces(image, [face], manifest.framing, size, name)


def without_bars(crop: BgrImage) -> BgrImage:
    """The part of an image within rows and columns at its edges that are all black.

    Args:
        crop: uint8 [height, width, 3].

    Returns:
        A view; the whole image when it is black everywhere.
    """
    filled = crop.max(axis=2) > 0
    rows, columns = np.flatnonzero(filled.any(axis=1)), np.flatnonzero(filled.any(axis=0))
    if not rows.size:
        return crop
    return crop[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def find_faces(detector: FaceDetector, crops: Sequence[BgrImage]) -> list[Detection | None]:
    """Looks for the face of every image, in one batch where the detector can.

    Args:
        detector: Finds them.
        crops: uint8 [height, width, 3], BGR, not empty; at least one.

    Returns:
        For every image its face in pixels of that image, beyond which it may reach; None where
        there is none.
    """
    sheet = np.concatenate([_cell(crop) for crop in crops])
    sizes = [_size(crop) for crop in crops]
    middle = _CELL / 2
    places = [
        _centered(middle, row * _CELL + middle, width * _EXPECTED, height * _EXPECTED)
        for row, (width, height) in enumerate(sizes)
    ]
    found = detector.detect_near(sheet, places, _MIN_SCORE)
    return [
        None if face is None else _on_crop(face, row, crop)
        for row, (face, crop) in enumerate(zip(found, crops, strict=True))
    ]


def _centered(x: float, y: float, width: float, height: float) -> Box:
    return Box(x - width / 2, y - height / 2, width, height)


def _size(crop: BgrImage) -> tuple[int, int]:
    """Width and height of an image when it is brought to `_SIDE`."""
    height, width = crop.shape[:2]
    zoom = _SIDE / max(height, width)
    return max(round(width * zoom), 1), max(round(height * zoom), 1)


def _offset(size: tuple[int, int]) -> tuple[int, int]:
    """Column and row of a cell at which an image of a size begins."""
    return (_CELL - size[0]) // 2, (_CELL - size[1]) // 2


def _cell(crop: BgrImage) -> BgrImage:
    """A square with the image in its middle and black around it."""
    size = _size(crop)
    left, top = _offset(size)
    cell = np.zeros((_CELL, _CELL, 3), np.uint8)
    cell[top : top + size[1], left : left + size[0]] = scaled(crop, size)
    return cell


def _on_crop(face: Detection, row: int, crop: BgrImage) -> Detection:
    """From pixels of the sheet to pixels of one image."""
    size = _size(crop)
    origin = np.add(_offset(size), (0, row * _CELL))
    scale = np.divide(crop.shape[1::-1], size)
    x, y = ((face.box.x, face.box.y) - origin) * scale
    width, height = (face.box.width, face.box.height) * scale
    points = face.landmarks
    return Detection(
        Box(float(x), float(y), float(width), float(height)),
        face.score,
        None if points is None else ((points - origin) * scale).astype(np.float32),
    )
