"""The plate that names a face's emotion, confidence and track id."""

from dataclasses import dataclass

import numpy as np

from emotion_perception.drawing.emoji import emoji_sprite
from emotion_perception.drawing.sprite import Sprite, font_metrics, paste, plate, text_sprite
from emotion_perception.drawing.style import FAINT, PAPER
from emotion_perception.labels import emotion_name
from emotion_perception.types import BgrImage, Face


@dataclass(frozen=True, slots=True)
class Plate:
    """Sprites in a row on a dark plate.

    Attributes:
        parts: From left to right; the ones as high as a line of text share its baseline.
        text: Font size in pixels.
    """

    parts: tuple[Sprite, ...]
    text: int

    @property
    def width(self) -> int:
        """Width in pixels."""
        gaps = (len(self.parts) - 1) * _gap(self.text) + 2 * _padding(self.text)
        return sum(part.width for part in self.parts) + gaps

    @property
    def height(self) -> int:
        """Height in pixels."""
        return round(1.7 * self.text)


def face_label(face: Face, text: int) -> Plate:
    """Emoji, 'Happy 87 %' and '#3'."""
    caption = f'{emotion_name(face.emotion_id)} {_percent(face.confidence)} %'
    emoji = emoji_sprite(face.emotion_id, _emoji_size(text))
    number = text_sprite(f'#{face.track_id}', text, FAINT)
    return Plate((emoji, text_sprite(caption, text, PAPER), number), text)


def small_label(face: Face, text: int) -> Plate:
    """Emoji and '#3', for crowds and far faces."""
    emoji = emoji_sprite(face.emotion_id, _emoji_size(text))
    return Plate((emoji, text_sprite(f'#{face.track_id}', text, PAPER)), text)


def status_plate(line: str, text: int) -> Plate:
    """A line of plain text."""
    return Plate((text_sprite(line, text, PAPER),), text)


def draw_plate(image: BgrImage, label: Plate, x: int, y: int) -> None:
    """Draws a plate with its top left corner at (x, y), in place."""
    paste(image, plate(label.width, label.height, label.text // 3), x, y)
    metrics = font_metrics(label.text)
    line_top = y + (label.height + metrics.cap_height + 1) // 2 - metrics.ascent
    x += _padding(label.text)
    for index, part in enumerate(label.parts):
        is_emoji = index == 0 and len(label.parts) > 1
        paste(image, part, x, y + (label.height - part.height) // 2 if is_emoji else line_top)
        x += part.width + _gap(label.text)


def _percent(probability: float) -> int:
    return round(100 * float(np.clip(np.nan_to_num(probability), 0.0, 1.0)))


def _emoji_size(text: int) -> int:
    return round(1.4 * text)


def _gap(text: int) -> int:
    return max(3, round(0.4 * text))


def _padding(text: int) -> int:
    return max(3, round(0.35 * text))
