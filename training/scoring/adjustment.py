"""Predictions for cameras: the FER+ logits without the classes' shares in FER+ (logit adjustment).

What a network learns contains how often each class occurs in its data: in FER+ more than a third of
the faces is Neutral and one in ninety Disgust. Less k times the logarithms of these shares it
predicts as if the classes were more alike in number; at k = 1 as if they were equal, which gives
the best mean recall of a perfectly calibrated network (Menon et al. 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotion_perception.labels import EMOTION_NAMES, NUM_EMOTIONS
from training.dataset import ferplus, targets
from training.dataset.data import Split
from training.errors import TrainingError
from training.scoring import metrics
from training.scoring.metrics import ECE_BINS, Floats, Share

STRENGTHS = tuple(tenths / 10 for tenths in range(11))
NO_BONUS: Floats = np.zeros(NUM_EMOTIONS)

_TEMPERATURES = tuple(twentieths / 20 for twentieths in range(20, 9, -1))
_LARGEST_ECE = 0.025
_LEAST_SHARE = 1e-4


def priors(training: Split, votes: NDArray[np.int64]) -> Floats:
    """Mean share of the annotators' votes over Training: what the second last layer is taught.

    Args:
        training: The split.
        votes: All votes of FER+, int64 `[rows, 10]`.

    Returns:
        float64 `[7]` in FER-2013 order, at least 0.0001 each; otherwise their sum is 1.
    """
    taught = targets.soft(votes[training.rows], training.labels, 1.0)
    # A class that Training lacks must not become infinitely likely.
    return np.asarray(np.maximum(taught.mean(axis=0, dtype=np.float64), _LEAST_SHARE))


def adjust(logits: Floats, shares: Floats, strength: float, bonus: Floats = NO_BONUS) -> Floats:
    """Logits less `strength` times the logarithm of the classes' shares, plus a bonus.

    Args:
        logits: float64 `[n, 7]`.
        shares: float64 `[7]`, above 0, from `priors`.
        strength: 0 changes nothing; 1 takes the shares away altogether.
        bonus: float64 `[7]`, in nats.
    """
    return np.asarray(logits - strength * np.log(shares) + bonus)


def read_bonus(words: Sequence[str]) -> Floats:
    """A bonus as it is written on a command line, such as `['Happy=1.5']`.

    Returns:
        float64 `[7]`.

    Raises:
        TrainingError: A class is unknown or its number is none.
    """
    bonus: Floats = np.zeros(NUM_EMOTIONS)
    for word in words:
        name, _, number = word.partition('=')
        try:
            bonus[EMOTION_NAMES.index(name)] = float(number)
        except ValueError as error:
            raise TrainingError(
                f'--bonus must be a class and a number, such as Happy=1.5, not {word!r}; the '
                f'classes are {", ".join(EMOTION_NAMES)}'
            ) from error
    return bonus


def temperature(adjusted: Floats, votes: NDArray[np.int64]) -> float:
    """The highest temperature, so the least sure, whose ECE on clear majorities is at most 0.025.

    A lower one is surer than it may be of faces that are not like FER+'s.

    Args:
        adjusted: float64 `[n, 7]`, from `adjust`.
        votes: int64 `[n, 10]`, the votes of the same images.

    Returns:
        1 to 0.5; where none is good enough the one with the least ECE.
    """
    rows, labels = ferplus.labelled(votes)
    eces = {each: metrics.reliability(adjusted[rows] / each, labels).ece for each in _TEMPERATURES}
    least = min(eces, key=lambda each: eces[each])
    return next((each for each, ece in eces.items() if ece <= _LARGEST_ECE), least)


class Choice(NamedTuple):
    """What makes predictions balanced.

    Attributes:
        strength: Of the best mean recall.
        temperature: For the adjusted logits, from `temperature`.
    """

    strength: float
    temperature: float


def choose(
    logits: Floats, votes: NDArray[np.int64], shares: Floats, bonus: Floats = NO_BONUS
) -> Choice:
    """The strength with the best mean recall on the FER+ labels, and the temperature for it.

    Both are chosen for the predictions as they ship, with the bonus.

    Args:
        logits: float64 `[n, 7]`, as the votes taught them.
        votes: int64 `[n, 10]`, the votes of the same images.
        shares: From `priors`.
        bonus: float64 `[7]`, in nats.
    """
    strength = best(curve(logits, votes, shares, bonus=bonus)).strength
    return Choice(strength, temperature(adjust(logits, shares, strength, bonus), votes))


@dataclass(frozen=True)
class Point:
    """Adjusted predictions at temperature 1 on the FER+ labels of a split.

    Attributes:
        strength: What the logarithms of the shares were multiplied by.
        accuracy: On the rows whose majority is one of the seven classes.
        recalls: Of each class, float64 `[7]` in FER-2013 order.
        ece: Confidence against accuracy on these rows, 0..1.
        votes_ece: Confidence against the share of the annotators who chose the predicted class, on
            all rows with votes that count, 0..1.
    """

    strength: float
    accuracy: Share
    recalls: Floats
    ece: float
    votes_ece: float

    @property
    def mean_recall(self) -> float:
        """Unweighted mean of the classes' recalls, 0..1; NaN where a class has no rows."""
        return float(self.recalls.mean())


def curve(
    logits: Floats,
    votes: NDArray[np.int64],
    shares: Floats,
    strengths: Sequence[float] = STRENGTHS,
    bonus: Floats = NO_BONUS,
) -> list[Point]:
    """Scores one strength after the other.

    Args:
        logits: float64 `[n, 7]`, as the votes taught them.
        votes: int64 `[n, 10]`, the votes of the same images.
        shares: From `priors`.
        strengths: To be tried.
        bonus: float64 `[7]`, given to all.
    """
    return [_point(adjust(logits, shares, each, bonus), votes, each) for each in strengths]


def best(points: Sequence[Point]) -> Point:
    """The point with the largest mean recall, the weakest of equals."""
    return max(points, key=lambda point: (point.mean_recall, -point.strength))


def _point(logits: Floats, votes: NDArray[np.int64], strength: float) -> Point:
    rows, labels = ferplus.labelled(votes)
    hits = metrics.confusion(logits[rows].argmax(axis=1), labels, logits.shape[1])
    with np.errstate(invalid='ignore'):  # a class without rows has no recall
        recalls = np.diag(hits) / hits.sum(axis=1)
    return Point(
        strength,
        metrics.accuracy(logits[rows], labels),
        recalls,
        metrics.reliability(logits[rows], labels).ece,
        votes_ece(logits, votes),
    )


def votes_ece(logits: Floats, votes: NDArray[np.int64]) -> float:
    """Mean gap between confidence and the annotators' agreement with the prediction, 0..1.

    As `metrics.Reliability.ece`, but that a prediction is as right as the share of the annotators
    who chose its class. Single votes do not count (as everywhere in FER+), and images without
    another one for the seven classes are left out.

    Args:
        logits: float64 `[n, 7]`.
        votes: int64 `[n, 10]`.
    """
    kept = np.where(votes > 1, votes, 0)
    seven = kept[:, ferplus.FER2013_COLUMNS]
    rows = np.flatnonzero(seven.sum(axis=1))
    probabilities = np.exp(metrics.log_softmax(logits[rows]))
    called, top = probabilities.argmax(axis=1), probabilities.max(axis=1)
    agreement = seven[rows, called] / kept[rows].sum(axis=1)
    index = np.minimum((top * ECE_BINS).astype(np.int64), ECE_BINS - 1)
    gaps = np.bincount(index, top - agreement, ECE_BINS)
    return float(np.abs(gaps).sum() / len(rows))
