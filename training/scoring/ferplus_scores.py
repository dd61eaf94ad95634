"""A model on the labels of FER+: by the last layer that the votes taught, where it has one."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from emotion_perception.labels import FER2013, FERPLUS
from training.dataset import ferplus
from training.dataset.data import Split
from training.dataset.ferplus import CLASSES, COLUMNS
from training.scoring import metrics, predict
from training.scoring.metrics import Ints, Share

_CONTEMPT = COLUMNS.index('contempt')


@dataclass(frozen=True)
class CrossScores:
    """Each of two last layers on the labels of the other.

    Attributes:
        usual: The usual predictions on the FER+ labels, contempt counted as wrong.
        original: The predictions that the votes taught on the original labels.
    """

    usual: Share
    original: Share


@dataclass(frozen=True)
class FerPlusScores:
    """Accuracy on FER+ labels, by the FER+ code's `majority` protocol.

    Attributes:
        hits: int64 `[8]`, right predictions by class of `CLASSES`.
        support: int64 `[8]`, rows by class.
        unclear: Rows dropped because no class has more than half of the votes.
        unknown: Rows dropped because the majority says unknown.
        no_face: Rows dropped because the majority says NF, not a face.
        taught: Whether the votes taught the last layer that is scored.
        temperature: Divisor of its logits, fitted on PublicTest.
        ece: Calibration error after it on the rows of the seven classes, 0..1; None if unknown.
        crossed: What a wrong choice between two last layers costs; None with one.
    """

    hits: Ints
    support: Ints
    unclear: int
    unknown: int
    no_face: int
    taught: bool = False
    temperature: float = 1.0
    ece: float | None = None
    crossed: CrossScores | None = None

    @property
    def accuracy(self) -> Share:
        """On all eight classes; a network without contempt gets its rows wrong."""
        return Share(int(self.hits.sum()), int(self.support.sum()))

    @property
    def without_contempt(self) -> Share:
        """On the seven classes that FER-2013 has too."""
        return Share(int(self.hits.sum()), int(self.support.sum()) - self.contempt)

    @property
    def contempt(self) -> int:
        """Rows labelled contempt."""
        return int(self.support[_CONTEMPT])


def count_hits(predictions: Ints, votes: NDArray[np.int64]) -> FerPlusScores:
    """Scores predictions of the seven classes on the FER+ labels.

    Args:
        predictions: int64 `[n]`, 0..6 in FER-2013 order.
        votes: int64 `[n, 10]`, the votes of the same images.
    """
    labels = ferplus.majority(votes)
    called = np.asarray(ferplus.FER2013_COLUMNS)[predictions]
    kept = (labels >= 0) & (labels < len(CLASSES))
    right = kept & (called == labels)
    return FerPlusScores(
        hits=np.bincount(labels[right], minlength=len(CLASSES)),
        support=np.bincount(labels[kept], minlength=len(CLASSES)),
        unclear=int((labels == ferplus.NO_MAJORITY).sum()),
        unknown=int((labels == COLUMNS.index('unknown')).sum()),
        no_face=int((labels == COLUMNS.index('NF')).sum()),
    )


def fit_temperature(logits: metrics.Floats, votes: NDArray[np.int64]) -> float:
    """Temperature with the least NLL on the images whose majority is one of the seven classes.

    Args:
        logits: float64 `[n, 7]`.
        votes: int64 `[n, 10]`, the votes of the same images.

    Returns:
        Divisor of the logits, above 0; 1 where no image has such a majority.
    """
    rows, labels = ferplus.labelled(votes)
    return metrics.fit_temperature(logits[rows], labels) if len(rows) else 1.0


def score(
    logits: metrics.Floats, votes: NDArray[np.int64], temperature: float, *, taught: bool
) -> FerPlusScores:
    """Scores logits on the FER+ labels, with their calibration.

    Args:
        logits: float64 `[n, 7]`.
        votes: int64 `[n, 10]`, the votes of the same images.
        temperature: Divisor of the logits, fitted on PublicTest.
        taught: Whether the votes taught the last layer that gave them.
    """
    rows, labels = ferplus.labelled(votes)
    found = count_hits(logits.argmax(axis=1), votes)
    ece = metrics.reliability(logits[rows], labels, temperature).ece if len(rows) else None
    return dataclasses.replace(found, taught=taught, temperature=temperature, ece=ece)


class FerPlusScorer:
    """Scores one model split by split; the first one, PublicTest, fits the temperature.

    Args:
        votes: All votes, int64 `[rows, 10]`.
    """

    def __init__(self, votes: NDArray[np.int64]) -> None:
        self._votes = votes
        self._temperature: float | None = None

    def score(self, split: Split, logits: predict.LogitsByLabelSet) -> FerPlusScores:
        """Scores the logits of a split: those that the votes taught, else the usual ones."""
        votes, usual = self._votes[split.rows], logits[FER2013]
        if FERPLUS not in logits:
            return score(usual, votes, self._fitted(usual, votes), taught=False)
        own = logits[FERPLUS]
        crossed = CrossScores(
            usual=count_hits(usual.argmax(axis=1), votes).accuracy,
            original=metrics.accuracy(own, split.labels),
        )
        found = score(own, votes, self._fitted(own, votes), taught=True)
        return dataclasses.replace(found, crossed=crossed)

    def _fitted(self, logits: predict.Logits, votes: NDArray[np.int64]) -> float:
        if self._temperature is None:
            self._temperature = fit_temperature(logits, votes)
        return self._temperature
