"""What logit adjustment of any strength would do to a model, on FER+ labels and on portraits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from emotion_perception.labels import EMOTION_NAMES, FERPLUS
from training.dataset import ferplus
from training.dataset.data import Dataset
from training.errors import TrainingError
from training.scoring import adjustment, portraits, portraits_report, predict
from training.scoring.adjustment import Point
from training.scoring.metrics import Floats
from training.scoring.portraits import Portraits

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
        Markdown: the shares, a table by strength and the strength of the best mean recall.

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
    points = adjustment.curve(given[FERPLUS], every_vote[split.rows], shares, bonus=bonus)
    seen = [''] * len(points)
    if people is not None:
        seen = _seen(model, people, shares, points, threads, bonus)
    return _text(shares, points, seen)


def _seen(
    model: Path,
    people: Portraits,
    shares: Floats,
    points: Sequence[Point],
    threads: int | None,
    bonus: Floats,
) -> list[str]:
    """A cell of recalls on the portraits for every point."""
    said = portraits.logits(portraits.open_reader(model, threads), people)[FERPLUS]
    everyone = np.ones(len(people), bool)
    cells = []
    for point in points:
        adjusted = adjustment.adjust(said, shares, point.strength, bonus)
        recalls = portraits.score(people, ADJUSTED, adjusted).recalls(everyone)
        cells.append(
            ', '.join(f'{name} {portraits_report.percent(s)}' for name, s in recalls.items())
        )
    return cells


def _text(shares: Floats, points: Sequence[Point], seen: Sequence[str]) -> str:
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
