"""The figures of the evaluation report."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from emotion_perception.labels import EMOTION_NAMES
from training.charts import plt, save
from training.scoring import metrics, ranking
from training.scoring.metrics import Floats, Ints
from training.scoring.scores import SplitReport, SplitScores

GALLERY_COLUMNS = 8
GALLERY_ROWS = 2


def draw_all(found: SplitReport, out: Path) -> None:
    """Writes `confusion-`, `reliability-`, `roc-`, `reject-` and `gallery-<split>*.png`."""
    scores, name = found.scores, found.scores.split
    probabilities = np.exp(metrics.log_softmax(found.logits / scores.temperature))
    draw_confusion(scores, out / f'confusion-{name}.png')
    draw_reliability(scores, out / f'reliability-{name}.png')
    draw_roc(scores, probabilities, found.split.labels, out / f'roc-{name}.png')
    draw_reject(scores, out / f'reject-{name}.png')
    for label, emotion in enumerate(EMOTION_NAMES):
        draw_gallery(found, probabilities, label, out / gallery_name(name, emotion))


def gallery_name(split: str, emotion: str) -> str:
    """File name of one class's gallery."""
    return f'gallery-{split}-{emotion}.png'


def draw_confusion(result: SplitScores, path: Path) -> None:
    """Writes the confusion matrix as shares of each label."""
    totals = np.maximum(result.confusion.sum(axis=1, keepdims=True), 1)
    shares = result.confusion / totals
    figure, axes = plt.subplots(figsize=(6.4, 5.6), layout='constrained')
    axes.imshow(shares, cmap='Blues', vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        axes.text(
            column,
            row,
            f'{share:.0%}',
            ha='center',
            va='center',
            fontsize=9,
            color='white' if share > 0.5 else 'black',
        )
    ticks = range(len(EMOTION_NAMES))
    axes.set_xticks(ticks, EMOTION_NAMES, rotation=45, ha='right')
    axes.set_yticks(ticks, EMOTION_NAMES)
    axes.set_xlabel('predicted')
    axes.set_ylabel('label')
    axes.set_title(f'{result.split}, share of each label')
    save(figure, path)


def draw_reliability(result: SplitScores, path: Path) -> None:
    """Writes accuracy against confidence, before and after the temperature."""
    figure, axes = plt.subplots(figsize=(5.2, 5), layout='constrained')
    axes.plot([0, 1], [0, 1], color='grey', linestyle=':')
    for name, bins in (('plain', result.before), ('calibrated', result.after)):
        filled = bins.counts > 0
        axes.plot(
            bins.confidence[filled],
            bins.accuracy[filled],
            marker='o',
            label=f'{name}: ECE {bins.ece:.3f}',
        )
    axes.set(
        xlim=(0, 1),
        ylim=(0, 1),
        xlabel='confidence',
        ylabel='accuracy',
        title=f'{result.split}, temperature {result.temperature:.2f}',
    )
    axes.legend()
    save(figure, path)


def draw_roc(result: SplitScores, probabilities: Floats, labels: Ints, path: Path) -> None:
    """Writes the one-vs-rest ROC curve of every class that has one."""
    figure, axes = plt.subplots(figsize=(5.6, 5.4), layout='constrained')
    axes.plot([0, 1], [0, 1], color='grey', linestyle=':')
    for label, (emotion, area) in enumerate(zip(EMOTION_NAMES, result.aucs, strict=True)):
        if not math.isnan(area):
            rates = ranking.roc(probabilities[:, label], labels == label)
            axes.plot(*rates, label=f'{emotion}: {area:.3f}')
    axes.set(
        xlim=(0, 1),
        ylim=(0, 1),
        xlabel='false positive rate',
        ylabel='true positive rate',
        title=f'{result.split}, each class against the rest',
    )
    axes.legend(title='AUC', loc='lower right')
    save(figure, path)


def draw_reject(result: SplitScores, path: Path) -> None:
    """Writes accuracy against coverage."""
    curve = result.reject
    figure, axes = plt.subplots(figsize=(5.6, 4.4), layout='constrained')
    axes.plot(curve.coverage, curve.accuracy)
    axes.set(
        xlim=(0, 1),
        ylim=(min(0.5, float(curve.accuracy.min())), 1.005),
        xlabel='coverage: share of the images counted, most confident first',
        ylabel='accuracy on these',
        title=f'{result.split}, reject curve',
    )
    axes.grid(alpha=0.3)
    save(figure, path)


def draw_gallery(found: SplitReport, probabilities: Floats, label: int, path: Path) -> None:
    """Writes images of one label that were called right and wrong."""
    predictions, labels = found.logits.argmax(axis=1), found.split.labels
    figure, (upper, lower) = plt.subplots(2, figsize=(8, 5.2), layout='constrained')
    groups = (
        ('called right', upper, predictions == label),
        ('called wrong', lower, predictions != label),
    )
    for title, axes, group in groups:
        members = np.flatnonzero((labels == label) & group)
        _draw_mosaic(axes, found, probabilities, spread(members, probabilities.max(axis=1)))
        axes.set_title(f'{EMOTION_NAMES[label]} {title}: {len(members)}', fontsize=10, loc='left')
    save(figure, path, dpi=100)


def spread(members: Ints, confidence: Floats) -> Ints:
    """Chooses images evenly from the most to the least confident, without any chance in it.

    Args:
        members: int64 `[m]`, indices to choose from.
        confidence: float64 `[n]`, of all images.

    Returns:
        At most as many indices as a gallery holds, by falling confidence.
    """
    ordered = members[np.argsort(-confidence[members], kind='stable')]
    count = min(GALLERY_COLUMNS * GALLERY_ROWS, len(ordered))
    chosen: Ints = ordered[np.linspace(0, len(ordered) - 1, count).round().astype(np.int64)]
    return chosen


def _draw_mosaic(axes: Axes, found: SplitReport, probabilities: Floats, chosen: Ints) -> None:
    """One mosaic with a caption under each image: what it was called, how surely."""
    side, caption = found.split.images.shape[1], 14
    height = side + caption
    mosaic = np.full((GALLERY_ROWS * height, GALLERY_COLUMNS * side), 255, np.uint8)
    for place, index in enumerate(chosen):
        top, left = (place // GALLERY_COLUMNS) * height, (place % GALLERY_COLUMNS) * side
        mosaic[top : top + side, left : left + side] = found.split.images[index]
        predicted = int(found.logits[index].argmax())
        axes.text(
            left + side / 2,
            top + side + caption / 2,
            f'{EMOTION_NAMES[predicted]} {probabilities[index, predicted]:.0%}',
            ha='center',
            va='center',
            fontsize=8,
        )
    axes.imshow(mosaic, cmap='gray', vmin=0, vmax=255)
    axes.axis('off')
