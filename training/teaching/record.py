"""Records what a teacher predicts for Training, as the mean over several views of each image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotion_perception.inference.manifest import manifest_path_for, read_manifest, sha256_of
from emotion_perception.inference.preprocessing import correct_exposure
from emotion_perception.labels import FER2013, NUM_EMOTIONS, TAUGHT_LABELS
from training import checkpoint
from training.config import AugmentConfig
from training.console import progress
from training.dataset import augment
from training.dataset.data import Dataset, Images, Split, in_fold
from training.errors import TrainingError
from training.run_files import checkpoint_of
from training.scoring import predict
from training.teaching.posterior import with_votes
from training.teaching.predictions import SUFFIX, Predictions, logarithms, write

BATCH = 64
# A teacher sees more than one frame of a face, but no face that it would not know.
_MILD = AugmentConfig(rotation=6, zoom=0.06, shift=0.04, flip=False, brightness=0, contrast=0)


@dataclass(frozen=True)
class Recorded:
    """What was written.

    Attributes:
        path: The file.
        size: Its size in bytes.
        images: Number of predictions.
        agreement: Share of them that are the original label, 0..1.
    """

    path: Path
    size: int
    images: int
    agreement: float


def record(
    models: Sequence[Path],
    dataset: Dataset,
    out: Path,
    *,
    views: int,
    threads: int | None = None,
    votes: NDArray[np.int64] | None = None,
) -> Recorded:
    """Writes the file that `distill.answers` of a recipe takes.

    A model whose recipe has `data.fold` teaches only the part of Training that it left out. Of
    several models each image gets the mean of those that teach it.

    Args:
        models: Run folders (their `best.ckpt`), `.ckpt` files, or `.onnx` files with their
            manifests.
        dataset: Read data; Training alone is looked at.
        out: The file to write.
        views: Views of each image: as it is, mirrored, and further pairs under mild warps.
        threads: CPU threads; None for all cores.
        votes: FER+ votes, int64 `[rows, 10]`, to predict the original labels from as well (see
            `posterior.with_votes`); None for what the models predict.

    Raises:
        TrainingError: A model is unusable, an argument makes no sense, no model teaches some of
            the images, or there are votes and a model that has learnt the labels by heart.
    """
    if out.suffix != SUFFIX:
        raise TrainingError(f'--out must end in {SUFFIX}, not {out.name}')
    if views < 1:
        raise TrainingError(f'--views must be at least 1, not {views}')
    split = dataset['Training']
    teachers = [_open(model, split, threads) for model in models]
    if votes is not None and any(teacher.part.all() for teacher in teachers):
        raise TrainingError(
            '--ferplus needs models that left out what they teach (data.fold): of labels that '
            'were learnt by heart it would only return the labels'
        )
    means = _mean_of_teachers(teachers, split, views)
    if votes is not None:
        means[FER2013] = with_votes(means[FER2013], votes[split.rows], split.labels)
    logs = {labels: logarithms(probabilities) for labels, probabilities in means.items()}
    facts = {'teachers': [teacher.facts for teacher in teachers], 'views': views,
             'with_votes': votes is not None, 'pictures': len(split)}  # fmt: skip
    write(out, Predictions(logs, facts), split)
    hits = means[FER2013].argmax(axis=1) == split.labels
    return Recorded(out, out.stat().st_size, len(split), float(hits.mean()))


@dataclass(frozen=True)
class _Teacher:
    """An opened model, the images that it teaches (bool `[n]`), and what the file says of it."""

    model: predict.Opened
    part: NDArray[np.bool_]
    facts: dict[str, Any]


def _open(model: Path, split: Split, threads: int | None) -> _Teacher:
    path = checkpoint_of(model)
    opened = predict.open_model(path, threads)
    fold = None
    if path.suffix == '.ckpt':
        recipe = checkpoint.load(path).recipe
        name, fold = recipe.name, recipe.data.fold
    else:
        name = read_manifest(manifest_path_for(path)).name
    part = np.ones(len(split), np.bool_) if fold is None else in_fold(split.images, fold)
    size = opened.spec.input_size
    facts = {'teacher': name, 'teacher_sha256': sha256_of(path), 'size': size, 'fold': fold}
    return _Teacher(opened, part, facts)


def _mean_of_teachers(
    teachers: Sequence[_Teacher], split: Split, views: int
) -> dict[str, NDArray[np.float64]]:
    """Mean probabilities of the teachers of each image, float64 `[n, 7]` by label set."""
    counts = np.sum([teacher.part for teacher in teachers], axis=0)
    if not counts.all():
        raise TrainingError(
            f'no model teaches {np.count_nonzero(counts == 0)} of {len(split)} Training images: '
            'give a run for every part of data.fold'
        )
    sums: list[dict[str, NDArray[np.float64]]] = []
    for teacher in teachers:
        own = _means(teacher.model, split.select(teacher.part), views)
        spread = {labels: np.zeros((len(split), NUM_EMOTIONS)) for labels in own}
        for labels, probabilities in own.items():
            spread[labels][teacher.part] = probabilities
        sums.append(spread)
    shared = set.intersection(*map(set, sums))
    return {
        labels: np.sum([one[labels] for one in sums], axis=0) / counts[:, None]
        for labels in TAUGHT_LABELS
        if labels in shared
    }


def _means(opened: predict.Opened, split: Split, views: int) -> dict[str, NDArray[np.float64]]:
    """Mean probabilities, float64 `[n, 7]` by label set."""
    generator = torch.Generator().manual_seed(0)
    starts = progress(range(0, len(split), BATCH), 'predicting Training', 'batches')
    parts = [
        _mean(opened, np.array(split.images[start : start + BATCH]), views, generator)
        for start in starts
    ]
    return {labels: np.concatenate([part[labels] for part in parts]) for labels in parts[0]}


def _mean(
    opened: predict.Opened, images: Images, views: int, generator: torch.Generator
) -> dict[str, NDArray[np.float64]]:
    spec = opened.spec
    unit = augment.to_unit(torch.from_numpy(correct_exposure(images, spec.exposure)))
    sums: dict[str, NDArray[np.float64]] = {}
    for affine in _affines(len(images), views, generator):
        faces = (augment.warp(unit, affine, spec.input_size) - spec.mean) / spec.std
        for labels, logits in opened.run(faces.expand(-1, 3, -1, -1).contiguous().numpy()).items():
            probabilities = torch.from_numpy(logits).double().softmax(dim=1).numpy()
            sums[labels] = sums.get(labels, 0) + probabilities / views
    return sums


def _affines(count: int, views: int, generator: torch.Generator) -> Iterator[Tensor]:
    """One map per image and view: as it is first, every second view mirrored, others warped."""
    still = torch.eye(2, 3).expand(count, -1, -1)
    for view in range(views):
        affine = still if view < 2 else augment.random_affine(count, _MILD, generator)
        mirror = torch.tensor([-1.0 if view % 2 else 1.0, 1.0, 1.0])
        yield affine * mirror
