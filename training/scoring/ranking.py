"""What the order of the probabilities is worth: ROC curves, their areas, and the reject curve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from training.scoring.metrics import Floats, Ints

Mask = NDArray[np.bool_]


def auc(scores: Floats, positive: Mask) -> float:
    """Area under the ROC curve: how often a positive scores above a negative, ties as halves.

    The Mann-Whitney statistic from midranks (Hanley and McNeil, Radiology 1982).

    Args:
        scores: float64 `[n]`, larger for more likely positives.
        positive: bool `[n]`.

    Returns:
        0..1; NaN without a positive or without a negative.
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return math.nan
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    midranks = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = float(midranks[inverse][positive].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def class_aucs(probabilities: Floats, labels: Ints) -> tuple[float, ...]:
    """One-vs-rest AUC of every class, in FER-2013 order.

    Args:
        probabilities: float64 `[n, k]`.
        labels: int64 `[n]`.
    """
    return tuple(auc(column, labels == index) for index, column in enumerate(probabilities.T))


def mean_auc(areas: tuple[float, ...]) -> float:
    """Unweighted mean over the classes that have an AUC; NaN where none has."""
    known = [area for area in areas if not math.isnan(area)]
    return sum(known) / len(known) if known else math.nan


def roc(scores: Floats, positive: Mask) -> tuple[Floats, Floats]:
    """Corners of the ROC curve, from (0, 0) to (1, 1), one for each different score.

    Returns:
        False and true positive rates, float64 `[m]` each.
    """
    order = np.argsort(-scores, kind='stable')
    ends = _tie_ends(scores[order])
    right = np.cumsum(positive[order])[ends]
    wrong = ends + 1 - right
    negatives = len(positive) - int(positive.sum())
    true_rate = right / max(int(positive.sum()), 1)
    return np.append(0.0, wrong / max(negatives, 1)), np.append(0.0, true_rate)


class RejectPoint(NamedTuple):
    """One point of a reject curve.

    Attributes:
        coverage: Share of the images that are counted, 0..1.
        accuracy: Accuracy on these, 0..1.
        threshold: Least confidence among them, 0..1.
    """

    coverage: float
    accuracy: float
    threshold: float


@dataclass(frozen=True)
class RejectCurve:
    """Accuracy on the most confident part of the images, against the size of that part.

    Attributes:
        coverage: float64 `[m]`, rising to 1.
        accuracy: float64 `[m]`.
        threshold: float64 `[m]`, falling.
    """

    coverage: Floats
    accuracy: Floats
    threshold: Floats

    def at(self, coverage: float) -> RejectPoint:
        """The point with the smallest coverage that is not below the wanted one."""
        # A share such as 0.7 may be stored a little above the point that it names.
        index = int(np.searchsorted(self.coverage, coverage - 1e-9))
        return RejectPoint(
            *(float(values[index]) for values in (self.coverage, self.accuracy, self.threshold))
        )


def reject_curve(confidence: Floats, right: Mask) -> RejectCurve:
    """Counts only the most confident images; equally confident ones come together.

    Args:
        confidence: float64 `[n]`, top probability, n > 0.
        right: bool `[n]`, whether the prediction is the label.
    """
    order = np.argsort(-confidence, kind='stable')
    ends = _tie_ends(confidence[order])
    counted = ends + 1
    hits = np.cumsum(right[order])[ends]
    return RejectCurve(counted / len(right), hits / counted, confidence[order][ends])


def _tie_ends(falling: Floats) -> Ints:
    """Index of the last of each run of equal values."""
    return np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)
