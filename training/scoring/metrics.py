"""Scores of a classifier, from logits and labels alone (NumPy, no network needed)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_Z95 = 1.959963984540054
ECE_BINS = 15


@dataclass(frozen=True)
class Share:
    """A measured share with its sample size.

    Attributes:
        hits: Successes.
        count: Trials.
    """

    hits: int
    count: int

    @property
    def value(self) -> float:
        """Share of successes, 0..1; NaN without trials."""
        return self.hits / self.count if self.count else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval, which stays in 0..1 and holds for small counts too."""
        if self.count == 0:
            return math.nan, math.nan
        n, p, z2 = self.count, self.value, _Z95**2
        centre = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(0.0, centre - half), min(1.0, centre + half)


def accuracy(logits: Floats, labels: Ints) -> Share:
    """Share of images whose largest logit is the label's.

    Args:
        logits: float64 `[n, k]`.
        labels: int64 `[n]`, 0..k-1.
    """
    return Share(int((logits.argmax(axis=1) == labels).sum()), len(labels))


def log_softmax(logits: Floats) -> Floats:
    """Logarithms of the probabilities, float64 `[n, k]`."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def nll(logits: Floats, labels: Ints, temperature: float = 1.0) -> float:
    """Mean negative log-likelihood of the labels (the cross-entropy loss), in nats."""
    logs = log_softmax(logits / temperature)
    return float(-logs[np.arange(len(labels)), labels].mean())


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, in equally wide bins of confidence.

    Attributes:
        counts: int64 `[bins]`.
        confidence: Mean confidence per bin, float64 `[bins]`, 0 in empty bins.
        accuracy: Accuracy per bin, float64 `[bins]`, 0 in empty bins.
    """

    counts: Ints
    confidence: Floats
    accuracy: Floats

    @property
    def ece(self) -> float:
        """Expected calibration error, 0..1."""
        gaps = np.abs(self.confidence - self.accuracy)
        return float((gaps * self.counts).sum() / self.counts.sum())


def reliability(
    logits: Floats, labels: Ints, temperature: float = 1.0, bins: int = ECE_BINS
) -> Reliability:
    """Bins the top probability and compares it with how often it was right."""
    probabilities = np.exp(log_softmax(logits / temperature))
    top = probabilities.max(axis=1)
    right = (logits.argmax(axis=1) == labels).astype(np.float64)
    index = np.minimum((top * bins).astype(np.int64), bins - 1)
    counts = np.bincount(index, minlength=bins)
    divisor = np.maximum(counts, 1)
    return Reliability(
        counts, np.bincount(index, top, bins) / divisor, np.bincount(index, right, bins) / divisor
    )


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """Temperature (divisor of the logits) with the least NLL, by golden-section search.

    The NLL is unimodal in log temperature, so the search over 0.05..20 cannot miss.
    """
    low, high = math.log(0.05), math.log(20.0)
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(60):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        if nll(logits, labels, math.exp(left)) < nll(logits, labels, math.exp(right)):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def confusion(predictions: Ints, labels: Ints, classes: int) -> Ints:
    """Counts, int64 `[classes, classes]`: rows are true labels, columns predictions."""
    flat = np.bincount(labels * classes + predictions, minlength=classes * classes)
    return flat.reshape(classes, classes)


@dataclass(frozen=True)
class ClassScore:
    """Scores of one class.

    Attributes:
        precision: Right ones among the images called so, 0..1.
        recall: Found ones among the images labelled so, 0..1.
        f1: Harmonic mean of the two.
        support: Images labelled so.
    """

    precision: float
    recall: float
    f1: float
    support: int


def class_scores(matrix: Ints) -> list[ClassScore]:
    """Precision, recall and F1 per class from a confusion matrix; 0 where undefined."""
    scores = []
    for index, hits in enumerate(np.diag(matrix)):
        called, support = int(matrix[:, index].sum()), int(matrix[index].sum())
        precision = float(hits / called) if called else 0.0
        recall = float(hits / support) if support else 0.0
        both = precision + recall
        scores.append(
            ClassScore(precision, recall, 2 * precision * recall / both if both else 0.0, support)
        )
    return scores


def macro_f1(scores: list[ClassScore]) -> float:
    """Unweighted mean F1 of the classes that occur."""
    present = [score.f1 for score in scores if score.support]
    return sum(present) / len(present) if present else math.nan
