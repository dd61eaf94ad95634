"""Writes the scores as Markdown, JSON and pictures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np

from emotion_perception.labels import EMOTION_NAMES

from . import metrics

if TYPE_CHECKING:
    from .evaluate import SplitScores

mpl.use('Agg')  # no screen needed
from matplotlib import pyplot as plt


def write(out: Path, model: Path, results: Sequence[SplitScores]) -> None:
    """Writes `report.md`, `scores.json` and two pictures per split into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    document = {
        'model': model.name,
        'splits': {result.split: result.document() for result in results},
    }
    (out / 'scores.json').write_text(json.dumps(document, indent=2) + '\n', encoding='utf-8')
    for result in results:
        _draw_confusion(result, out / f'confusion-{result.split}.png')
        _draw_reliability(result, out / f'reliability-{result.split}.png')
    text = '\n\n'.join(
        [f'# Scores of {model.name}', _overview(results), *(_section(result) for result in results)]
    )
    (out / 'report.md').write_text(text + '\n', encoding='utf-8')


def percent(share: metrics.Share) -> str:
    """A share as text with its 95 % interval and sample size."""
    low, high = share.interval
    return f'{share.value:.2%} ({low:.2%} to {high:.2%}, n = {share.count:,})'


def summary(result: SplitScores) -> str:
    """One line for the console."""
    return (
        f'{result.split}: accuracy {percent(result.accuracy)}, without twins '
        f'{percent(result.twin_free)}, macro-F1 {metrics.macro_f1(result.classes):.3f}, '
        f'ECE {result.before.ece:.3f} -> {result.after.ece:.3f} '
        f'at temperature {result.temperature:.3f}'
    )


def _overview(results: Sequence[SplitScores]) -> str:
    rows = ['| | ' + ' | '.join(r.split for r in results) + ' |', '|---|' + '---|' * len(results)]

    def row(name: str, cells: list[str]) -> None:
        rows.append(f'| {name} | ' + ' | '.join(cells) + ' |')

    row('accuracy (95 % interval)', [percent(r.accuracy) for r in results])
    row('accuracy on rows without a twin in Training', [percent(r.twin_free) for r in results])
    row('macro-F1', [f'{metrics.macro_f1(r.classes):.3f}' for r in results])
    row('NLL, plain', [f'{r.nll:.3f}' for r in results])
    row('NLL, calibrated', [f'{r.calibrated_nll:.3f}' for r in results])
    row('ECE, plain', [f'{r.before.ece:.3f}' for r in results])
    row('ECE, calibrated', [f'{r.after.ece:.3f}' for r in results])
    note = (
        f'Single crop, no ensemble. Temperature {results[0].temperature:.3f}, fitted on '
        'PublicTest (so the calibrated figures there are in-sample). ECE with '
        f'{metrics.ECE_BINS} bins of equal width; Wilson intervals.'
    )
    return '\n'.join(rows) + '\n\n' + note


def _section(result: SplitScores) -> str:
    rows = ['| class | precision | recall | F1 | pictures |', '|---|---|---|---|---|']
    rows += [
        f'| {name} | {s.precision:.3f} | {s.recall:.3f} | {s.f1:.3f} | {s.support} |'
        for name, s in zip(EMOTION_NAMES, result.classes, strict=True)
    ]
    return '\n'.join(
        [
            f'## {result.split}',
            '',
            *rows,
            '',
            f'![confusion](confusion-{result.split}.png)',
            f'![reliability](reliability-{result.split}.png)',
        ]
    )


def _draw_confusion(result: SplitScores, path: Path) -> None:
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
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _draw_reliability(result: SplitScores, path: Path) -> None:
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
    figure.savefig(path, dpi=110)
    plt.close(figure)
