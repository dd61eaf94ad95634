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

UNCERTAIN_NAME: Final[str] = 'Uncertain'
"""Name shown and published when no emotion reaches the confidence threshold."""


def emotion_name(emotion_id: int | None) -> str:
    """Display name of a class index; None, for no class above the threshold, is 'Uncertain'."""
    return UNCERTAIN_NAME if emotion_id is None else EMOTION_NAMES[emotion_id]
