"""The log of a run, one CSV line per epoch, and its figure."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, fields
from itertools import pairwise
from pathlib import Path

from training.charts import plt, save
from training.writing import write_text


@dataclass(frozen=True)
class Line:
    """What one epoch gave.

    Attributes:
        epoch: Number of the epoch, from 1.
        size: Side of the images in pixels.
        lr: Learning rate at its end.
        train_loss: Mean loss of its steps (augmented images, smoothed labels).
        val_loss: Loss on PublicTest at the same size, averaged weights.
        val_acc: Accuracy on PublicTest at the same size, averaged weights.
        seconds: Time with validation.
    """

    epoch: int
    size: int
    lr: float
    train_loss: float
    val_loss: float
    val_acc: float
    seconds: float


def append(path: Path, line: Line) -> None:
    """Adds one epoch to the log, making the file with its header when needed."""
    earlier = read(path) if path.exists() else []
    _write(path, [*(each for each in earlier if each.epoch < line.epoch), line])


def cut(path: Path, epochs: int) -> None:
    """Drops the lines after an epoch from a log: a run that goes on there trains them again."""
    if path.exists():
        _write(path, [line for line in read(path) if line.epoch <= epochs])


def _write(path: Path, lines: list[Line]) -> None:
    text = io.StringIO(newline='')
    writer = csv.DictWriter(text, [field.name for field in fields(Line)])
    writer.writeheader()
    writer.writerows(map(asdict, lines))
    write_text(path, text.getvalue())


def read(path: Path) -> list[Line]:
    """Reads a log.

    Of an epoch that was trained twice the later line counts; a line that was cut off does not.
    Earlier versions left both after a kill.
    """
    with path.open(encoding='utf-8', newline='') as file:
        lines = {line.epoch: line for row in csv.DictReader(file) if (line := _line(row))}
    return [lines[epoch] for epoch in sorted(lines)]


def _line(row: dict[str, str]) -> Line | None:
    try:
        numbers = (float(row[field.name]) for field in fields(Line)[2:])
        return Line(int(row['epoch']), int(row['size']), *numbers)
    except (KeyError, TypeError, ValueError):
        return None


def draw(lines: list[Line], path: Path) -> None:
    """Writes accuracy and loss over the epochs as one figure; dotted lines mark a new size."""
    epochs = [line.epoch for line in lines]
    figure, (upper, lower) = plt.subplots(2, sharex=True, figsize=(7, 6), layout='constrained')
    upper.plot(epochs, [line.val_acc for line in lines], marker='.', label='PublicTest')
    lower.plot(
        epochs,
        [line.train_loss for line in lines],
        marker='.',
        label='Training (augmented, smoothed labels)',
    )
    lower.plot(epochs, [line.val_loss for line in lines], marker='.', label='PublicTest')
    upper.set_ylabel('accuracy')
    lower.set(xlabel='epoch', ylabel='loss')
    for axes in (upper, lower):
        for before, after in pairwise(lines):
            if before.size != after.size:
                axes.axvline(after.epoch - 0.5, color='grey', linestyle=':')
        axes.grid(alpha=0.3)
        axes.legend()
    save(figure, path)
