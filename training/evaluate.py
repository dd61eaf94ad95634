"""Scores a model on PublicTest, and on PrivateTest when the reading is asked for and logged."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from emotion_perception.labels import EMOTION_NAMES, NUM_EMOTIONS
from emotion_perception.manifest import manifest_path_for, sha256_of

from . import metrics, predict, report
from .data import Dataset, Split, has_twin
from .errors import TrainingError

READINGS = 'private_test_readings.jsonl'


@dataclass(frozen=True)
class SplitScores:
    """Everything measured on one split.

    Attributes:
        split: Name of the split.
        accuracy: On all rows.
        twin_free: On the rows without an identical picture in Training.
        nll: Loss in nats, uncalibrated.
        calibrated_nll: The same after the temperature.
        temperature: Divisor of the logits, fitted on PublicTest.
        before: Reliability of the plain softmax.
        after: Reliability after the temperature.
        confusion: int64 `[7, 7]`, rows are true labels.
    """

    split: str
    accuracy: metrics.Share
    twin_free: metrics.Share
    nll: float
    calibrated_nll: float
    temperature: float
    before: metrics.Reliability
    after: metrics.Reliability
    confusion: metrics.Ints

    @property
    def classes(self) -> list[metrics.ClassScore]:
        """Precision, recall, F1 and support in FER-2013 order."""
        return metrics.class_scores(self.confusion)

    def document(self) -> dict[str, Any]:
        """The scores as plain JSON values."""
        return {
            'accuracy': share_document(self.accuracy),
            'twin_free_accuracy': share_document(self.twin_free),
            'macro_f1': round(metrics.macro_f1(self.classes), 4),
            'nll': round(self.nll, 4),
            'ece': round(self.before.ece, 4),
            'temperature': round(self.temperature, 4),
            'calibrated_nll': round(self.calibrated_nll, 4),
            'calibrated_ece': round(self.after.ece, 4),
            'classes': {
                name: {key: round(value, 4) for key, value in dataclasses.asdict(score).items()}
                for name, score in zip(EMOTION_NAMES, self.classes, strict=True)
            },
            'confusion': self.confusion.tolist(),
        }


def share_document(share: metrics.Share) -> dict[str, Any]:
    """A share as plain JSON values."""
    return {
        'value': round(share.value, 4),
        'n': share.count,
        'interval95': [round(bound, 4) for bound in share.interval],
    }


def score(split: Split, training: Split, logits: predict.Logits, temperature: float) -> SplitScores:
    """Computes all scores of one split from its logits.

    Args:
        split: The rows that were classified.
        training: Training split, to find twins in.
        logits: float64 `[n, 7]`.
        temperature: Fitted on PublicTest.
    """
    alone = ~has_twin(split.images, training.images)
    return SplitScores(
        split=split.name,
        accuracy=metrics.accuracy(logits, split.labels),
        twin_free=metrics.accuracy(logits[alone], split.labels[alone]),
        nll=metrics.nll(logits, split.labels),
        calibrated_nll=metrics.nll(logits, split.labels, temperature),
        temperature=temperature,
        before=metrics.reliability(logits, split.labels),
        after=metrics.reliability(logits, split.labels, temperature),
        confusion=metrics.confusion(logits.argmax(axis=1), split.labels, NUM_EMOTIONS),
    )


def evaluate(
    model: Path, dataset: Dataset, out: Path, *, final: bool = False, threads: int | None = None
) -> list[SplitScores]:
    """Scores a model and writes `report.md`, `scores.json` and the pictures.

    Args:
        model: A `.ckpt` of a run folder or an `.onnx` with its manifest.
        dataset: Read data.
        out: Folder for the report.
        final: Also read PrivateTest; the reading is logged beside the model, because each further
            reading makes the figure a little less of a test.
        threads: CPU threads.

    Raises:
        TrainingError: The model or what belongs to it is missing or damaged.
    """
    run, spec, manifest = predict.open_model(model, threads)
    names = ['PublicTest', 'PrivateTest'] if final else ['PublicTest']
    results: list[SplitScores] = []
    temperature = 1.0
    for name in names:
        split = dataset[name]
        if not len(split):
            raise TrainingError(f'the data set at {dataset.source} has no {name} rows')
        logits = predict.logits(run, split.images, spec, name)
        if name == 'PublicTest':
            temperature = metrics.fit_temperature(logits, split.labels)
        results.append(score(split, dataset['Training'], logits, temperature))
    report.write(out, model, results)
    if final:
        _log_reading(model, results[-1])
    if final and manifest is not None:
        _keep_in_manifest(model, results[-1])
    return results


def _log_reading(model: Path, result: SplitScores) -> None:
    reading = {
        'time': datetime.now(timezone.utc).isoformat(timespec='seconds'),
        'model': model.name,
        'sha256': sha256_of(model),
        'split': result.split,
        'accuracy': share_document(result.accuracy),
        'twin_free_accuracy': share_document(result.twin_free),
    }
    with (model.parent / READINGS).open('a', encoding='utf-8') as log:
        log.write(json.dumps(reading) + '\n')


def _keep_in_manifest(model: Path, result: SplitScores) -> None:
    """Adds the reading to the scores of the model's manifest and leaves all else as it is."""
    path = manifest_path_for(model)
    document = json.loads(path.read_text(encoding='utf-8'))
    kept = result.document()
    del kept['confusion']
    document['scores'][result.split] = kept
    path.write_text(json.dumps(document, indent=2) + '\n', encoding='utf-8')
