"""Valence and arousal, derived from the classes' probabilities; no network estimates them."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

_COORDINATES: Final = np.array(
    [
        [-0.51, 0.59],  # Angry
        [-0.60, 0.35],  # Disgust
        [-0.64, 0.60],  # Fear
        [0.76, 0.48],  # Happy
        [-0.63, -0.27],  # Sad
        [0.40, 0.67],  # Surprise
        [0.0, 0.0],  # Neutral
    ]
)
"""Pleasure and arousal of each class, -1..1: people's mean ratings of the words angry, disgusted,
fearful, joyful, sad and surprised (Russell & Mehrabian 1977, Evidence for a three-factor theory of
emotions, as later work quotes them). A calm face is their zero, which is our choice."""


class Affect(NamedTuple):
    """Where an expression lies on the circumplex (Russell 1980).

    Attributes:
        valence: How pleasant it is, -1..1.
        arousal: How excited it is, -1..1.
    """

    valence: float
    arousal: float


def affect_of(probabilities: npt.NDArray[np.float32]) -> Affect:
    """Expectation over the classes' coordinates.

    Args:
        probabilities: float32 `[7]`, in FER-2013 order.
    """
    valence, arousal = np.asarray(probabilities, np.float64) @ _COORDINATES
    return Affect(float(valence), float(arousal))
