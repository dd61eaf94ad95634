"""Bar chart of the seven probabilities."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.drawing.sprite import (
    Sprite,
    font_metrics,
    paste,
    plate,
    sprite_of_mask,
    stack,
    text_mask,
    text_sprite,
)
from emotion_perception.drawing.style import FAINT, PAPER, emotion_color
from emotion_perception.labels import EMOTION_NAMES, NUM_EMOTIONS
from emotion_perception.types import BgrImage

_SHORT_NAMES = tuple(name[:3] for name in EMOTION_NAMES)
_TRACK_OPACITY = 36  # of 255, of the white strip behind a bar
_SMALLEST_ROW = 11  # pixels; text below is not readable


@dataclass(frozen=True, slots=True)
class ChartSize:
    """Measures of a chart, all of which follow from its row height.

    Attributes:
        row: Height of one bar with its gap, in pixels.
    """

    row: int

    @staticmethod
    def beside(face_height: float, text: int) -> 'ChartSize':
        """The size that goes with a face, readable and no larger than the image's text."""
        return ChartSize(round(min(max(face_height / (NUM_EMOTIONS + 1), _SMALLEST_ROW), text)))

    @property
    def text(self) -> int:
        """Font size in pixels."""
        return max(self.row - 2, _SMALLEST_ROW - 1)

    @property
    def padding(self) -> int:
        """Space around the rows, in pixels."""
        return max(3, self.row // 3)

    @property
    def bar_left(self) -> int:
        """Left edge of the bars, in pixels from the chart's."""
        return 2 * self.padding + _names_sprite(self.row, self.text).width

    @property
    def bar_length(self) -> int:
        """Length of a bar at probability 1, in pixels."""
        return 4 * self.row

    @property
    def bar_gap(self) -> int:
        """Space above and below a bar in its row, in pixels."""
        return max(1, self.row // 5)

    @property
    def width(self) -> int:
        """Width of the chart in pixels."""
        return self.bar_left + self.bar_length + self.padding + 1

    @property
    def height(self) -> int:
        """Height of the chart in pixels."""
        return NUM_EMOTIONS * self.row + 2 * self.padding


def draw_chart(
    image: BgrImage,
    probabilities: npt.NDArray[np.float32],
    emotion_id: int | None,
    size: ChartSize,
    corner: tuple[int, int],
) -> None:
    """Draws the chart, in place.

    Args:
        image: uint8 [height, width, 3], changed.
        probabilities: float32 [7], 0..1, in FER-2013 order.
        emotion_id: The row to stress, 0..6, or None.
        size: Measures of the chart.
        corner: (x, y) of its top left corner in pixels.
    """
    x, y = corner
    paste(image, _backdrop(size), x, y)
    rows_top = y + size.padding
    if emotion_id is not None:
        name = text_sprite(_SHORT_NAMES[emotion_id], size.text, PAPER)
        name_top = rows_top + emotion_id * size.row + _name_offset(size.row, size.text)
        paste(image, name, x + size.padding, name_top)
    lengths = np.rint(np.clip(np.nan_to_num(probabilities), 0, 1) * size.bar_length).astype(int)
    for index, length in enumerate(lengths.tolist()):
        _draw_bar(image, size, (x + size.bar_left, rows_top + index * size.row), index, length)


def _draw_bar(
    image: BgrImage, size: ChartSize, corner: tuple[int, int], index: int, length: int
) -> None:
    if length > 0:
        left, gap = corner[0], size.bar_gap
        top, bottom = corner[1] + gap, corner[1] + size.row - gap - 1
        cv2.rectangle(image, (left, top), (left + length - 1, bottom), emotion_color(index), -1)


@lru_cache(maxsize=32)
def _backdrop(size: ChartSize) -> Sprite:
    """All that does not change: plate, names and the strips behind the bars."""
    backdrop = plate(size.width, size.height, size.padding)
    names = _names_sprite(size.row, size.text)
    backdrop = stack(backdrop, names, size.padding, size.padding)
    strip = np.full((size.row - 2 * size.bar_gap, size.bar_length), _TRACK_OPACITY, np.uint8)
    for index in range(NUM_EMOTIONS):
        top = size.padding + index * size.row + size.bar_gap
        backdrop = stack(backdrop, sprite_of_mask(strip, PAPER), size.bar_left, top)
    return backdrop


@lru_cache(maxsize=32)
def _names_sprite(row: int, text: int) -> Sprite:
    """The seven short names below each other, in grey."""
    masks = [text_mask(name, text) for name in _SHORT_NAMES]
    # A line of text is a little higher than a row, so neighbours may share pixels: keep the larger.
    canvas = np.zeros((NUM_EMOTIONS * row + row, max(mask.shape[1] for mask in masks)), np.uint8)
    for index, mask in enumerate(masks):
        top = index * row + _name_offset(row, text)
        skipped = max(-top, 0)
        area = canvas[top + skipped : top + mask.shape[0], : mask.shape[1]]
        np.maximum(area, mask[skipped : skipped + area.shape[0]], out=area)
    return sprite_of_mask(canvas, FAINT)


def _name_offset(row: int, text: int) -> int:
    """From a row's top to the top of its line of text, so that capitals stand in its middle."""
    metrics = font_metrics(text)
    return (row + metrics.cap_height) // 2 - metrics.ascent
