"""What a person's face looks like when it is calm, and what changed against that.

Resting faces differ: one looks sad, another hardly smiles with closed lips. Against the person's
own calm face the same smile is plain.
"""

import math
from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_perception.labels import NUM_EMOTIONS, Emotion
from emotion_perception.types import NS_PER_S

LogOdds = npt.NDArray[np.float64]
"""float64 [7], in FER-2013 order."""

LEARNING_S: Final = 1.5
"""A face must have been seen for so long before its changes are known, in seconds."""

# Probabilities beyond are noise: 1 in 10,000.
_LEAST: Final = 1e-4
# Nobody's calm face is more probably smiling, sad, ... than not: who comes in laughing, laughs.
_HIGHEST_CALM: Final = 0.0
# While an expression is this much more probable than usual, the calm face learns nothing of it, but
# for a change that lasts: a lamp that was switched on.
_EXPRESSION: Final = 0.6
_FOLLOWS_S: Final = 20.0
_FOLLOWS_CHANGES_S: Final = 200.0
# One sample moves it as far as this at most, so that a blink does not count as much as a minute.
_LARGEST_STEP: Final = 1.0
_LONGEST_STEP_S: Final = 1.0
_SAMPLES: Final = 64

_NEUTRAL: Final = int(Emotion.NEUTRAL)


class CalmBaseline:
    """A robust running estimate of one person's calm face, for as long as the track lives."""

    def __init__(self) -> None:
        """Knows nothing yet."""
        self._first_ns: int | None = None
        self._last_ns = 0
        self._samples: deque[LogOdds] = deque(maxlen=_SAMPLES)
        self._calm: LogOdds | None = None

    def change(
        self, probabilities: npt.NDArray[np.float32], stamp_ns: int
    ) -> npt.NDArray[np.float32]:
        """Learns from the next image and compares it with what is usual.

        Args:
            probabilities: float32 [7].
            stamp_ns: Time of the image in nanoseconds, not before the last one.

        Returns:
            float32 [7], log-odds against the calm face in nats: 1 is e times the usual odds. NaN in
            the first `LEARNING_S` seconds.
        """
        if self._first_ns is None:
            self._first_ns = self._last_ns = stamp_ns
        elapsed_s = min((stamp_ns - self._last_ns) / NS_PER_S, _LONGEST_STEP_S)
        self._last_ns = stamp_ns
        now = log_odds(probabilities)
        if self._calm is None:
            self._samples.append(now)
            if (stamp_ns - self._first_ns) / NS_PER_S < LEARNING_S:
                return np.full(NUM_EMOTIONS, np.nan, np.float32)
            self._calm = _calm_of(np.median(self._samples, axis=0))
            self._samples.clear()
        difference = now - self._calm
        self._learn(difference, elapsed_s)
        return np.asarray(difference, np.float32)

    def _learn(self, difference: LogOdds, elapsed_s: float) -> None:
        assert self._calm is not None
        is_expression = np.delete(difference, _NEUTRAL).max() > _EXPRESSION
        time_constant_s = _FOLLOWS_CHANGES_S if is_expression else _FOLLOWS_S
        weight = 1 - math.exp(-elapsed_s / time_constant_s)
        step = np.clip(difference, -_LARGEST_STEP, _LARGEST_STEP)
        self._calm = _calm_of(self._calm + weight * step)


def log_odds(probabilities: npt.NDArray[np.float32]) -> LogOdds:
    """log(p / (1 - p)) of every class, at most 9.2 to either side."""
    bounded = np.clip(np.asarray(probabilities, np.float64), _LEAST, 1 - _LEAST)
    return np.asarray(np.log(bounded / (1 - bounded)))


def _calm_of(estimate: LogOdds) -> LogOdds:
    highest = np.full(NUM_EMOTIONS, _HIGHEST_CALM)
    highest[_NEUTRAL] = np.inf
    return np.asarray(np.minimum(estimate, highest))
