"""Several models on the same images: what each costs, how right it is, and what it gains."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from training import machine
from training.comparison import candidates, cost, report
from training.comparison.candidates import Candidate
from training.comparison.report import Row, Setting
from training.console import progress
from training.dataset import ferplus
from training.dataset.data import Dataset
from training.errors import TrainingError
from training.scoring import paired, predict
from training.scoring.private_test_log import log_private_test
from training.scoring.scores import SplitReport
from training.scoring.splits import score_splits, splits_to_score


@dataclass(frozen=True)
class Request:
    """What to compare by.

    Attributes:
        baseline: Model to measure gains against; None for the first.
        final: Also read PrivateTest; each reading is logged beside its model.
        ferplus: FER+ votes (`fer2013new.csv`), to score on their labels too.
        threads: CPU threads; None for all cores.
    """

    baseline: Path | None = None
    final: bool = False
    ferplus: Path | None = None
    threads: int | None = None


def compare(
    models: Sequence[Path], dataset: Dataset, out: Path, request: Request | None = None
) -> str:
    """Measures the models and writes `compare.md`, `compare.json` and `compare.png`.

    Args:
        models: Run folders (their `best.ckpt`), `.ckpt` or `.onnx` files, each once.
        dataset: Read data.
        out: Folder for the report.
        request: What to compare by.

    Returns:
        The table as Markdown.

    Raises:
        TrainingError: A model is given twice, or it or what belongs to it is missing or damaged.
    """
    request = request or Request()
    paths, baseline = candidates.find(models, request.baseline)
    splits = splits_to_score(dataset, request.final)
    votes = None if request.ferplus is None else ferplus.votes_for(request.ferplus, dataset)
    threads = _threads(request.threads)
    with tempfile.TemporaryDirectory() as folder:
        found = _read(paths, Path(folder))
        times = _time(found, threads)
    names = candidates.unique_names(found)
    results = [
        _measure(one, name, dataset, splits, votes, threads)
        for one, name in zip(found, names, strict=True)
    ]
    first = results[paths.index(baseline)]
    rows = [
        Row(one, name, taken, result, None if result is first else _gains(first, result))
        for one, name, taken, result in zip(found, names, times, results, strict=True)
    ]
    setting = Setting(dataset.source.name, machine.cpu_name(), threads, cost.ROUNDS)
    return report.write(out, rows, setting)


def _threads(asked: int | None) -> int:
    """The number is set even when not asked for, so that the report states what was used."""
    if asked is not None and asked < 1:
        raise TrainingError(f'--threads must be at least 1, not {asked}')
    threads = asked or machine.cpu_count()
    torch.set_num_threads(threads)
    return threads


def _read(paths: Sequence[Path], folder: Path) -> list[Candidate]:
    numbered = progress(enumerate(paths), 'counting', 'models', len(paths))
    return [candidates.read(path, folder / f'{number}.onnx') for number, path in numbered]


def _time(found: Sequence[Candidate], threads: int) -> list[float]:
    models = [(predict.onnx_predictor(one.graph, threads), one.side) for one in found]
    return cost.milliseconds(models, cost.ROUNDS)


def _measure(
    one: Candidate,
    name: str,
    dataset: Dataset,
    splits: list[str],
    votes: NDArray[np.int64] | None,
    threads: int,
) -> dict[str, SplitReport]:
    model = predict.open_model(one.path, threads)
    reports: dict[str, SplitReport] = {}
    for found in score_splits(one.path, model, dataset, splits, votes, f'{name} on '):
        reports[found.split.name] = found
        if found.split.name == 'PrivateTest':
            # At once: a reading that a later stop would hide is a reading all the same.
            log_private_test(one.path, found)
    return reports


def _gains(
    first: dict[str, SplitReport], second: dict[str, SplitReport]
) -> dict[str, paired.Comparison]:
    return {name: paired.compare(_right(first[name]), _right(second[name])) for name in first}


def _right(report: SplitReport) -> NDArray[np.bool_]:
    right: NDArray[np.bool_] = report.logits.argmax(axis=1) == report.split.labels
    return right
