"""A file of a teacher's predictions for Training: what stays when its checkpoint is gone."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotion_perception.labels import FER2013, NUM_EMOTIONS, TAUGHT_LABELS
from training.dataset.data import Dataset, Split
from training.errors import TrainingError
from training.writing import write_bytes

SUFFIX = '.npz'
_FACTS = 'facts'
_FINGERPRINT = 'pictures_sha256'
# exp(-16) of a probability: less teaches nothing, and float16 would round it coarsely.
_LEAST = 1e-7
_CHUNK = 4096

Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Predictions:
    """What one teacher predicts.

    Attributes:
        logs: float16 `[n, 7]` by label set, one row for each Training image in the data set's
            order: natural logarithms of the probabilities. FER2013 is always there.
        facts: The teacher and the images, as `record.record` writes them down.
    """

    logs: dict[str, NDArray[np.float16]]
    facts: dict[str, Any]


@dataclass(frozen=True)
class TeacherTargets:
    """The mean prediction of several files, for the images of a run.

    Attributes:
        labels: The label sets that all files have predictions in.
        probabilities: float32 `[n, 7 * len(labels)]`, side by side in the order of `labels`.
    """

    labels: tuple[str, ...]
    probabilities: NDArray[np.float32]


def fingerprint(split: Split) -> str:
    """Sha256 of all pixels of a split, in its order."""
    digest = hashlib.sha256()
    for start in range(0, len(split), _CHUNK):
        digest.update(split.images[start : start + _CHUNK].tobytes())
    return digest.hexdigest()


def logarithms(probabilities: Probabilities) -> NDArray[np.float16]:
    """float64 `[n, 7]` in 0..1 to their logarithms, half as long as float32 and as good here."""
    logs: NDArray[np.float16] = np.log(probabilities.clip(_LEAST)).astype(np.float16)
    return logs


def write(path: Path, predictions: Predictions, split: Split) -> None:
    """Writes a file of predictions.

    Args:
        path: Where to; its folder is made.
        predictions: One row for each image of `split`.
        split: The images, for the fingerprint.
    """
    facts = {**predictions.facts, _FINGERPRINT: fingerprint(split)}
    arrays: dict[str, Any] = {**predictions.logs, _FACTS: np.array(json.dumps(facts))}
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    write_bytes(path, content.getbuffer())


def read(path: Path) -> Predictions:
    """Reads a file of predictions; nothing in it is run.

    Raises:
        TrainingError: It is missing, damaged or another kind of file.
    """
    try:
        with np.load(path, allow_pickle=False) as content:
            facts = json.loads(str(content[_FACTS]))
            logs = {name: content[name] for name in TAUGHT_LABELS if name in content.files}
    except OSError as error:
        raise TrainingError(
            f'the predictions {path} cannot be read: {error.strerror or "no such file format"}'
        ) from error
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise TrainingError(f'{path} is damaged or no file of `teach`') from error
    if FER2013 not in logs or not isinstance(facts, dict) or not _sound(logs):
        raise TrainingError(f'{path} is damaged or no file of `teach`')
    return Predictions(logs, facts)


def _sound(logs: dict[str, NDArray[Any]]) -> bool:
    shapes = {values.shape for values in logs.values()}
    return (
        len(shapes) == 1
        and all(shape[1:] == (NUM_EMOTIONS,) for shape in shapes)
        and all(values.dtype == np.float16 for values in logs.values())
        and all(bool(np.isfinite(values).all()) for values in logs.values())
    )


def for_split(
    paths: Sequence[Path], dataset: Dataset, split: Split, temperature: float
) -> TeacherTargets:
    """The mean prediction of several files for the images that a run trains on.

    Args:
        paths: Files of `teach`.
        dataset: The data set of the run.
        split: Some or all of its Training images, in any order.
        temperature: Softens the probabilities.

    Raises:
        TrainingError: A file is unusable, or of another data set.
    """
    whole = dataset['Training']
    wanted = fingerprint(whole)
    files = [_of_data(path, wanted, dataset) for path in paths]
    places = {row: place for place, row in enumerate(whole.rows.tolist())}
    chosen = [places[row] for row in split.rows.tolist()]
    labels = tuple(name for name in TAUGHT_LABELS if all(name in file.logs for file in files))
    means = [
        np.mean([_softened(file.logs[name][chosen], temperature) for file in files], axis=0)
        for name in labels
    ]
    return TeacherTargets(labels, np.hstack(means).astype(np.float32))


def beside(
    own: NDArray[np.float32] | None, split: Split, teachers: TeacherTargets | None
) -> NDArray[np.float32] | None:
    """Puts teachers' predictions beside the targets of a run, so that mixup blends them alike.

    Args:
        own: Targets of the run, float32 `[n, 7 or 14]`, or None for the labels of `split`.
        split: The images.
        teachers: Predictions for the same images, or None.

    Returns:
        float32 `[n, 7 or 14, and 7 for each label set of the teachers]`; `own` without teachers.
    """
    if teachers is None:
        return own
    if own is None:
        own = np.eye(NUM_EMOTIONS, dtype=np.float32)[split.labels]
    return np.hstack([own, teachers.probabilities])


def _of_data(path: Path, wanted: str, dataset: Dataset) -> Predictions:
    predictions = read(path)
    if predictions.facts.get(_FINGERPRINT) != wanted:
        raise TrainingError(
            f'distill.answers: {path} is for the Training images of another data set than '
            f'{dataset.source}: make it anew with `python -m training teach`'
        )
    return predictions


def _softened(logs: NDArray[np.float16], temperature: float) -> Probabilities:
    powers = np.exp(logs.astype(np.float64) / temperature)
    softened: Probabilities = powers / powers.sum(axis=1, keepdims=True)
    return softened
