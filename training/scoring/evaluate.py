"""Scores a model on PublicTest, and on PrivateTest when the reading is asked for and logged."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from emotion_perception.pipeline import EmotionPipeline
from training.dataset import ferplus
from training.dataset.data import Dataset
from training.errors import TrainingError
from training.scoring import darkness, paired, portraits, predict, report, scenes, tencrop
from training.scoring.darkness import DarkScores
from training.scoring.portraits import Portraits, PortraitScores
from training.scoring.private_test_log import log_private_test
from training.scoring.scores import SplitReport
from training.scoring.splits import score_splits, splits_to_score

SAMPLE_SEED = 0


@dataclass(frozen=True)
class Request:
    """What to measure beside the headline figures on PublicTest.

    Attributes:
        final: Also read PrivateTest; the reading is logged beside the model, because each further
            reading makes the figure a little less of a test.
        ferplus: FER+ votes (`fer2013new.csv`), to score on their labels too.
        ten_crop: Also score the mean prediction of ten crops.
        pipeline: Also run the images, placed in scenes, through the runtime's pipeline.
        dark: Also darken PublicTest, with and without noise.
        portraits: A folder of labelled images of people, to score by group of people too.
        groups: Columns of its label file to group by; None for all.
        limit: At most so many rows, drawn at random, for ten-crop and the pipeline, which are
            slow; None takes all. The headline figures always take all.
        threads: CPU threads.
    """

    final: bool = False
    ferplus: Path | None = None
    ten_crop: bool = False
    pipeline: bool = False
    dark: bool = False
    portraits: Path | None = None
    groups: tuple[str, ...] | None = None
    limit: int | None = None
    threads: int | None = None


class Evaluation(NamedTuple):
    """What was measured.

    Attributes:
        splits: PublicTest, and PrivateTest if it was read.
        dark: The model on PublicTest in less light, if that was asked for.
        portraits: Each prediction of the model on the folder of portraits, if there is one.
    """

    splits: list[SplitReport]
    dark: list[DarkScores]
    portraits: list[PortraitScores]


def evaluate(
    model: Path, dataset: Dataset, out: Path, request: Request | None = None
) -> Evaluation:
    """Scores a model and writes `report.md`, `scores.json` and the figures.

    Args:
        model: A `.ckpt` of a run folder or an `.onnx` with its manifest.
        dataset: Read data.
        out: Folder for the report.
        request: What to measure.

    Raises:
        TrainingError: The model or what belongs to it is missing or damaged.
    """
    request = request or Request()
    names = splits_to_score(dataset, request.final)
    tools = _open(model, dataset, request)
    scored = score_splits(model, tools.model, dataset, names, tools.votes)
    results = [_extend(found, tools, request) for found in scored]
    dark = darkness.score(tools.model, dataset[names[0]], tools.votes) if request.dark else []
    people = _portrait_scores(model, tools, request)
    report.write(out, model, results, dark, people)
    if request.final:
        log_private_test(model, results[-1])
    return Evaluation(results, dark, people)


def _portrait_scores(model: Path, tools: _Tools, request: Request) -> list[PortraitScores]:
    if tools.portraits is None:
        return []
    return portraits.score_model(model, tools.portraits, request.threads)


@dataclass(frozen=True)
class _Tools:
    """All that a request needs, opened before anything slow starts."""

    model: predict.Opened
    votes: NDArray[np.int64] | None
    pipeline: EmotionPipeline | None
    portraits: Portraits | None


def _open(model: Path, dataset: Dataset, request: Request) -> _Tools:
    if request.limit is not None and request.limit < 1:
        raise TrainingError(f'--limit must be at least 1, not {request.limit}')
    if request.groups and request.portraits is None:
        raise TrainingError('--group groups portraits: give their folder with --portraits')
    opened = predict.open_model(model, request.threads)
    votes = None if request.ferplus is None else ferplus.votes_for(request.ferplus, dataset)
    pipeline = scenes.open_pipeline(model, request.threads) if request.pipeline else None
    people = None
    if request.portraits is not None:
        people = portraits.read_portraits(request.portraits, request.groups)
    return _Tools(opened, votes, pipeline, people)


def _extend(found: SplitReport, tools: _Tools, request: Request) -> SplitReport:
    """Adds what is slow: ten-crop and the pipeline, on a sample of the rows."""
    index = sample(len(found.split), request.limit)
    rows, direct = found.split.select(index), found.logits.argmax(axis=1)[index]
    if request.ten_crop:
        crops = tencrop.probabilities(tools.model.run, rows.images, tools.model.spec).argmax(axis=1)
        compared = paired.compare(direct == rows.labels, crops == rows.labels)
        found = dataclasses.replace(found, ten_crop=compared)
    if tools.pipeline is not None:
        seen = scenes.predict_scenes(tools.pipeline, rows, f'{rows.name} in scenes')
        found = dataclasses.replace(found, pipeline=scenes.score(seen, direct, rows.labels))
    return found


def sample(count: int, limit: int | None) -> NDArray[np.int64]:
    """Rising indices of at most `limit` of `count` rows, the same at every call."""
    if limit is None or limit >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(SAMPLE_SEED).choice(count, limit, replace=False))
