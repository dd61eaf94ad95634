"""Where labels go: on the image, off the faces; and what they say."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_perception.drawing.emoji import emoji_sprite
from emotion_perception.drawing.sprite import Sprite, font_metrics, paste, plate, text_sprite
from emotion_perception.drawing.style import FAINT, PAPER
from emotion_perception.types import BgrImage, Box, Face, face_caption

FACE_PRICE: Final[float] = 4.0
"""Cost of hiding one pixel of another face."""

PLATE_PRICE: Final[float] = 2.0
"""Cost of hiding one pixel of a plate or chart."""

OWN_PRICE: Final[float] = 1.0
"""Cost of hiding one pixel of the face that the plate belongs to."""

Corner = tuple[int, int]
"""(x, y) of a top left corner, in pixels."""


class Surroundings:
    """The image and what is already on it.

    Args:
        width: Image width in pixels.
        height: Image height in pixels.
        faces: The face boxes, all of which are worth seeing.
    """

    def __init__(self, width: int, height: int, faces: Sequence[Box]) -> None:
        self._size = np.array((width, height))
        self._edges = np.array([_edges(box) for box in faces]).reshape(-1, 4)
        self._prices = np.full(len(faces), FACE_PRICE)

    def occupy(self, corner: Corner, width: int, height: int) -> None:
        """Marks an area as taken by a plate."""
        edges = (corner[0], corner[1], corner[0] + width, corner[1] + height)
        self._edges = np.vstack((self._edges, edges))
        self._prices = np.append(self._prices, PLATE_PRICE)

    def best_corner(
        self, corners: Sequence[tuple[float, float]], width: int, height: int, owner: int
    ) -> tuple[Corner, float]:
        """The candidate that hides least; the earlier one of equals.

        Args:
            corners: Candidates (x, y) in order of preference; each is first moved into the image.
            width: Width of the plate in pixels.
            height: Height of the plate in pixels.
            owner: Index of the face that the plate belongs to.

        Returns:
            The corner and what it costs: hidden pixels of other faces and of plates, each at its
            price, without those of the owner.
        """
        size = np.array((width, height))
        free = np.maximum(self._size - size, 0)
        lefts_tops = np.clip(np.rint(np.array(corners)), 0, free)
        hidden = self._hidden(np.hstack((lefts_tops, lefts_tops + size)))
        own = hidden[:, owner].copy()
        hidden[:, owner] = 0.0
        costs = hidden @ self._prices
        best = int(np.argmin(costs + OWN_PRICE * own))
        return (int(lefts_tops[best, 0]), int(lefts_tops[best, 1])), float(costs[best])

    def _hidden(self, plates: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Common area of each plate with each thing: float64 [plates, things]."""
        starts = np.maximum(plates[:, None, :2], self._edges[None, :, :2])
        ends = np.minimum(plates[:, None, 2:], self._edges[None, :, 2:])
        extents = np.maximum(ends - starts, 0.0)
        return np.asarray(extents[..., 0] * extents[..., 1], np.float64)


def label_corners(box: Box, width: int, height: int, gap: int) -> list[tuple[float, float]]:
    """Places for a label: above, below, or inside the top of the box."""
    right = box.x + box.width - width
    above, below = box.y - height - gap, box.y + box.height + gap
    return [
        (box.x, above),
        (right, above),
        (box.x, below),
        (right, below),
        (box.x + box.width + gap, box.y),
        (box.x - width - gap, box.y),
        (box.x + gap, box.y + gap),
    ]


def chart_corners(box: Box, width: int, height: int, gap: int) -> list[tuple[float, float]]:
    """Places for a chart: beside the box, then below, above and at its corners."""
    after, before = box.x + box.width + gap, box.x - width - gap
    bottom = box.y + box.height - height
    above, below = box.y - height - gap, box.y + box.height + gap
    right = box.x + box.width - width
    return [
        (after, box.y),
        (before, box.y),
        (after, bottom),
        (before, bottom),
        (box.x, below),
        (right, below),
        (box.x, above),
        (right, above),
        (after, below),
        (before, below),
        (after, above),
        (before, above),
    ]


def _edges(box: Box) -> tuple[float, float, float, float]:
    return box.x, box.y, box.x + box.width, box.y + box.height


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
    emoji = emoji_sprite(face.emotion_id, _emoji_size(text))
    number = text_sprite(f'#{face.track_id}', text, FAINT)
    return Plate((emoji, text_sprite(face_caption(face), text, PAPER), number), text)


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


def _emoji_size(text: int) -> int:
    return round(1.4 * text)


def _gap(text: int) -> int:
    return max(3, round(0.4 * text))


def _padding(text: int) -> int:
    return max(3, round(0.35 * text))
