"""What a confidence threshold would do: which faces it leaves without a name, and who gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.dataset import ferplus
from training.scoring import metrics
from training.scoring.metrics import Floats, Share

THRESHOLDS = (0.0, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7)


@dataclass(frozen=True)
class ThresholdPoint:
    """Predictions of which the less confident are called Uncertain, on the FER+ labels of a split.

    Attributes:
        threshold: Least confidence that is named, 0..1.
        named: Share of the images with a clear majority that are named.
        right: Share of these whose name is the majority's.
        recalls: Of each class the share that is named rightly, float64 `[7]` in FER-2013 order.
        disputed: Share of the images without a majority that are named all the same.
    """

    threshold: float
    named: Share
    right: Share
    recalls: Floats
    disputed: Share


def curve(
    logits: Floats, votes: NDArray[np.int64], thresholds: Sequence[float] = THRESHOLDS
) -> list[ThresholdPoint]:
    """Scores one threshold after the other.

    Args:
        logits: float64 `[n, 7]`, adjusted and divided by their temperature.
        votes: int64 `[n, 10]`, the votes of the same images.
        thresholds: To be tried.
    """
    rows, labels = ferplus.labelled(votes)
    disputed = confidence(logits[ferplus.majority(votes) == ferplus.NO_MAJORITY])
    clear = confidence(logits[rows])
    right = logits[rows].argmax(axis=1) == labels
    counts = np.bincount(labels, minlength=logits.shape[1])
    points = []
    for threshold in thresholds:
        named = clear >= threshold
        hits = np.bincount(labels[named & right], minlength=len(counts))
        with np.errstate(invalid='ignore'):  # a class without rows has no recall
            recalls = hits / counts
        points.append(
            ThresholdPoint(
                threshold,
                Share(int(named.sum()), len(rows)),
                Share(int(hits.sum()), int(named.sum())),
                recalls,
                Share(int((disputed >= threshold).sum()), len(disputed)),
            )
        )
    return points


def confidence(logits: Floats) -> Floats:
    """Probability of the most probable class, float64 `[n]`, 0..1, of logits `[n, 7]`."""
    return np.asarray(np.exp(metrics.log_softmax(logits).max(axis=1)))
