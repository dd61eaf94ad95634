"""Looks at the data before training on it: one Markdown report with its figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from emotion_perception.labels import EMOTION_NAMES, NUM_EMOTIONS
from training.charts import plt, save
from training.console import progress
from training.dataset import data, ferplus
from training.dataset.data import SPLITS, Dataset
from training.errors import TrainingError
from training.writing import write_text

_SAMPLES = 8


@dataclass(frozen=True)
class Duplicates:
    """Pixel-identical images.

    Attributes:
        groups: Sets of two or more identical images.
        surplus: Images beyond the first of each group.
        conflicting: Groups whose labels differ.
        across: Groups that reach into more than one split.
        twins: Images of a test split that also occur in Training, by split.
    """

    groups: int
    surplus: int
    conflicting: int
    across: int
    twins: dict[str, int]


def find_duplicates(dataset: Dataset) -> Duplicates:
    """Groups all images by the MD5 of their pixels."""
    groups: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for name in progress(SPLITS, 'hashing', 'splits'):
        split = dataset[name]
        for digest, label in zip(data.fingerprints(split.images), split.labels, strict=True):
            groups[digest].append((name, int(label)))
    several = [group for group in groups.values() if len(group) > 1]
    twins = Counter(
        name
        for group in several
        if any(split == 'Training' for split, _ in group)
        for name, _ in group
    )
    return Duplicates(
        groups=len(several),
        surplus=sum(len(group) - 1 for group in several),
        conflicting=sum(len({label for _, label in group}) > 1 for group in several),
        across=sum(len({split for split, _ in group}) > 1 for group in several),
        twins={name: twins[name] for name in SPLITS[1:]},
    )


def explore(dataset: Dataset, out: Path, votes: NDArray[np.int64] | None = None) -> Path:
    """Writes `report.md` and its figures.

    Args:
        dataset: Read data.
        out: Folder for the report.
        votes: FER+ votes, int64 `[rows, 10]` in the data set's row order, or None.

    Returns:
        Path of the report.

    Raises:
        TrainingError: The votes have another number of rows than the data.
    """
    out.mkdir(parents=True, exist_ok=True)
    _draw_distribution(dataset, out / 'classes.png')
    _draw_samples(dataset, out / 'samples.png')
    _draw_means(dataset, out / 'means.png')
    parts = [
        '# FER-2013 as found',
        _class_table(dataset),
        '![classes](classes.png)',
        '## Images\n\nEight random Training images of each class, and each class on average:\n',
        '![samples](samples.png)\n![means](means.png)',
        _pixel_table(dataset),
        _duplicate_text(find_duplicates(dataset)),
    ]
    if votes is not None:
        parts.append(_agreement_text(dataset, votes))
    path = out / 'report.md'
    write_text(path, '\n\n'.join(parts) + '\n')
    return path


def _counts(dataset: Dataset, name: str) -> NDArray[np.int64]:
    return np.bincount(dataset[name].labels, minlength=NUM_EMOTIONS)


def _class_table(dataset: Dataset) -> str:
    rows = ['| class | ' + ' | '.join(SPLITS) + ' |', '|---|' + '---|' * len(SPLITS)]
    counts = [_counts(dataset, name) for name in SPLITS]
    for index, emotion in enumerate(EMOTION_NAMES):
        cells = [f'{c[index]:,} ({c[index] / max(1, c.sum()):.1%})' for c in counts]
        rows.append(f'| {emotion} | ' + ' | '.join(cells) + ' |')
    rows.append('| all | ' + ' | '.join(f'{c.sum():,}' for c in counts) + ' |')
    return '\n'.join(rows)


def _pixel_table(dataset: Dataset) -> str:
    rows = [
        '## Pixels\n',
        '| split | mean | standard deviation | images of one grey only |',
        '|---|---|---|---|',
    ]
    for name in SPLITS:
        images = dataset[name].images
        if not len(images):
            continue
        mean, std = data.grey_statistics(images)
        flat = images.reshape(len(images), -1)
        blank = int((flat.min(axis=1) == flat.max(axis=1)).sum())
        rows.append(f'| {name} | {mean:.4f} | {std:.4f} | {blank} |')
    return '\n'.join([*rows, '', 'Grey values over 255; the Training row normalises the input.'])


def _duplicate_text(found: Duplicates) -> str:
    twins = ' and '.join(f'{count:,} {name} rows' for name, count in found.twins.items())
    return (
        f'## Duplicates\n\n{found.groups:,} groups of identical images hold {found.surplus:,} '
        f'surplus rows; {found.conflicting:,} groups carry conflicting labels, {found.across:,} '
        f'reach across splits. {twins} have an identical twin in Training, so scores on them are '
        'helped by memory: reports also give the accuracy without them.'
    )


def _agreement_text(dataset: Dataset, votes: NDArray[np.int64]) -> str:
    splits = [dataset[name] for name in SPLITS]
    rows = np.concatenate([split.rows for split in splits])
    if len(votes) != len(rows):
        raise TrainingError(
            f'the FER+ file has {len(votes)} rows, the data set {len(rows)}: they do not belong '
            'together'
        )
    labels = np.concatenate([split.labels for split in splits])
    major = ferplus.majority(votes[rows])
    lines = [
        '## FER+ against the original labels\n',
        'Majority of ten annotators after the FER+ protocol (single votes dropped, more than half '
        'of the rest).\n',
        '| original label | rows | FER+ agrees | FER+ says something else | no clear majority |',
        '|---|---|---|---|---|',
    ]
    for index, emotion in enumerate(EMOTION_NAMES):
        chosen = major[labels == index]
        same = int((chosen == ferplus.FER2013_COLUMNS[index]).sum())
        none = int((chosen == ferplus.NO_MAJORITY).sum())
        total = max(1, len(chosen))
        lines.append(
            f'| {emotion} | {len(chosen):,} | {same / total:.1%} | '
            f'{(len(chosen) - same - none) / total:.1%} | {none / total:.1%} |'
        )
    return '\n'.join(lines)


def _draw_distribution(dataset: Dataset, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(8, 4), layout='constrained')
    width = 0.8 / len(SPLITS)
    for number, name in enumerate(SPLITS):
        counts = _counts(dataset, name)
        places = np.arange(NUM_EMOTIONS) + (number - 1) * width
        axes.bar(places, counts / max(1, counts.sum()), width, label=f'{name} ({counts.sum():,})')
    axes.set_xticks(range(NUM_EMOTIONS), EMOTION_NAMES)
    axes.set_ylabel('share of the split')
    axes.legend()
    save(figure, path)


def _draw_samples(dataset: Dataset, path: Path) -> None:
    training, rng = dataset['Training'], np.random.default_rng(0)
    rows = []
    for label in range(NUM_EMOTIONS):
        found = np.flatnonzero(training.labels == label)
        chosen = rng.choice(found, min(_SAMPLES, len(found)), replace=False)
        rows.append([np.asarray(training.images[index]) for index in chosen])
    _draw_grid(rows, path)


def _draw_means(dataset: Dataset, path: Path) -> None:
    training = dataset['Training']
    figure, axes = plt.subplots(1, NUM_EMOTIONS, figsize=(9, 1.6), layout='constrained')
    for label, axis in enumerate(axes):
        chosen = np.flatnonzero(training.labels == label)
        if len(chosen):
            axis.imshow(training.images[chosen].mean(axis=0), cmap='gray', vmin=0, vmax=255)
        axis.set_title(EMOTION_NAMES[label], fontsize=9)
        axis.axis('off')
    save(figure, path)


def _draw_grid(rows: list[list[NDArray[np.uint8]]], path: Path) -> None:
    figure, axes = plt.subplots(len(rows), _SAMPLES, figsize=(9, 8), layout='constrained')
    for label, (row, line) in enumerate(zip(rows, axes, strict=True)):
        for axis in line:
            axis.axis('off')
        for image, axis in zip(row, line, strict=False):
            axis.imshow(image, cmap='gray', vmin=0, vmax=255)
        line[0].set_title(EMOTION_NAMES[label], fontsize=9, loc='left')
    save(figure, path, dpi=90)
