"""What drawings look like: colours, sizes and what of it a user may choose."""

import math
from dataclasses import dataclass
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


_READABLE: Final = 3.0
"""Least contrast of lines and bars with their background: WCAG 2.2, 1.4.11."""


def readable(color: Bgr) -> Bgr:
    """A colour dark enough for lines and bars on white paper, in the same hue.

    Args:
        color: Blue, green, red, 0..255.

    Returns:
        The same, or as much of it as has a contrast of 3 with white.
    """
    while contrast_with_white(color) < _READABLE:
        color = (int(color[0] * 0.95), int(color[1] * 0.95), int(color[2] * 0.95))
    return color


def contrast_with_white(color: Bgr) -> float:
    """Contrast ratio with white, 1..21, by the definition of WCAG 2.

    Args:
        color: Blue, green, red, 0..255.
    """
    blue, green, red = (_linear(value / 255) for value in color)
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def emotion_color(emotion_id: int | None) -> Bgr:
    """Colour of an emotion.

    Args:
        emotion_id: Class index, 0..6; None for an uncertain face.

    Returns:
        Blue, green, red, 0..255.
    """
    return UNCERTAIN_COLOR if emotion_id is None else EMOTION_COLORS[Emotion(emotion_id)]


@dataclass(frozen=True, slots=True)
class OverlayStyle:
    """What `draw_faces` draws.

    Attributes:
        labels: Plate with emoji, emotion, confidence and track id.
        bars: Bar chart of the seven probabilities.
        landmarks: Dots on the five landmarks.
        blur: Makes the faces unrecognisable first.
        scale: Factor on the size of text, lines and plates, > 0; 1 fits the image's size.
    """

    labels: bool = True
    bars: bool = True
    landmarks: bool = False
    blur: bool = False
    scale: float = 1.0


DEFAULT_STYLE: Final[OverlayStyle] = OverlayStyle()

_SMALLEST_TEXT = 11  # pixels; below this the font's strokes run together
_LARGEST_TEXT = 96


def text_size(image_width: int, image_height: int, scale: float) -> int:
    """Font size in pixels that reads well on an image: 12 at 320x240, 27 at 1920x1080.

    Args:
        image_width: In pixels.
        image_height: In pixels.
        scale: Factor on the result, > 0.
    """
    fitting = 8.0 + 0.0135 * math.sqrt(image_width * image_height)
    return round(min(max(fitting * scale, _SMALLEST_TEXT), _LARGEST_TEXT))


def line_width(text: int) -> int:
    """Width in pixels of box lines that goes with a font size."""
    return max(1, round(text / 8))
