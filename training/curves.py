"""Draws the learning curves of a run from its CSV log."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import matplotlib as mpl

mpl.use('Agg')  # no screen needed
from matplotlib import pyplot as plt  # noqa: E402  (the backend must be chosen first)

Curve = dict[int, float]


def read(logs: list[Path]) -> dict[str, Curve]:
    """Reads Lightning's CSV logs: for each column, the value of each epoch, counted from 1.

    Args:
        logs: The logs of the run's sessions, oldest first; a later session wins.
    """
    curves: defaultdict[str, Curve] = defaultdict(dict)
    for log in logs:
        with log.open(encoding='utf-8', newline='') as file:
            for row in csv.DictReader(file):
                for name, cell in row.items():
                    if cell and name not in ('epoch', 'step'):
                        curves[name][int(row['epoch']) + 1] = float(cell)
    return dict(curves)


def draw(curves: dict[str, Curve], path: Path) -> None:
    """Writes accuracy and loss over the epochs as one picture."""
    figure, (upper, lower) = plt.subplots(2, sharex=True, figsize=(7, 6), layout='constrained')
    _line(upper, curves, 'val_acc', 'PublicTest accuracy')
    _line(lower, curves, 'train_loss', 'Training loss (augmented, smoothed labels)')
    _line(lower, curves, 'val_loss', 'PublicTest loss')
    upper.set_ylabel('accuracy')
    lower.set(xlabel='epoch', ylabel='loss')
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _line(axes: plt.Axes, curves: dict[str, Curve], name: str, label: str) -> None:
    curve = curves.get(name, {})
    axes.plot(list(curve), list(curve.values()), marker='.', label=label)
