"""A model on the labels of FER+: by the answer that the votes taught, where it has one."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from emotion_perception.labels import FER2013, FERPLUS
from training.dataset import ferplus
from training.dataset.data import Split
from training.scoring import metrics, predict


def temperature(logits: metrics.Floats, votes: NDArray[np.int64]) -> float:
    """Temperature with the least NLL on the pictures whose majority is one of the seven classes.

    Args:
        logits: float64 `[n, 7]`.
        votes: int64 `[n, 10]`, the votes of the same pictures.

    Returns:
        Divisor of the logits, above 0; 1 where no picture has such a majority.
    """
    rows, labels = ferplus.labelled(votes)
    return metrics.fit_temperature(logits[rows], labels) if len(rows) else 1.0


def score(
    logits: metrics.Floats, votes: NDArray[np.int64], divisor: float, *, taught: bool
) -> ferplus.FerPlusScores:
    """Scores logits on the FER+ labels, with their calibration.

    Args:
        logits: float64 `[n, 7]`.
        votes: int64 `[n, 10]`, the votes of the same pictures.
        divisor: Temperature, fitted on PublicTest.
        taught: Whether the votes taught this answer.
    """
    rows, labels = ferplus.labelled(votes)
    found = ferplus.score(logits.argmax(axis=1), votes)
    ece = metrics.reliability(logits[rows], labels, divisor).ece if len(rows) else None
    return dataclasses.replace(found, taught=taught, temperature=divisor, ece=ece)


class Voted:
    """Scores one model split by split; the first one, PublicTest, fits the temperature.

    Args:
        votes: All votes, int64 `[rows, 10]`.
    """

    def __init__(self, votes: NDArray[np.int64]) -> None:
        self._votes = votes
        self._temperature: float | None = None

    def score(self, split: Split, answers: predict.Answers) -> ferplus.FerPlusScores:
        """Scores what a model answered on a split, by its usual answer where it has no other."""
        votes, logits = self._votes[split.rows], answers[FER2013]
        if FERPLUS not in answers:
            return score(logits, votes, self._fitted(logits, votes), taught=False)
        voted = answers[FERPLUS]
        crossed = ferplus.Crossed(
            usual=ferplus.score(logits.argmax(axis=1), votes).accuracy,
            original=metrics.accuracy(voted, split.labels),
        )
        found = score(voted, votes, self._fitted(voted, votes), taught=True)
        return dataclasses.replace(found, crossed=crossed)

    def _fitted(self, logits: predict.Logits, votes: NDArray[np.int64]) -> float:
        if self._temperature is None:
            self._temperature = temperature(logits, votes)
        return self._temperature
