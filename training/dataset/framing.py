"""Measures where FER-2013 images hold the face, so that the runtime can cut faces out alike.

The runtime's own detectors look at enlarged images of the Training split. Medians, because a
detector that errs on a few blurred images must not move the numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from emotion_perception.detection import FaceDetector, create_detector
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.inference.framing import BoxFraming, Framing
from emotion_perception.inference.manifest import read_manifest, write_manifest
from emotion_perception.types import Detection
from training.dataset import data
from training.errors import TrainingError

DETECTORS = ('centerface', 'haar')
# Detectors want more than 48 pixels, and a face that the image's edge does not cut.
ENLARGEMENT = 4
BORDER = 12
SCORE_THRESHOLD = 0.5
# A smaller face in an image is not the one that the image is about.
MIN_FACE_SHARE = 0.4
# Smaller than that share: a detector asked for large faces only would look less closely.
SEARCHED_FACE = 32
MIN_FACES = 20

Images = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measurement:
    """Framing as measured, and how far single images lie from it.

    Attributes:
        framing: Median landmarks and boxes, mirrored halves averaged.
        landmark_spread: float64 `[5, 2]`, standard deviation of x and y in units of the side.
        box_spread: By detector: standard deviation of centre x, centre y and size.
        share: By detector: part of the images in which it found exactly one face, 0..1.
        images: Number of images looked at.
    """

    framing: Framing
    landmark_spread: Floats
    box_spread: dict[str, tuple[float, float, float]]
    share: dict[str, float]
    images: int


def measure_framing(images: Images, detectors: Sequence[FaceDetector]) -> Measurement:
    """Runs the detectors over images and takes the medians of what they find.

    Args:
        images: uint8 `[n, 48, 48]`, grey.
        detectors: The first one must give landmarks.

    Raises:
        TrainingError: A detector found too few faces for a measurement.
    """
    found = {detector.name: _detect_all(detector, images) for detector in detectors}
    for name, detections in found.items():
        if len(detections) < MIN_FACES:
            raise TrainingError(
                f'{name} found a face in only {len(detections)} of {len(images)} '
                f'images; give --limit more of them (at least {MIN_FACES} faces)'
            )
    points = np.array([d.landmarks for d in found[detectors[0].name]], np.float64)
    boxes = {name: _box_numbers(detections) for name, detections in found.items()}
    landmarks = mirror_average(np.median(points, axis=0))
    framing = Framing(
        tuple((round(float(x), 4), round(float(y), 4)) for x, y in landmarks),
        {name: _box_framing(numbers) for name, numbers in boxes.items()},
    )
    return Measurement(
        framing,
        points.std(axis=0),
        {name: tuple(numbers.std(axis=0)) for name, numbers in boxes.items()},
        {name: len(found[name]) / len(images) for name in found},
        len(images),
    )


def mirror_average(landmarks: Floats) -> Floats:
    """Averages five landmarks `[5, 2]` in the unit square with their mirror image.

    Training mirrors its images at random, so that a canonical face is symmetric.
    """
    mirrored = landmarks[[1, 0, 2, 4, 3]] * (-1, 1) + (1, 0)
    return (landmarks + mirrored) / 2


def sample_evenly(labels: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """Indices of at most `limit` images, the same number of each class while they last."""
    chosen: list[NDArray[np.int64]] = []
    classes = sorted(np.unique(labels), key=lambda label: int((labels == label).sum()))
    for position, label in enumerate(classes):
        indices = np.flatnonzero(labels == label)
        left = limit - sum(map(len, chosen))
        count = min(left // (len(classes) - position), len(indices))
        chosen.append(indices[np.linspace(0, len(indices), count, endpoint=False).astype(np.int64)])
    return np.sort(np.concatenate(chosen))


def _detect_all(detector: FaceDetector, images: Images) -> list[Detection]:
    results = (
        _detect_one(detector, image) for image in tqdm(images, desc=detector.name, unit=' images')
    )
    return [detection for detection in results if detection is not None]


def _detect_one(detector: FaceDetector, image: Images) -> Detection | None:
    """The only face of an image, in units of its side; None when there is not exactly one."""
    side = image.shape[0] * ENLARGEMENT
    border = BORDER * ENLARGEMENT
    large = cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC)
    framed = _add_border(np.asarray(large, np.uint8), border)
    searched = np.asarray(cv2.cvtColor(framed, cv2.COLOR_GRAY2BGR), np.uint8)
    faces = [
        _to_unit(face, side, border)
        for face in detector.detect(searched, SCORE_THRESHOLD, SEARCHED_FACE)
    ]
    faces = [face for face in faces if max(face.box.width, face.box.height) >= MIN_FACE_SHARE]
    return faces[0] if len(faces) == 1 else None


def _add_border(image: Images, border: int) -> Images:
    # One grey: faces are found in 95 % of the images, with a repeated edge, whose streaks hang
    # from the face, in 80 %; the median landmarks agree within 0.01.
    grey = float(image.mean())
    framed = cv2.copyMakeBorder(
        image, border, border, border, border, cv2.BORDER_CONSTANT, value=grey
    )
    return np.asarray(framed, np.uint8)


def _to_unit(face: Detection, side: int, border: int) -> Detection:
    box = replace(
        face.box,
        x=(face.box.x - border) / side,
        y=(face.box.y - border) / side,
        width=face.box.width / side,
        height=face.box.height / side,
    )
    points = face.landmarks
    return Detection(
        box, face.score, None if points is None else (points - border) / np.float32(side)
    )


def _box_numbers(detections: Sequence[Detection]) -> Floats:
    """One row of centre x, centre y and size for each face."""
    return np.array([(*d.box.center, (d.box.width + d.box.height) / 2) for d in detections])


def _box_framing(numbers: Floats) -> BoxFraming:
    _, center_y, size = np.median(numbers, axis=0)
    # The horizontal centre is that of the mirrored image too.
    return BoxFraming(0.5, round(float(center_y), 4), round(float(size), 4))


def update_manifest(path: Path, framing: Framing) -> None:
    """Writes a framing into a model's manifest.

    Raises:
        EmotionPerceptionError: The manifest cannot be read.
    """
    write_manifest(replace(read_manifest(path), framing=framing), path)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds this command's options, apart from `--data` and `--cache`, which all commands share."""
    parser.add_argument(
        '--limit',
        type=int,
        default=3000,
        help='number of Training images to look at (default: %(default)s)',
    )
    parser.add_argument(
        '--manifest',
        type=Path,
        help='model manifest to write the numbers into, such as models/emotion_alexnet.json',
    )


def run(options: argparse.Namespace) -> None:
    """Measures the framing, prints it, and stores it when a manifest is given.

    Args:
        options: `data`, `cache`, `limit` and `manifest`.

    Raises:
        TrainingError: The data, a detector or the manifest cannot be used.
    """
    split = data.load(options.data, options.cache)['Training']
    images = split.images[sample_evenly(split.labels, options.limit)]
    try:
        detectors = [create_detector(name) for name in DETECTORS]
        measurement = measure_framing(images, detectors)
        if options.manifest is not None:
            update_manifest(options.manifest, measurement.framing)
    except EmotionPerceptionError as error:
        raise TrainingError(str(error)) from error
    print(report(measurement))


def report(measurement: Measurement) -> str:
    """The numbers as lines of text, each with its standard deviation over the images."""
    names = ('left eye', 'right eye', 'nose', 'left mouth corner', 'right mouth corner')
    lines = [f'{measurement.images} images; units of the side, standard deviation after ±']
    for name, (x, y), (dx, dy) in zip(
        names, measurement.framing.landmarks, measurement.landmark_spread, strict=True
    ):
        lines.append(f'{name:20} x {x:.3f} ± {dx:.3f}   y {y:.3f} ± {dy:.3f}')
    lines += _box_lines(measurement.framing.boxes, measurement)
    return '\n'.join(lines)


def _box_lines(boxes: Mapping[str, BoxFraming], measurement: Measurement) -> list[str]:
    lines = []
    for name, box in boxes.items():
        dx, dy, dsize = measurement.box_spread[name]
        lines.append(
            f'{name + " box":20} x {box.center_x:.3f} ± {dx:.3f}   '
            f'y {box.center_y:.3f} ± {dy:.3f}   size {box.size:.3f} ± {dsize:.3f}   '
            f'found in {measurement.share[name]:.1%}'
        )
    return lines
