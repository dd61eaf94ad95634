"""The seven classes of FER-2013: the one place that names and orders them."""

from enum import IntEnum
from typing import Final


class Emotion(IntEnum):
    """Class index of an emotion, in the order of the FER-2013 `emotion` column."""

    ANGRY = 0
    DISGUST = 1
    FEAR = 2
    HAPPY = 3
    SAD = 4
    SURPRISE = 5
    NEUTRAL = 6


EMOTION_NAMES: Final[tuple[str, ...]] = tuple(emotion.name.capitalize() for emotion in Emotion)
"""Display names, indexed by class: 'Angry', 'Disgust', ..., 'Neutral'."""

NUM_EMOTIONS: Final[int] = len(EMOTION_NAMES)

FER2013: Final[str] = 'fer2013'
FERPLUS: Final[str] = 'ferplus'
BALANCED: Final[str] = 'balanced'
TAUGHT_LABELS: Final[tuple[str, ...]] = (FER2013, FERPLUS)
"""What networks are taught: the labels FER-2013 was published with, and those of the ten annotators
of FER+ (Barsoum et al. 2016), who looked at the same images again."""

LABEL_SETS: Final[tuple[str, ...]] = (*TAUGHT_LABELS, BALANCED)
"""Whose labels a model predicts; BALANCED are those of FER+ as if rare emotions were less rare than
in its data, for what a camera sees."""

UNCERTAIN_NAME: Final[str] = 'Uncertain'
"""Name shown and published when no emotion reaches the confidence threshold."""


def emotion_name(emotion_id: int | None) -> str:
    """Display name of a class index; None, for no class above the threshold, is 'Uncertain'."""
    return UNCERTAIN_NAME if emotion_id is None else EMOTION_NAMES[emotion_id]
