"""Scores in a dim room as Markdown and as lines for the console."""

from __future__ import annotations

from collections.abc import Sequence

from training.scoring.darkness import NOISES, DarkScores
from training.scoring.metrics import Share


def section(results: Sequence[DarkScores], split: str) -> str:
    """A section of the report."""
    noises = '; '.join(
        f'{name}: variance {noise.read**2:g} + {noise.shot:g} g' for name, noise in NOISES.items()
    )
    rows = [
        '| underexposed faces | noise | brightness | original labels | FER+ labels |',
        '|---|---|---|---|---|',
        *(_row(result) for result in results),
    ]
    note = (
        f'{split}, its grey values times the brightness, with normal noise on every pixel of the '
        f'48x48 image ({noises}, at the grey value g), in whole grey values. A larger face has '
        'less noise by the time it is brought to 48 pixels.'
    )
    return '\n\n'.join(['## In a dim room', note, '\n'.join(rows)])


def summary(results: Sequence[DarkScores]) -> str:
    """One line: without noise, as the model's preprocessing says."""
    first = results[0]
    chosen = [r for r in results if (r.noise, r.corrected) == (first.noise, first.corrected)]
    lights = ', '.join(f'{r.brightness:g}: {_percent(r.original)}' for r in chosen)
    return f'  accuracy by brightness, without noise: {lights}'


def _row(result: DarkScores) -> str:
    what = 'corrected' if result.corrected else 'as they are'
    cells = [what, result.noise, f'{result.brightness:g}']
    return '| ' + ' | '.join([*cells, _percent(result.original), _percent(result.ferplus)]) + ' |'


def _percent(share: Share | None) -> str:
    return '-' if share is None or not share.count else f'{share.value:.2%} (n = {share.count:,})'
