"""What the overlay shows, and how large."""

import math
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class OverlayStyle:
    """What `draw_faces` draws.

    Attributes:
        labels: Plate with emoji, emotion, confidence and track id.
        bars: Bar chart of the seven probabilities.
        landmarks: Dots on the five landmarks.
        blur: Makes the faces unrecognisable first.
        scale: Factor on the size of text, lines and plates, > 0; 1 fits the picture's size.
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
    """Font size in pixels that reads well on a picture: 12 at 320x240, 27 at 1920x1080.

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
