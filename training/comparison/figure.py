"""Draws accuracy against cost, with a name at each point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from training.charts import plt, save
from training.scoring.metrics import Share

# Where a name may go, in points from its mark: right of it first, higher and lower as need be.
_PLACES = [(x, y) for y in (5, -13, 17, -25, 29, -37) for x in (6, -6)]


@dataclass(frozen=True)
class Point:
    """One model.

    Attributes:
        name: Its name.
        accuracy: On the drawn split.
        multiply_adds: For one face, or None where they are not known.
        milliseconds: For one face.
    """

    name: str
    accuracy: Share
    multiply_adds: int | None
    milliseconds: float


def draw(points: Sequence[Point], split: str, machine: str, path: Path) -> None:
    """Writes accuracy with its 95 % interval against multiply-adds and against time, log axes.

    Args:
        points: The models.
        split: Name of the split that the accuracies are of.
        machine: What the times were measured on.
        path: PNG file to write.
    """
    figure, (left, right) = plt.subplots(1, 2, sharey=True, figsize=(12, 5), layout='constrained')
    counted = [point for point in points if point.multiply_adds]
    colours = {point.name: f'C{number % 10}' for number, point in enumerate(points)}
    products = [(point.multiply_adds or 0) / 1e6 for point in counted]
    times = [point.milliseconds for point in points]
    _mark(left, counted, products, colours)
    _mark(right, points, times, colours)
    left.set(
        xlabel='million multiply-adds for one face',
        ylabel=f'accuracy on {split}, % (95 % interval)',
    )
    right.set(xlabel=f'ms for one face ({machine})')
    figure.draw_without_rendering()  # the layout must be final before names can be placed
    _name(left, counted, products)
    _name(right, points, times)
    save(figure, path)


def _mark(
    axes: Axes, points: Sequence[Point], costs: Sequence[float], colours: Mapping[str, str]
) -> None:
    axes.set_xscale('log')
    if costs:
        # Room for the names; models of equal cost span no range of their own.
        axes.set_xlim(min(costs) / 3, max(costs) * 3)
    axes.grid(alpha=0.3, which='both')
    for point, cost in zip(points, costs, strict=True):
        value = point.accuracy.value
        low, high = (100 * abs(bound - value) for bound in point.accuracy.interval)
        axes.errorbar(
            cost, 100 * value, [[low], [high]], marker='o', capsize=3, color=colours[point.name]
        )


def _name(axes: Axes, points: Sequence[Point], costs: Sequence[float]) -> None:
    """Puts each name at the first place that is free and inside."""
    marks = [(cost, 100 * p.accuracy.value) for p, cost in zip(points, costs, strict=True)]
    taken = [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in map(axes.transData.transform, marks)]
    for point, mark in zip(points, marks, strict=True):
        taken.append(_placed(axes, point.name, mark, taken))


def _placed(axes: Axes, name: str, mark: tuple[float, float], taken: Sequence[Bbox]) -> Bbox:
    """Writes a name and returns the box it covers, in pixels."""
    places = [*_PLACES, _PLACES[0]]  # when all are taken, the first after all
    for number, offset in enumerate(places):
        text = _write(axes, name, mark, offset)
        box = text.get_window_extent()
        inside = axes.bbox.x0 <= box.x0 and box.x1 <= axes.bbox.x1
        free = inside and not box.count_overlaps(taken)
        if free or number == len(places) - 1:
            break
        text.remove()
    return box


def _write(axes: Axes, name: str, mark: tuple[float, float], offset: tuple[int, int]) -> Annotation:
    return axes.annotate(
        name,
        mark,
        xytext=offset,
        textcoords='offset points',
        ha='left' if offset[0] > 0 else 'right',
        fontsize=8,
    )
