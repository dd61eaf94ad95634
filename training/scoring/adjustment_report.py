"""What logit adjustment of any strength would do to a model, on FER+ labels and on portraits.

And what a confidence threshold would do to the balanced predictions that come of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from emotion_perception.labels import EMOTION_NAMES, FERPLUS
from training.dataset import ferplus
from training.dataset.data import Dataset
from training.errors import TrainingError
from training.scoring import adjustment, portraits, portraits_report, predict, thresholds
from training.scoring.adjustment import Choice, Point
from training.scoring.metrics import Floats
from training.scoring.portraits import Portraits
from training.scoring.thresholds import ThresholdPoint

ADJUSTED = 'ferplus, adjusted'


def study(
    model: Path,
    dataset: Dataset,
    votes: Path,
    folder: Path | None = None,
    threads: int | None = None,
    bonus: Floats = adjustment.NO_BONUS,
) -> str:
    """Adjusts a model's FER+ predictions on PublicTest, which selects, and on portraits.

    Args:
        model: A `.ckpt` of a run folder or an `.onnx` with its manifest.
        dataset: Read data; PrivateTest is not looked at.
        votes: FER+ votes (`fer2013new.csv`).
        folder: Portraits for `portraits.read_portraits`, or None.
        threads: CPU threads.
        bonus: What the classes get beside, in nats, float64 `[7]`.

    Returns:
        Markdown: the shares, a table by strength, the strength of the best mean recall, and a table
        by threshold of what an export would ship.

    Raises:
        TrainingError: A file is missing or damaged, or the model knows no FER+ labels.
    """
    every_vote = ferplus.votes_for(votes, dataset)
    opened = predict.open_model(model, threads)
    people = None if folder is None else portraits.read_portraits(folder, ())
    split = dataset['PublicTest']
    given = predict.predict_logits(opened.run, split.images, opened.spec, split.name)
    if FERPLUS not in given:
        raise TrainingError(f'{model} predicts no FER+ labels to adjust: train with model.votes')
    shares = adjustment.priors(dataset['Training'], every_vote)
    selecting, logits = every_vote[split.rows], given[FERPLUS]
    points = adjustment.curve(logits, selecting, shares, bonus=bonus)
    chosen = adjustment.choose(logits, selecting, shares, bonus)
    called = _Balanced(shares, bonus, chosen)
    named = thresholds.curve(called.logits(logits), selecting)
    seen, kept = [''] * len(points), [''] * len(named)
    if people is not None:
        said = portraits.logits(portraits.open_reader(model, threads), people)[FERPLUS]
        seen = [_seen(people, adjustment.adjust(said, shares, p.strength, bonus)) for p in points]
        kept = [_kept(people, called.logits(said), point.threshold) for point in named]
    return '\n\n'.join([_strengths(shares, points, seen), _thresholds(chosen, bonus, named, kept)])


class _Balanced(NamedTuple):
    """The predictions that an export would ship."""

    shares: Floats
    bonus: Floats
    chosen: Choice

    def logits(self, logits: Floats) -> Floats:
        """float64 `[n, 7]` as the votes taught them, to the balanced ones."""
        adjusted = adjustment.adjust(logits, self.shares, self.chosen.strength, self.bonus)
        return np.asarray(adjusted / self.chosen.temperature)


def _seen(people: Portraits, logits: Floats) -> str:
    """A cell of recalls on the portraits."""
    recalls = portraits.score(people, ADJUSTED, logits).recalls(np.ones(len(people), bool))
    return ', '.join(f'{name} {portraits_report.percent(s)}' for name, s in recalls.items())


def _kept(people: Portraits, logits: Floats, threshold: float) -> str:
    """A cell that says how many portraits are named, and how many of these wrongly."""
    named = thresholds.confidence(logits) >= threshold  # no face is no name: NaN is below all
    wrong = logits.argmax(axis=1) != people.labels
    return ', '.join(
        f'{EMOTION_NAMES[label]} {(named & rows).sum()} of {rows.sum()}, '
        f'{(named & wrong & rows).sum()} of them wrong'
        for label in np.unique(people.labels)
        for rows in [people.labels == label]
    )


def _strengths(shares: Floats, points: Sequence[Point], seen: Sequence[str]) -> str:
    prior = ', '.join(
        f'{name} {share:.4f}' for name, share in zip(EMOTION_NAMES, shares, strict=True)
    )
    names = ' | '.join(EMOTION_NAMES)
    rows = [
        f'| strength | accuracy | mean recall | {names} | ECE | ECE on votes | portraits |',
        '|' + '---|' * (6 + len(EMOTION_NAMES)),
        *(_row(point, cell) for point, cell in zip(points, seen, strict=True)),
    ]
    chosen = adjustment.best(points)
    return '\n'.join(
        [
            f'Shares of the votes in Training: {prior}',
            '',
            *rows,
            '',
            f'Best mean recall: {chosen.mean_recall:.2%} at strength {chosen.strength:g} '
            f'(n = {chosen.accuracy.count:,}, PublicTest, FER+ labels, temperature 1)',
        ]
    )


def _row(point: Point, seen: str) -> str:
    recalls = ' | '.join(f'{recall:.1%}' for recall in point.recalls)
    return (
        f'| {point.strength:g} | {point.accuracy.value:.2%} | {point.mean_recall:.2%} | {recalls} '
        f'| {point.ece:.3f} | {point.votes_ece:.3f} | {seen} |'
    )


def _thresholds(
    chosen: Choice, bonus: Floats, points: Sequence[ThresholdPoint], kept: Sequence[str]
) -> str:
    given = ', '.join(
        f'{name} {nats:+g}' for name, nats in zip(EMOTION_NAMES, bonus, strict=True) if nats
    )
    names = ' | '.join(EMOTION_NAMES)
    rows = [
        f'| threshold | named | right | {names} | named without a majority | portraits named |',
        '|' + '---|' * (5 + len(EMOTION_NAMES)),
        *(_threshold_row(point, cell) for point, cell in zip(points, kept, strict=True)),
    ]
    return '\n'.join(
        [
            f'As an export would balance them (strength {chosen.strength:g}, bonus '
            f'{given or "none"}, temperature {chosen.temperature:g}), faces below a confidence '
            'threshold called Uncertain; classes: share that is named rightly',
            '',
            *rows,
        ]
    )


def _threshold_row(point: ThresholdPoint, kept: str) -> str:
    recalls = ' | '.join(f'{recall:.1%}' for recall in point.recalls)
    return (
        f'| {point.threshold:g} | {point.named.value:.1%} | {point.right.value:.1%} | {recalls} '
        f'| {point.disputed.value:.1%} | {kept} |'
    )
