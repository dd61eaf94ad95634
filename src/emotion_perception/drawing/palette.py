"""One colour per emotion, told apart by colour-blind eyes too.

The colours are those of M. Okabe and K. Ito, 'Color Universal Design' (2008), with light grey in
the place of black and a lighter blue, because they lie on dark plates.
"""

from typing import Final

from emotion_perception.labels import Emotion

Bgr = tuple[int, int, int]

EMOTION_COLORS: Final[dict[Emotion, Bgr]] = {
    Emotion.ANGRY: (0, 94, 213),  # vermilion
    Emotion.DISGUST: (115, 158, 0),  # bluish green
    Emotion.FEAR: (167, 121, 204),  # reddish purple
    Emotion.HAPPY: (66, 228, 240),  # yellow
    Emotion.SAD: (214, 120, 20),  # blue, lightened from (178, 114, 0)
    Emotion.SURPRISE: (233, 180, 86),  # sky blue
    Emotion.NEUTRAL: (222, 222, 222),  # light grey
}
"""Blue, green, red of each emotion, 0..255."""

UNCERTAIN_COLOR: Final[Bgr] = (140, 140, 140)
"""Colour of a face whose emotion is below the confidence threshold."""

INK: Final[Bgr] = (34, 26, 24)
"""Near-black of plates and facial features."""

PAPER: Final[Bgr] = (255, 255, 255)
"""White of the main text."""

FAINT: Final[Bgr] = (190, 190, 190)
"""Grey of secondary text."""


def emotion_color(emotion_id: int | None) -> Bgr:
    """Colour of an emotion.

    Args:
        emotion_id: Class index, 0..6; None for an uncertain face.

    Returns:
        Blue, green, red, 0..255.
    """
    return UNCERTAIN_COLOR if emotion_id is None else EMOTION_COLORS[Emotion(emotion_id)]
