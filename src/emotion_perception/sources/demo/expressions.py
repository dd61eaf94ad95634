"""Other expressions of a portrait: its brows, lids, lips and cheeks are moved.

Between the points that move, and those that stay, a thin-plate spline (Bookstein 1989) bends the
image; what opens between the lips is painted dark, and lips that close cover the teeth.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.types import BgrImage

Float64Array = npt.NDArray[np.float64]
Point = tuple[float, float]

Expression = Mapping[str, float]
"""How far a face differs from its photograph: for each name in `_EFFECTS` a distance, in units of
the rig, upwards or away from the middle where it is positive; and 0..1 for `open` and `closed`,
how much of the gap between the lips is painted dark, or as lips."""

# Which points move with a part of an expression: right (away from the middle) and down. The name
# of a pair stands for both sides.
_EFFECTS: Final[Mapping[str, Mapping[str, Point]]] = {
    'corner': {
        'mouth corner': (0, -1),
        **dict.fromkeys(
            ('upper lip side', 'upper edge side', 'lower edge side', 'lower lip side'), (0, -0.4)
        ),
        'fold': (0, -0.7),
        'cheek': (0, -0.5),
    },
    'out': {
        'mouth corner': (1, 0),
        **dict.fromkeys(
            ('upper lip side', 'upper edge side', 'lower edge side', 'lower lip side'), (0.5, 0)
        ),
        'fold': (0.7, 0),
    },
    'upper': {
        **dict.fromkeys(('upper lip', 'upper edge'), (0, -1)),
        **dict.fromkeys(('upper lip side', 'upper edge side'), (0, -0.8)),
    },
    'lower': {
        **dict.fromkeys(('lower lip', 'lower edge'), (0, 1)),
        **dict.fromkeys(('lower lip side', 'lower edge side'), (0, 0.85)),
        'chin': (0, 0.8),
        'chin tip': (0, 0.5),
        'jaw': (0, 0.5),
    },
    'jaw': {'chin': (0, 1), 'chin tip': (0, 1), 'jaw': (0, 0.7)},
    'cheek': {'cheek': (0, -1)},
    'inner brow': {'inner brow': (0, -1), 'middle brow': (0, -0.5)},
    'outer brow': {'outer brow': (0, -1), 'middle brow': (0, -0.5)},
    'frown': {'inner brow': (-1, 0), 'middle brow': (-0.4, 0)},
    'lids': {'upper lid': (0, -1), 'lower lid': (0, 0.6)},
    'squint': {'lower lid': (0, -1)},
}
_GRID_PX: Final = 4
_SOFT_PX: Final = 0.8
_MARGIN_PX: Final = 4
_BORDER: Final = 0.12  # of the moved area's side: there the movement fades
_DARK: Final = (34, 22, 48)  # blue, green, red of an open mouth
_LINE: Final = (60, 50, 90)  # between closed lips


@dataclass(frozen=True, slots=True)
class Rig:
    """What moves in a portrait.

    Attributes:
        unit: Width of the mouth or so, in pixels, which the parts of an expression count in.
        pairs: Points by their name, in the left and in the right half of the image, in pixels.
        middle: Points by their name.
        fixed: Points that stay; nothing outside of them moves.
        lips: Blue, green, red.
    """

    unit: float
    pairs: Mapping[str, tuple[Point, Point]]
    middle: Mapping[str, Point]
    fixed: tuple[Point, ...]
    lips: tuple[int, int, int]


def blend(before: Expression, after: Expression, share: float) -> Expression:
    """An expression on the way from one to another; a share of 0 is the first, 1 the second."""
    names = before.keys() | after.keys()
    return {
        name: (1 - share) * before.get(name, 0.0) + share * after.get(name, 0.0) for name in names
    }


def with_expression(portrait: BgrImage, rig: Rig, expression: Expression) -> BgrImage:
    """The portrait with another expression.

    Args:
        portrait: uint8 [height, width, 3], BGR; not modified.
        rig: Its points.
        expression: Empty is that of the photograph.
    """
    if not any(expression.values()):
        return portrait
    points, moves = _points(rig), _moves(rig, expression)
    image = _bent(portrait, rig, np.array(list(points.values())), np.array(list(moves.values())))
    moved = {name: points[name] + moves[name] for name in points}
    _paint(image, rig, moved, expression)
    return image


def _points(rig: Rig) -> dict[str, Float64Array]:
    sides = {
        f'{name} {side}': np.array(place)
        for name, places in rig.pairs.items()
        for side, place in zip(('left', 'right'), places, strict=True)
    }
    return {**sides, **{name: np.array(place) for name, place in rig.middle.items()}}


def _moves(rig: Rig, expression: Expression) -> dict[str, Float64Array]:
    """How far each point moves, in pixels."""
    moves = {name: np.zeros(2) for name in _points(rig)}
    for part, effects in _EFFECTS.items():
        for name, effect in effects.items():
            step = rig.unit * expression.get(part, 0.0) * np.array(effect)
            if name in rig.middle:
                moves[name] += step
            else:
                moves[f'{name} left'] += step * (-1, 1)
                moves[f'{name} right'] += step
    return moves


def _bent(portrait: BgrImage, rig: Rig, points: Float64Array, moves: Float64Array) -> BgrImage:
    fixed = np.array(rig.fixed)
    left, top = np.floor(fixed.min(axis=0)).astype(int).tolist()
    width, height = (np.ceil(fixed.max(axis=0)) - (left, top)).astype(int).tolist()
    xs, ys = np.arange(0, width + _GRID_PX, _GRID_PX), np.arange(0, height + _GRID_PX, _GRID_PX)
    grid = np.stack(np.meshgrid(xs + left, ys + top), axis=-1).reshape(-1, 2).astype(float)
    # Backwards: where each pixel of the result comes from.
    targets = np.vstack([points + moves, fixed])
    offsets = _spline(targets, np.vstack([-moves, np.zeros_like(fixed)]), grid)
    fading = _fading(ys, height)[:, np.newaxis] * _fading(xs, width)
    coarse = offsets.reshape(len(ys), len(xs), 2) * fading[..., np.newaxis]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    fine = cv2.remap(coarse.astype(np.float32), x / _GRID_PX, y / _GRID_PX, cv2.INTER_LINEAR)
    image: BgrImage = portrait.copy()
    image[top : top + height, left : left + width] = cv2.remap(
        portrait, x + left + fine[..., 0], y + top + fine[..., 1], cv2.INTER_CUBIC
    )
    return image


def _fading(positions: npt.NDArray[np.int64], length: int) -> Float64Array:
    """0 at both ends of a side, 1 inside."""
    distance = np.minimum(positions, length - positions)
    return np.clip(distance / (_BORDER * length), 0, 1)


def _spline(points: Float64Array, values: Float64Array, places: Float64Array) -> Float64Array:
    """The thin-plate spline that has given values at given points, at other places."""
    count = len(points)
    affine = np.column_stack([np.ones(count), points])
    system = np.zeros((count + 3, count + 3))
    # A little smoothing: points that nearly meet would be pulled apart violently.
    system[:count, :count] = _bending(points, points) + 1e-3 * np.eye(count)
    system[:count, count:], system[count:, :count] = affine, affine.T
    weights = np.linalg.solve(system, np.vstack([values, np.zeros((3, values.shape[1]))]))
    plane = np.column_stack([np.ones(len(places)), places]) @ weights[count:]
    return cast(Float64Array, _bending(places, points) @ weights[:count] + plane)


def _bending(places: Float64Array, points: Float64Array) -> Float64Array:
    squared = ((places[:, np.newaxis] - points) ** 2).sum(axis=-1)
    return cast(Float64Array, 0.5 * squared * np.log(squared + 1e-12))


def _paint(
    image: BgrImage, rig: Rig, points: Mapping[str, Float64Array], expression: Expression
) -> None:
    """Fills the gap between the lips, in place."""
    upper, lower = (_edge(points, name) for name in ('upper edge', 'lower edge'))
    gap = np.vstack([upper, lower[::-1]])
    _fill(image, gap, _DARK, expression.get('open', 0.0), is_line=False)
    closed = expression.get('closed', 0.0)
    _fill(image, gap, rig.lips, 0.9 * closed, is_line=False)
    _fill(image, (upper + lower) / 2, _LINE, 0.8 * closed, is_line=True)


def _edge(points: Mapping[str, Float64Array], name: str) -> Float64Array:
    """The edge of a lip, from one corner of the mouth to the other, as a smooth curve."""
    names = ('mouth corner left', f'{name} side left', name, f'{name} side right')
    knots = np.array([*(points[knot] for knot in names), points['mouth corner right']])
    steps, places = np.linspace(0, 1, 30), np.linspace(0, 1, len(knots))
    return np.column_stack([np.polyval(np.polyfit(places, axis, 4), steps) for axis in knots.T])


def _fill(
    image: BgrImage,
    curve: Float64Array,
    color: tuple[int, int, int],
    alpha: float,
    *,
    is_line: bool,
) -> None:
    if not alpha:
        return
    left, top = (curve.min(axis=0) - _MARGIN_PX).astype(int)
    right, bottom = (curve.max(axis=0) + _MARGIN_PX).astype(int)
    part = image[top:bottom, left:right]
    mask = np.zeros(part.shape[:2], np.float32)
    sixteenths = [np.round(16 * (curve - (left, top))).astype(np.int32)]
    if is_line:
        cv2.polylines(mask, sixteenths, False, (1.0,), 1, cv2.LINE_AA, 4)
    else:
        cv2.fillPoly(mask, sixteenths, (1.0,), cv2.LINE_AA, 4)
    share = alpha * cv2.GaussianBlur(mask, (0, 0), _SOFT_PX)[..., np.newaxis]
    part[:] = part * (1 - share) + share * np.array(color)
