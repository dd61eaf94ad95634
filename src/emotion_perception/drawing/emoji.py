"""Seven small faces and a question mark, drawn as vectors: no emoji font is needed."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.drawing.sprite import Mask, Sprite, sprite_of_image
from emotion_perception.drawing.style import INK, PAPER, Bgr, emotion_color
from emotion_perception.labels import Emotion
from emotion_perception.types import BgrImage

_OVERSAMPLING = 4
_SHADE = 0.86  # of the rim, which sets the face off a bright background
_TEAR: Final[Bgr] = (255, 226, 170)
_TONGUE: Final[Bgr] = (125, 105, 240)


class _Pen:
    """Draws on a square canvas in face units: centre (0, 0), radius of the face 1, y down."""

    def __init__(self, side: int, color: Bgr) -> None:
        self.image: BgrImage = np.full((side, side, 3), color, np.uint8)
        self._unit = side / 2

    def disc(self, x: float, y: float, rx: float, ry: float, color: Bgr = INK) -> None:
        """A filled ellipse."""
        axes = (self._length(rx), self._length(ry))
        cv2.ellipse(self.image, self._point(x, y), axes, 0, 0, 360, color, -1, cv2.LINE_AA)

    def arc(self, x: float, y: float, radii: tuple[float, float], span: tuple[int, int]) -> None:
        """Part of an ellipse; angles in degrees, clockwise from the right."""
        points = cv2.ellipse2Poly(
            self._point(x, y), (self._length(radii[0]), self._length(radii[1])), 0, *span, 4
        )
        self._stroke(np.asarray(points, np.int32), 0.15)

    def half_disc(self, x: float, y: float, rx: float, ry: float, span: tuple[int, int]) -> None:
        """A filled part of an ellipse, closed by its chord."""
        axes = (self._length(rx), self._length(ry))
        points = cv2.ellipse2Poly(self._point(x, y), axes, 0, *span, 4)
        cv2.fillPoly(self.image, [np.asarray(points, np.int32)], INK, cv2.LINE_AA)

    def line(self, *points: tuple[float, float], width: float = 0.15) -> None:
        """A line through points, with round ends."""
        self._stroke(np.array([self._point(*point) for point in points], np.int32), width)

    def fill(self, *points: tuple[float, float], color: Bgr) -> None:
        """A filled polygon."""
        outline = np.array([self._point(*point) for point in points], np.int32)
        cv2.fillPoly(self.image, [outline], color, cv2.LINE_AA)

    def _stroke(self, points: npt.NDArray[np.int32], width: float) -> None:
        cv2.polylines(self.image, [points], False, INK, self._length(width), cv2.LINE_AA)

    def _point(self, x: float, y: float) -> tuple[int, int]:
        return round(self._unit * (1 + x)), round(self._unit * (1 + y))

    def _length(self, value: float) -> int:
        return max(1, round(self._unit * value))


def _angry(pen: _Pen) -> None:
    for side in (-1, 1):
        pen.line((side * 0.64, -0.42), (side * 0.14, -0.14), width=0.18)
        pen.disc(side * 0.36, 0.06, 0.13, 0.15)
    pen.arc(0, 0.66, (0.38, 0.24), (195, 345))


def _disgust(pen: _Pen) -> None:
    for side in (-1, 1):
        pen.line((side * 0.58, -0.36), (side * 0.22, -0.16), (side * 0.58, 0.04))
    pen.fill((0.0, 0.4), (0.42, 0.36), (0.4, 0.72), (0.21, 0.84), (0.02, 0.72), color=_TONGUE)
    pen.line((-0.52, 0.48), (-0.26, 0.34), (0.0, 0.42), (0.26, 0.34), (0.52, 0.4))


def _fear(pen: _Pen) -> None:
    for side in (-1, 1):
        pen.line((side * 0.66, -0.46), (side * 0.26, -0.66), width=0.12)
        pen.disc(side * 0.36, -0.12, 0.26, 0.28, PAPER)
        pen.disc(side * 0.36, -0.08, 0.09, 0.1)
    zigzag = [(-0.5 + 0.2 * i, 0.5 + (0.1 if i % 2 else -0.1)) for i in range(6)]
    pen.line(*zigzag, width=0.14)


def _happy(pen: _Pen) -> None:
    for side in (-1, 1):
        pen.arc(side * 0.38, -0.1, (0.2, 0.22), (190, 350))
    pen.half_disc(0, 0.14, 0.6, 0.6, (0, 180))
    pen.fill((-0.48, 0.16), (0.48, 0.16), (0.42, 0.32), (-0.42, 0.32), color=PAPER)


def _sad(pen: _Pen) -> None:
    for side in (-1, 1):
        pen.line((side * 0.64, -0.28), (side * 0.26, -0.48), width=0.12)
        pen.disc(side * 0.36, -0.06, 0.13, 0.15)
    pen.arc(0, 0.74, (0.38, 0.32), (200, 340))
    pen.fill((0.52, 0.1), (0.68, 0.42), (0.36, 0.42), color=_TEAR)
    pen.disc(0.52, 0.45, 0.16, 0.16, _TEAR)


def _surprise(pen: _Pen) -> None:
    for side in (-1, 1):
        pen.arc(side * 0.38, -0.46, (0.22, 0.16), (200, 340))
        pen.disc(side * 0.36, -0.1, 0.15, 0.18)
    pen.disc(0, 0.5, 0.26, 0.32)


def _neutral(pen: _Pen) -> None:
    for side in (-1, 1):
        pen.disc(side * 0.36, -0.14, 0.13, 0.15)
    pen.line((-0.38, 0.4), (0.38, 0.4))


def _question_mark(pen: _Pen) -> None:
    hook = cv2.ellipse2Poly((0, -30), (33, 30), 0, 190, 410, 5)
    points = [(x / 100, y / 100) for x, y in np.asarray(hook)]
    pen.line(*points, (0.0, 0.14), (0.0, 0.26), width=0.2)
    pen.disc(0, 0.6, 0.13, 0.13)


_FEATURES: Final[dict[int | None, Callable[[_Pen], None]]] = {
    Emotion.ANGRY: _angry,
    Emotion.DISGUST: _disgust,
    Emotion.FEAR: _fear,
    Emotion.HAPPY: _happy,
    Emotion.SAD: _sad,
    Emotion.SURPRISE: _surprise,
    Emotion.NEUTRAL: _neutral,
    None: _question_mark,
}


@lru_cache(maxsize=64)
def emoji_sprite(emotion_id: int | None, size: int) -> Sprite:
    """A face that shows an emotion.

    Args:
        emotion_id: Class index, 0..6; None draws a question mark.
        size: Side in pixels, > 0.

    Returns:
        A round sprite in the emotion's colour.
    """
    side = size * _OVERSAMPLING
    color = emotion_color(emotion_id)
    pen = _Pen(side, _shaded(color))
    pen.disc(0, 0, 0.91, 0.91, color)
    _FEATURES[emotion_id](pen)
    image = cv2.resize(pen.image, (size, size), interpolation=cv2.INTER_AREA)
    return sprite_of_image(np.asarray(image, np.uint8), _round_mask(size))


def _round_mask(size: int) -> Mask:
    side = size * _OVERSAMPLING
    canvas = np.zeros((side, side), np.uint8)
    cv2.circle(canvas, (side // 2, side // 2), side // 2 - 1, 255, -1)
    return np.asarray(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA), np.uint8)


def _shaded(color: Bgr) -> Bgr:
    blue, green, red = (round(_SHADE * part) for part in color)
    return blue, green, red
