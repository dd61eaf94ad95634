"""Scores on portraits as Markdown and as lines for the console."""

from __future__ import annotations

from collections.abc import Sequence

from training.scoring.metrics import Share
from training.scoring.portraits import PortraitScores
from training.scoring.runtime import DETECTOR


def section(results: Sequence[PortraitScores]) -> str:
    """A section of the report: one table for each prediction of the model."""
    portraits = results[0].portraits
    note = (
        f'Whole images, found by {DETECTOR}, aligned and classified as the robot does it; of '
        'several faces the largest counts, and an image without a face counts as wrong. Shares '
        'with 95 % Wilson intervals: groups of a few people can be told apart by large '
        'differences only.'
    )
    parts = [f'## {len(portraits)} portraits from {portraits.folder.name}', note]
    for result in results:
        parts += [f'### Predicted as by `{result.label_set}`', _table(result)]
    return '\n\n'.join(parts)


def summary(results: Sequence[PortraitScores]) -> str:
    """One line for each prediction of the model."""
    lines = []
    for result in results:
        everyone = next(iter(result.masks().values()))
        recalls = ', '.join(
            f'{name} {percent(share)}' for name, share in result.recalls(everyone).items()
        )
        lines.append(
            f'{result.portraits.folder.name}, {result.label_set}: found '
            f'{percent(result.found(everyone))}; right {recalls}'
        )
    return '\n'.join(lines)


def percent(share: Share) -> str:
    """A share of few as text, with its 95 % interval and its counts."""
    if not share.count:
        return '-'
    low, high = share.interval
    return f'{share.value:.0%} ({low:.0%} to {high:.0%}; {share.hits} of {share.count})'


def _table(result: PortraitScores) -> str:
    masks = result.masks()
    names = list(result.recalls(next(iter(masks.values()))))
    rows = [
        '| group | found | ' + ' | '.join(f'{name}, right' for name in names) + ' |',
        '|---|---|' + '---|' * len(names),
    ]
    for (column, group), mask in masks.items():
        shares = [result.found(mask), *result.recalls(mask).values()]
        title = f'{column}: {group}' if column else group
        rows.append(f'| {title} | ' + ' | '.join(map(percent, shares)) + ' |')
    return '\n'.join(rows)
