"""Labelled images of people outside FER-2013, read by the runtime's pipeline, by group."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotion_perception.api import analyse_still
from emotion_perception.detection import FaceDetector, create_detector
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.labels import EMOTION_NAMES, FER2013
from emotion_perception.networks import Networks
from emotion_perception.pipeline import PipelineSettings
from emotion_perception.sources.image_files import read_image_file
from training.console import progress
from training.errors import TrainingError
from training.scoring.metrics import Floats, Ints, Share
from training.scoring.runtime import DETECTOR, opening
from training.scoring.scenes import NO_FACE

LABEL_FILE = 'labels.csv'
FILE, LABEL = 'file', 'label'


@dataclass(frozen=True)
class Portraits:
    """A folder of images that show one person each.

    Attributes:
        folder: Where they lie.
        files: Their names.
        labels: int64 `[n]`, 0..6 in FER-2013 order.
        groups: The group of each person, n texts by name of the column.
    """

    folder: Path
    files: tuple[str, ...]
    labels: Ints
    groups: Mapping[str, tuple[str, ...]]

    def __len__(self) -> int:
        return len(self.files)


@dataclass(frozen=True)
class PortraitScores:
    """What the pipeline reads in portraits, by one set of labels.

    Attributes:
        portraits: The images.
        label_set: Whose labels are predicted.
        predictions: int64 `[n]`, the class of the largest face; `NO_FACE` where none was found.
    """

    portraits: Portraits
    label_set: str
    predictions: Ints

    def found(self, rows: NDArray[np.bool_]) -> Share:
        """Share of some of the images in which a face was found."""
        return Share(int((self.predictions[rows] != NO_FACE).sum()), int(rows.sum()))

    def right(self, rows: NDArray[np.bool_]) -> Share:
        """Share of some of the images that were read as labelled; one without a face was not."""
        hits = self.predictions == self.portraits.labels
        return Share(int(hits[rows].sum()), int(rows.sum()))

    def recalls(self, rows: NDArray[np.bool_]) -> dict[str, Share]:
        """`right` by name of the label, for every label that the folder has."""
        return {
            EMOTION_NAMES[label]: self.right(rows & (self.portraits.labels == label))
            for label in np.unique(self.portraits.labels)
        }

    def masks(self) -> dict[tuple[str, str], NDArray[np.bool_]]:
        """Masks `[n]` by column and group: all images first, then each column's groups by name."""
        masks = {('', 'all'): np.ones(len(self.portraits), bool)}
        for column, members in self.portraits.groups.items():
            for group in sorted(set(members)):
                masks[column, group] = np.asarray(members) == group
        return masks

    def document(self) -> dict[str, Any]:
        """The scores as plain JSON values, shares as `[hits, count]`."""
        return {
            ': '.join(filter(None, key)): {
                'found': _pair(self.found(rows)),
                'right': _pair(self.right(rows)),
                **{name: _pair(share) for name, share in self.recalls(rows).items()},
            }
            for key, rows in self.masks().items()
        }


def _pair(share: Share) -> list[int]:
    return [share.hits, share.count]


def read_portraits(folder: Path, columns: Sequence[str] | None = None) -> Portraits:
    """Reads the label file of a folder.

    Args:
        folder: Holds `labels.csv` with the columns `file` and `label` (one of `EMOTION_NAMES`),
            and the images that it names.
        columns: The columns to group by; None for all others.

    Raises:
        TrainingError: The file or an image is missing, or a column or label is not as it should.
    """
    path = folder / LABEL_FILE
    try:
        with path.open(encoding='utf-8', newline='') as file:
            reader = csv.DictReader(file)
            rows, names = list(reader), tuple(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(
            f'{path} cannot be read ({error}): it lists the images, a header of '
            f'"{FILE},{LABEL}" and any columns to group by first'
        ) from error
    if columns is None:
        columns = [name for name in names if name not in (FILE, LABEL)]
    for name in (FILE, LABEL, *columns):
        if name not in names:
            raise TrainingError(f'{path} has no column "{name}" (it has: {", ".join(names)})')
    if not rows:
        raise TrainingError(f'{path} lists no images')
    return Portraits(
        folder,
        tuple(_existing(folder, row[FILE]) for row in rows),
        np.array([_class(row[LABEL], path) for row in rows], np.int64),
        {column: tuple(row[column] or '' for row in rows) for column in columns},
    )


def _existing(folder: Path, name: str | None) -> str:
    if not name or not (folder / name).is_file():
        raise TrainingError(f'{folder / LABEL_FILE} names an image "{name}" that is not there')
    return name


def _class(label: str | None, path: Path) -> int:
    if label not in EMOTION_NAMES:
        raise TrainingError(
            f'{path} has the label "{label}": use one of {", ".join(EMOTION_NAMES)}'
        )
    return EMOTION_NAMES.index(label)


@dataclass(frozen=True)
class Reader:
    """What the robot runs on still images.

    Attributes:
        detector: Finds the faces.
        classifiers: By their label set.
    """

    detector: FaceDetector
    classifiers: Mapping[str, EmotionClassifier]


def open_reader(model: Path, threads: int | None) -> Reader:
    """The detector, and a classifier for each set of labels that a model predicts.

    Raises:
        TrainingError: The model is no ONNX file, or it or the detector cannot be loaded.
    """
    with opening(model, '--portraits', threads) as providers:
        first = EmotionClassifier(model, providers, FER2013)
        others = [name for name in first.manifest.calibrations if name != first.label_set]
        classifiers = [first, *(EmotionClassifier(model, providers, name) for name in others)]
        detector = create_detector(DETECTOR, providers)
    return Reader(detector, {each.label_set: each for each in classifiers})


def logits(reader: Reader, portraits: Portraits) -> dict[str, Floats]:
    """What the network says of the largest face of every image.

    Args:
        reader: From `open_reader`.
        portraits: The images.

    Returns:
        float64 `[n, 7]` by label set, up to a constant per row; rows of NaN where no face is found.

    Raises:
        TrainingError: An image cannot be read.
    """
    files = progress(portraits.files, portraits.folder.name, 'images', len(portraits))
    rows = [_logits(reader, portraits.folder / name) for name in files]
    return {label_set: np.stack([row[label_set] for row in rows]) for label_set in rows[0]}


def _logits(reader: Reader, path: Path) -> dict[str, Floats]:
    try:
        image = read_image_file(path)
    except EmotionPerceptionError as error:
        raise TrainingError(str(error)) from error
    found: dict[str, Floats] = {}
    for label_set, classifier in reader.classifiers.items():
        faces = analyse_still(image, Networks(reader.detector, classifier), PipelineSettings())
        found[label_set] = np.full(len(EMOTION_NAMES), np.nan)
        if faces:  # the largest comes first
            temperature = classifier.manifest.calibrations[label_set].temperature
            probabilities = faces[0].probabilities.astype(np.float64).clip(1e-12)
            found[label_set] = np.log(probabilities) * temperature
    return found


def score(portraits: Portraits, label_set: str, scores: Floats) -> PortraitScores:
    """Scores what the network said.

    Args:
        portraits: The images.
        label_set: Name of the prediction.
        scores: float64 `[n, 7]` as from `logits`.
    """
    found = ~np.isnan(scores).any(axis=1)
    predictions = np.where(found, np.nan_to_num(scores).argmax(axis=1), NO_FACE)
    return PortraitScores(portraits, label_set, predictions)


def score_model(model: Path, portraits: Portraits, threads: int | None) -> list[PortraitScores]:
    """Scores every prediction of a model on portraits.

    Raises:
        TrainingError: As `open_reader` and `logits`.
    """
    said = logits(open_reader(model, threads), portraits)
    return [score(portraits, label_set, scores) for label_set, scores in said.items()]
