"""Crops of other packages' detectors, with whatever margin: are they read like the whole image?

`python -m benchmarks.face_crops FOLDER`: a folder of images, of each of which the largest face
counts. Prints the table of docs/ros4hri.md.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np

from emotion_perception import face_crops
from emotion_perception.detection import FaceDetector, create_detector
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.face_crops import FaceCropReader
from emotion_perception.files.resources import default_model_path
from emotion_perception.inference.alignment import align_faces, cropped_portrait
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.preprocessing import Float32Array
from emotion_perception.sources.image_files import read_image_file
from emotion_perception.types import BgrImage, Box, Detection

# Width and height of a crop in units of CenterFace's box.
_FACTORS = (0.7, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0)
# As REP-155 has it by default.
_SIDE = 128
_MIN_SCORE, _MIN_SIZE = 0.5, 24


class _Blind:
    """Finds no face again, so that every crop is read as it is."""

    name = 'blind'

    def detect_near(
        self, image: BgrImage, faces: Sequence[Box], score_threshold: float
    ) -> list[Detection | None]:
        """None for every face."""
        return [None] * len(faces)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table.

    Returns:
        Exit code: 1 where there is no face.
    """
    parser = argparse.ArgumentParser(description=(__doc__ or '').partition('\n')[0])
    parser.add_argument('folder', type=Path, help='images of faces, .jpg or .png')
    folder: Path = parser.parse_args(arguments).folder
    detector, classifier = create_detector('centerface'), EmotionClassifier(default_model_path())
    try:
        paths = sorted((*folder.glob('*.jpg'), *folder.glob('*.png')))
        found = [_largest(detector, read_image_file(path)) for path in paths]
    except EmotionPerceptionError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    faces = [item for item in found if item is not None]
    if not faces:
        print(f'error: {folder} has no images of faces.', file=sys.stderr)
        return 1
    _print_table(faces, detector, classifier)
    return 0


def _largest(detector: FaceDetector, image: BgrImage) -> tuple[BgrImage, Detection] | None:
    faces = detector.detect(image, _MIN_SCORE, _MIN_SIZE)
    return (image, max(faces, key=lambda face: face.box.area)) if faces else None


def _print_table(
    faces: Sequence[tuple[BgrImage, Detection]],
    detector: FaceDetector,
    classifier: EmotionClassifier,
) -> None:
    expected = np.concatenate([_whole(image, face, classifier) for image, face in faces])
    print(f'Faces: {len(faces)}, model: {classifier.manifest.name}\n')
    print('| crop | found again | same result, found again | same result, as it is |')
    print('| --- | --- | --- | --- |')
    for factor in _FACTORS:
        crops = [
            cropped_portrait(image, _scaled(face.box, factor), _SIDE, _SIDE)
            for image, face in faces
        ]
        bodies = [face_crops.without_bars(crop) for crop in crops]
        again = sum(one is not None for one in face_crops.find_faces(detector, bodies))
        cells = [
            _agreement(FaceCropReader(each, classifier).read(crops), expected)
            for each in (detector, cast(FaceDetector, _Blind()))
        ]
        print(f'| {factor:g} | {again / len(faces):.0%} | {cells[0]} | {cells[1]} |')


def _whole(image: BgrImage, face: Detection, classifier: EmotionClassifier) -> Float32Array:
    manifest = classifier.manifest
    size = manifest.preprocessing.face_size
    return classifier.classify(align_faces(image, [face], manifest.framing, size, 'centerface'))


def _scaled(box: Box, factor: float) -> Box:
    x, y = box.center
    width, height = box.width * factor, box.height * factor
    return Box(x - width / 2, y - height / 2, width, height)


def _agreement(rows: Float32Array, expected: Float32Array) -> str:
    """How often the strongest emotion is the same, and how far the probabilities are apart."""
    same = float(np.mean(rows.argmax(axis=1) == expected.argmax(axis=1)))
    apart = float(np.abs(rows - expected).sum(axis=1).mean()) / 2
    return f'{same:.0%} ({apart:.2f})'


if __name__ == '__main__':
    sys.exit(main())
