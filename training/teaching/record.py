"""Records what a teacher predicts for Training, as the mean over several views of each image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from emotion_perception.inference.manifest import manifest_path_for, read_manifest, sha256_of
from emotion_perception.inference.preprocessing import correct_exposure
from emotion_perception.labels import FER2013
from training import checkpoint
from training.config import AugmentConfig
from training.console import progress
from training.dataset import augment
from training.dataset.data import Dataset, Images, Split
from training.errors import TrainingError
from training.run_files import checkpoint_of
from training.scoring import predict
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
    model: Path, dataset: Dataset, out: Path, *, views: int, threads: int | None = None
) -> Recorded:
    """Writes the file that `distill.answers` of a recipe takes.

    Args:
        model: A run folder (its `best.ckpt`), a `.ckpt`, or an `.onnx` with its manifest.
        dataset: Read data; Training alone is looked at.
        out: The file to write.
        views: Views of each image: as it is, mirrored, and further pairs under mild warps.
        threads: CPU threads; None for all cores.

    Raises:
        TrainingError: The model is unusable, or an argument makes no sense.
    """
    if out.suffix != SUFFIX:
        raise TrainingError(f'--out must end in {SUFFIX}, not {out.name}')
    if views < 1:
        raise TrainingError(f'--views must be at least 1, not {views}')
    path = checkpoint_of(model)
    opened = predict.open_model(path, threads)
    split = dataset['Training']
    means = _means(opened, split, views)
    logs = {labels: logarithms(probabilities) for labels, probabilities in means.items()}
    write(out, Predictions(logs, _facts(path, opened, split, views)), split)
    hits = means[FER2013].argmax(axis=1) == split.labels
    return Recorded(out, out.stat().st_size, len(split), float(hits.mean()))


def _facts(path: Path, opened: predict.Opened, split: Split, views: int) -> dict[str, Any]:
    name = (
        checkpoint.load(path).recipe.name
        if path.suffix == '.ckpt'
        else read_manifest(manifest_path_for(path)).name
    )
    return {
        'teacher': name,
        'teacher_sha256': sha256_of(path),
        'size': opened.spec.input_size,
        'views': views,
        'pictures': len(split),
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
