"""Draws plots as PNG files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.errors import BenchmarkError
from benchmarks.schema import Plot

_SIZE_INCHES = (7.0, 4.0)
_DPI = 90
_BAR_WIDTH = 0.8  # of the room that one x value has
_MAX_TICKS = 12
_LEGEND_ROOM = 1.6  # right of a stack, in bars
_HEADROOM = 1.05  # above the highest value, which the axis may end at otherwise


def draw(plots: Sequence[Plot], folder: Path) -> list[Path]:
    """Writes one PNG for each plot.

    Args:
        plots: What to draw; a plot without points is left out.
        folder: Where to; made if it does not exist.

    Returns:
        The files.

    Raises:
        BenchmarkError: matplotlib is not installed or the folder cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: F401
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BenchmarkError(
            'Plots need matplotlib: run `make bench`, which installs it, or '
            '`pip install -r requirements/bench.in`.'
        ) from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [
            _draw_one(plot, folder / f'{plot.name}.png', Figure)
            for plot in plots
            if any(plot.series.values())
        ]
    except OSError as error:
        raise BenchmarkError(
            f'Plots cannot be written to {folder} ({error.strerror}): choose another folder with '
            '--out.'
        ) from error


def _draw_one(plot: Plot, path: Path, figure_class: Any) -> Path:
    figure = figure_class(figsize=_SIZE_INCHES, layout='constrained')
    axes = figure.add_subplot()
    _KINDS[plot.kind](axes, plot)
    axes.set(title=plot.title, xlabel=plot.x_label, ylabel=plot.y_label)
    axes.set_ylim(0, _HEADROOM * axes.get_ylim()[1])
    axes.grid(axis='y', alpha=0.3)
    axes.spines[['top', 'right']].set_visible(False)
    if len(plot.series) > 1:
        axes.legend(frameon=False)
    figure.savefig(path, dpi=_DPI)
    return path


def _draw_lines(axes: Any, plot: Plot) -> None:
    for name, points in plot.series.items():
        x, y = zip(*points, strict=True)
        axes.plot(x, y, marker='o', markersize=4, label=name)
    xs = sorted({x for points in plot.series.values() for x, _ in points})
    if plot.log_x:
        axes.set_xscale('log', base=2)
    if len(xs) <= _MAX_TICKS:
        axes.set_xticks(xs, [f'{x:.3g}' for x in xs], minor=False)
        axes.minorticks_off()


def _draw_steps(axes: Any, plot: Plot) -> None:
    """Share of the values that are not larger than x."""
    for name, points in plot.series.items():
        x, y = zip(*points, strict=True)
        axes.step(x, y, where='post', label=name)


def _draw_bars(axes: Any, plot: Plot) -> None:
    names = list(dict.fromkeys(x for points in plot.series.values() for x, _ in points))
    width = _BAR_WIDTH / len(plot.series)
    for number, (name, points) in enumerate(plot.series.items()):
        offset = (number - (len(plot.series) - 1) / 2) * width
        places = np.array([names.index(x) for x, _ in points]) + offset
        bars = axes.bar(places, [y for _, y in points], width, label=name)
        axes.bar_label(bars, fmt='%.3g', fontsize=8)
    axes.set_xticks(range(len(names)), names)


def _draw_stack(axes: Any, plot: Plot) -> None:
    """Bars on top of each other: parts of a whole."""
    names = list(dict.fromkeys(x for points in plot.series.values() for x, _ in points))
    below = np.zeros(len(names))
    for name, points in plot.series.items():
        heights = dict(points)
        values = np.array([heights.get(x, 0.0) for x in names])
        axes.bar(names, values, _BAR_WIDTH / 2, bottom=below, label=name)
        below += values
    axes.set_xlim(-0.5, len(names) - 0.5 + _LEGEND_ROOM)


_KINDS = {'lines': _draw_lines, 'steps': _draw_steps, 'bars': _draw_bars, 'stack': _draw_stack}
