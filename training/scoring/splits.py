"""A model on PublicTest, which fits the temperature, and on PrivateTest if that is to be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotion_perception.labels import FER2013, NUM_EMOTIONS
from training.dataset.data import Dataset
from training.errors import TrainingError
from training.scoring import metrics, predict
from training.scoring.ferplus_scores import FerPlusScorer
from training.scoring.scores import SplitReport, score


def splits_to_score(dataset: Dataset, final: bool) -> list[str]:
    """PublicTest, and PrivateTest behind it for a final reading.

    Raises:
        TrainingError: One of them has no rows.
    """
    names = ['PublicTest', 'PrivateTest'] if final else ['PublicTest']
    for name in names:
        if not len(dataset[name]):
            raise TrainingError(f'the data set at {dataset.source} has no {name} rows')
    return names


def score_splits(
    path: Path,
    model: predict.Opened,
    dataset: Dataset,
    names: list[str],
    votes: NDArray[np.int64] | None = None,
    what: str = '',
) -> Iterator[SplitReport]:
    """Scores a model split by split, each when it is asked for.

    Args:
        path: Its file, for messages.
        model: The model.
        dataset: Read data.
        names: From `splits_to_score`.
        votes: All votes of FER+, int64 `[rows, 10]`, to score on their labels too.
        what: Label of the progress bars, before the name of the split.

    Raises:
        TrainingError: The model predicts other classes.
    """
    ferplus = None if votes is None else FerPlusScorer(votes)
    temperature: float | None = None
    for split in (dataset[name] for name in names):
        by_label_set = predict.predict_logits(
            model.run, split.images, model.spec, f'{what}{split.name}'
        )
        logits = by_label_set[FER2013]
        if logits.shape[1] != NUM_EMOTIONS:
            raise TrainingError(
                f'{path} predicts {logits.shape[1]} classes, FER-2013 has {NUM_EMOTIONS}: '
                'it is not a model of this package'
            )
        if temperature is None:
            temperature = metrics.fit_temperature(logits, split.labels)
        scores = score(split, dataset['Training'], logits, temperature)
        found = None if ferplus is None else ferplus.score(split, by_label_set)
        yield SplitReport(split, logits, scores, found)
