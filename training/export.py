"""From a checkpoint to the shipped files: int8 ONNX and its manifest, checked against torch."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import subprocess
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from emotion_perception.framing import Framing
from emotion_perception.manifest import Manifest, manifest_path_for, sha256_of, write_manifest
from emotion_perception.preprocessing import Preprocessing

from . import checkpoint, metrics, predict
from .checkpoint import Trained
from .data import Dataset, Split
from .errors import TrainingError
from .evaluate import score, share_document
from .fold import fold_batch_norm
from .graph import write_shipped
from .quantise import quantise

CALIBRATION_IMAGES = 512
CHECKED_IMAGES = 64
FP32_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Exported:
    """What an export measured.

    Attributes:
        model: The shipped file.
        size: Its size in bytes.
        fp32_difference: Largest difference of a logit between torch and fp32 ONNX.
        agreement: Pictures of PublicTest that the fp32 and the shipped file call the same.
        fp32: Accuracy of the fp32 ONNX file on PublicTest.
        shipped: Accuracy of the shipped file on PublicTest.
    """

    model: Path
    size: int
    fp32_difference: float
    agreement: metrics.Share
    fp32: metrics.Share
    shipped: metrics.Share


def export(
    source: Path, dataset: Dataset, model: Path, *, fp32: bool = False, threads: int | None = None
) -> Exported:
    """Writes the ONNX file and its manifest, after checking that all stages agree.

    Args:
        source: Checkpoint in a run folder.
        dataset: Read data: Training calibrates, PublicTest measures.
        model: Where to write the ONNX file; its manifest goes beside it.
        fp32: Ship the fp32 file instead of the int8 one.
        threads: CPU threads.

    Raises:
        TrainingError: The checkpoint is unusable, or the fp32 ONNX file disagrees with torch.
    """
    if model.suffix != '.onnx':
        raise TrainingError(f'--out must end in .onnx, not {model.name}')
    framing = kept_framing(manifest_path_for(model))
    trained = checkpoint.load(source)
    if threads is not None:
        torch.set_num_threads(threads)
    spec = predict.preprocessing(trained.mean, trained.std)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / 'fp32.onnx'
        difference = _write_fp32(trained, plain, dataset['PublicTest'], spec)
        shipped = plain
        if not fp32:
            shipped = Path(folder) / 'int8.onnx'
            quantise(plain, shipped, calibration_images(dataset['Training']), spec)
        exported, scores, temperature = _measure(plain, shipped, dataset, spec, threads)
        model.parent.mkdir(parents=True, exist_ok=True)
        write_shipped(shipped, model)
    exported = dataclasses.replace(
        exported, model=model, size=model.stat().st_size, fp32_difference=difference
    )
    manifest = Manifest(
        name=trained.recipe.name,
        file=model.name,
        sha256=sha256_of(model),
        preprocessing=spec,
        temperature=temperature,
        scores=scores,
        training=_training(trained, exported, 'fp32' if fp32 else 'int8'),
    )
    write_manifest(manifest, manifest_path_for(model))
    if framing is not None:
        _restore_framing(manifest_path_for(model), framing)
    return exported


def calibration_images(training: Split) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Training pictures spread evenly over the file, so that every class is among them."""
    count = min(CALIBRATION_IMAGES, len(training))
    return np.asarray(training.images[np.linspace(0, len(training) - 1, count).astype(int)])


def _write_fp32(trained: Trained, path: Path, check: Split, spec: Preprocessing) -> float:
    """Writes the fp32 graph and returns the largest logit difference from the unfolded network."""
    images = np.asarray(check.images[:CHECKED_IMAGES])
    expected = predict.logits(predict.torch_predictor(trained.network), images, spec, 'torch')
    to_onnx(fold_batch_norm(trained.network), path)
    actual = predict.logits(predict.onnx_predictor(path), images, spec, 'onnx')
    difference = float(np.abs(expected - actual).max())
    if not difference <= FP32_TOLERANCE:
        raise TrainingError(
            f'the fp32 ONNX file differs from torch by {difference:.4g} in a logit '
            f'(allowed: {FP32_TOLERANCE}): this is a defect of the export'
        )
    return difference


def to_onnx(network: nn.Module, path: Path) -> None:
    """Writes a network as ONNX: `input` float32 [batch, 3, 227, 227], `logits` [batch, 7]."""
    # Two pictures: a batch of one would be taken for a constant.
    example = torch.zeros(2, 3, predict.INPUT_SIZE, predict.INPUT_SIZE)
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            network,
            (example,),
            str(path),
            input_names=['input'],
            output_names=['logits'],
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim('batch')},),
            external_data=False,
            verbose=False,
        )


def _measure(
    plain: Path, shipped: Path, dataset: Dataset, spec: Preprocessing, threads: int | None
) -> tuple[Exported, dict[str, Any], float]:
    split = dataset['PublicTest']
    runs = {
        path: predict.logits(predict.onnx_predictor(path, threads), split.images, spec, name)
        for name, path in (('fp32 on PublicTest', plain), ('shipped on PublicTest', shipped))
    }
    logits = runs[shipped]
    temperature = round(metrics.fit_temperature(logits, split.labels), 4)
    result = score(split, dataset['Training'], logits, temperature)
    same = int((logits.argmax(axis=1) == runs[plain].argmax(axis=1)).sum())
    fp32 = metrics.accuracy(runs[plain], split.labels)
    exported = Exported(
        shipped, shipped.stat().st_size, 0.0, metrics.Share(same, len(split)), fp32, result.accuracy
    )
    document = result.document()
    del document['confusion']
    document['fp32_accuracy'] = share_document(fp32)
    document['fp32_agreement'] = share_document(exported.agreement)
    return exported, {'PublicTest': document}, temperature


def _training(trained: Trained, exported: Exported, precision: str) -> dict[str, Any]:
    return {
        'recipe': json.loads(json.dumps(dataclasses.asdict(trained.recipe))),
        'epochs_trained': trained.epoch,
        'training_images': trained.training_images,
        'data': 'FER-2013, official split, original labels',
        'precision': precision,
        'size_bytes': exported.size,
        'fp32_onnx_max_logit_difference': float(f'{exported.fp32_difference:.2g}'),
        'torch': torch.__version__,
        'commit': git_commit(),
    }


def git_commit() -> str | None:
    """Commit of the checkout this package runs from, `-dirty` with changes; None outside git."""
    folder = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        done = subprocess.run(
            ['git', '-C', str(folder), *words],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, 'GIT_OPTIONAL_LOCKS': '0'},
        )
        return done.stdout.strip()

    try:
        dirty = git('status', '--porcelain', '--', str(folder))
        return git('rev-parse', 'HEAD') + ('-dirty' if dirty else '')
    except (OSError, subprocess.CalledProcessError):
        return None


def kept_framing(path: Path) -> dict[str, Any] | None:
    """The measured `framing` of an earlier manifest, which an export must not lose.

    Raises:
        TrainingError: The file is there but no manifest.
    """
    if not path.exists():
        return None
    try:
        framing: dict[str, Any] = json.loads(path.read_text(encoding='utf-8'))['framing']
        Framing.from_document(framing)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrainingError(
            f'{path} has no readable framing: mend or remove the file before exporting over it'
        ) from error
    return framing


def _restore_framing(path: Path, framing: dict[str, Any]) -> None:
    document = json.loads(path.read_text(encoding='utf-8'))
    document['framing'] = framing
    path.write_text(json.dumps(document, indent=2) + '\n', encoding='utf-8')
