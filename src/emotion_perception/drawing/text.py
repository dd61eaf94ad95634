"""Text as cached sprites, in the TrueType font that Pillow carries."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from emotion_perception.drawing.palette import Bgr
from emotion_perception.drawing.sprite import Mask, Sprite, sprite_of_mask

# Light text on a dark plate looks thinner than it is; lifting half-covered pixels evens that out.
_WEIGHT_GAMMA = 0.72


@dataclass(frozen=True, slots=True)
class FontMetrics:
    """Measures of a font size, in pixels.

    Attributes:
        ascent: From the top of a text sprite to the baseline.
        cap_height: Height of a capital letter above the baseline.
    """

    ascent: int
    cap_height: int


@lru_cache(maxsize=16)
def font_metrics(size: int) -> FontMetrics:
    """Measures of the font at a size in pixels."""
    font = _font(size)
    ascent, _ = font.getmetrics()
    return FontMetrics(ascent, ascent - int(font.getbbox('H')[1]))


@lru_cache(maxsize=512)
def text_sprite(text: str, size: int, color: Bgr) -> Sprite:
    """One line of text, one pixel at least.

    Args:
        text: Printable characters.
        size: Font size in pixels.
        color: Blue, green, red.

    Returns:
        A sprite as high as the font's line, so that equal sizes share a baseline.
    """
    return sprite_of_mask(text_mask(text, size), color)


def text_mask(text: str, size: int) -> Mask:
    """Coverage of one line of text; as high as the font's line."""
    font = _font(size)
    ascent, descent = font.getmetrics()
    canvas = Image.new('L', (max(1, int(np.ceil(font.getlength(text)))), ascent + descent))
    ImageDraw.Draw(canvas).text((0, 0), text, fill=255, font=font)
    coverage = np.asarray(canvas, np.float32) / 255.0
    return np.asarray(np.rint(255.0 * coverage**_WEIGHT_GAMMA), np.uint8)


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), 'Pillow was built without FreeType'
    return font
