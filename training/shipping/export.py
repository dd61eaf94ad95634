"""From a checkpoint to the shipped files: int8 ONNX and its manifest, checked against PyTorch."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from emotion_perception.inference.framing import Framing
from emotion_perception.inference.manifest import (
    Balance,
    Manifest,
    document_of,
    manifest_path_for,
    sha256_of,
)
from emotion_perception.inference.preprocessing import Preprocessing
from emotion_perception.labels import FER2013, FERPLUS
from training import checkpoint
from training.checkpoint import Trained
from training.dataset.data import Dataset, Split
from training.errors import TrainingError
from training.scoring import adjustment, ferplus_scores, metrics, predict
from training.scoring.ferplus_scores import FerPlusScores
from training.scoring.scores import ferplus_document, score, share_document
from training.shipping import provenance
from training.shipping.graph import to_onnx, write_shipped
from training.shipping.quantise import quantise
from training.weights.fold import fold_batch_norm
from training.writing import write_json

CALIBRATION_IMAGES = 512
FP32_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Exported:
    """What an export measured.

    Attributes:
        model: The shipped file.
        size: Its size in bytes.
        trained_at: Side in pixels of the images that the network was trained on last.
        fp32_difference: Largest difference of a logit between PyTorch and fp32 ONNX on PublicTest.
        agreement: Images of PublicTest that the fp32 and the shipped file call the same.
        pytorch: Accuracy of the PyTorch network on PublicTest.
        fp32: Accuracy of the fp32 ONNX file on PublicTest.
        shipped: Accuracy of the shipped file on PublicTest.
        ferplus: The same on the FER+ labels, where it has a last layer of its own for them.
    """

    model: Path
    size: int
    trained_at: int
    fp32_difference: float
    agreement: metrics.Share
    pytorch: metrics.Share
    fp32: metrics.Share
    shipped: metrics.Share
    ferplus: metrics.Share | None = None


def export(
    source: Path,
    dataset: Dataset,
    model: Path,
    *,
    fp32: bool = False,
    threads: int | None = None,
    votes: NDArray[np.int64] | None = None,
    bonus: metrics.Floats = adjustment.NO_BONUS,
) -> Exported:
    """Writes the ONNX file and its manifest, after checking that all stages agree.

    Args:
        source: Checkpoint in a run folder.
        dataset: Read data: Training calibrates, PublicTest measures.
        model: Where to write the ONNX file; its manifest goes beside it.
        fp32: Ship the fp32 file instead of the int8 one.
        threads: CPU threads.
        votes: FER+ votes, int64 `[rows, 10]`, for a network with a last layer of its own for them.
        bonus: What the classes get beside in the balanced predictions, in nats, float64 `[7]`.

    Raises:
        TrainingError: The checkpoint is unusable, PublicTest is empty, votes are lacking or without
            use, or the fp32 ONNX file disagrees with PyTorch.
    """
    if model.suffix != '.onnx':
        raise TrainingError(f'--out must end in .onnx, not {model.name}')
    if not len(dataset['PublicTest']):
        raise TrainingError(f'{dataset.source} has no PublicTest images to measure an export on')
    framing = kept_framing(manifest_path_for(model))
    trained = checkpoint.load(source)
    _check_votes(trained, votes)
    if threads is not None:
        torch.set_num_threads(threads)
    spec = predict.preprocessing(trained.mean, trained.std)
    with tempfile.TemporaryDirectory() as folder:
        shipped, stages = _stages(trained, dataset, Path(folder), spec, fp32, threads)
        write_shipped(shipped, model)
    exported, scores, temperature = _measure(model, trained.size, stages, dataset)
    second = balance = None
    if votes is not None:
        balance = _balance(stages.shipped[FERPLUS], dataset, votes, bonus)
        second = _measure_votes(stages.shipped, votes[dataset['PublicTest'].rows])
        scores['PublicTest']['ferplus'] = ferplus_document(second)
        exported = dataclasses.replace(exported, ferplus=second.accuracy)
    manifest = Manifest(
        name=trained.recipe.name,
        file=model.name,
        sha256=sha256_of(model),
        preprocessing=spec,
        temperature=temperature,
        ferplus_temperature=None if second is None else second.temperature,
        balance=balance,
        scores=scores,
        training={
            **provenance.of(source.parent, trained),
            'precision': 'fp32' if fp32 else 'int8',
            'size_bytes': exported.size,
            'fp32_onnx_max_logit_difference': float(f'{exported.fp32_difference:.2g}'),
        },
    )
    document = document_of(manifest)
    if framing is not None:
        document['framing'] = framing
    write_json(manifest_path_for(model), document)
    return exported


def _check_votes(trained: Trained, votes: NDArray[np.int64] | None) -> None:
    if trained.recipe.model.votes and votes is None:
        raise TrainingError(
            'this network has a last layer of its own for the FER+ labels: give --ferplus the '
            'path of fer2013new.csv to calibrate it'
        )
    if votes is not None and not trained.recipe.model.votes:
        raise TrainingError(
            '--ferplus has no effect: this network has no last layer of its own for the FER+ labels'
        )


def calibration_images(training: Split) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Training images spread evenly over the file, so that every class is among them."""
    count = min(CALIBRATION_IMAGES, len(training))
    return np.asarray(training.images[np.linspace(0, len(training) - 1, count).astype(int)])


class _Stages(NamedTuple):
    """Logits for PublicTest by the network at each stage of its export."""

    pytorch: predict.LogitsByLabelSet
    fp32: predict.LogitsByLabelSet
    shipped: predict.LogitsByLabelSet

    @property
    def fp32_difference(self) -> float:
        return max(
            float(np.abs(logits - self.fp32[labels]).max())
            for labels, logits in self.pytorch.items()
        )


def _stages(
    trained: Trained,
    dataset: Dataset,
    folder: Path,
    spec: Preprocessing,
    fp32: bool,
    threads: int | None,
) -> tuple[Path, _Stages]:
    """Writes the file to ship into a folder, and the logits of each stage."""
    images = dataset['PublicTest'].images

    def logits(run: predict.Predictor, what: str) -> predict.LogitsByLabelSet:
        return predict.predict_logits(run, images, spec, f'{what} on PublicTest')

    # Folding changes the network in place, so it predicts before.
    pytorch = logits(predict.torch_predictor(trained.network), 'PyTorch')
    plain = folder / 'fp32.onnx'
    to_onnx(fold_batch_norm(trained.network), plain)
    unquantised = logits(predict.onnx_predictor(plain, threads), 'fp32')
    stages = _Stages(pytorch, unquantised, unquantised)
    _check_fp32(stages.fp32_difference)
    if fp32:
        return plain, stages
    small = folder / 'int8.onnx'
    calibration = calibration_images(dataset['Training'])
    quantise(plain, small, calibration, spec, float_input=trained.recipe.model.grey)
    shipped = logits(predict.onnx_predictor(small, threads), 'int8')
    return small, stages._replace(shipped=shipped)


def _check_fp32(difference: float) -> None:
    if not difference <= FP32_TOLERANCE:
        raise TrainingError(
            f'the fp32 ONNX file differs from PyTorch by {difference:.4g} in a logit '
            f'(allowed: {FP32_TOLERANCE}): this is a defect of the export'
        )


def _measure(
    model: Path, trained_at: int, stages: _Stages, dataset: Dataset
) -> tuple[Exported, dict[str, Any], float]:
    split = dataset['PublicTest']
    pytorch, fp32, shipped = (stage[FER2013] for stage in stages)
    temperature = round(metrics.fit_temperature(shipped, split.labels), 4)
    result = score(split, dataset['Training'], shipped, temperature)
    same = int((shipped.argmax(axis=1) == fp32.argmax(axis=1)).sum())
    exported = Exported(
        model,
        model.stat().st_size,
        trained_at,
        stages.fp32_difference,
        metrics.Share(same, len(split)),
        metrics.accuracy(pytorch, split.labels),
        metrics.accuracy(fp32, split.labels),
        result.accuracy,
    )
    document = result.document()
    del document['confusion']
    document['pytorch_accuracy'] = share_document(exported.pytorch)
    document['fp32_accuracy'] = share_document(exported.fp32)
    document['fp32_agreement'] = share_document(exported.agreement)
    return exported, {'PublicTest': document}, temperature


def _measure_votes(shipped: predict.LogitsByLabelSet, votes: NDArray[np.int64]) -> FerPlusScores:
    """The last layer for the votes on PublicTest by the FER+ labels, with its own temperature."""
    logits = shipped[FERPLUS]
    divisor = round(ferplus_scores.fit_temperature(logits, votes), 4)
    return ferplus_scores.score(logits, votes, divisor, taught=True)


def _balance(
    logits: metrics.Floats, dataset: Dataset, votes: NDArray[np.int64], bonus: metrics.Floats
) -> Balance:
    """The balanced predictions, as PublicTest chooses them."""
    shares = adjustment.priors(dataset['Training'], votes)
    chosen = adjustment.choose(logits, votes[dataset['PublicTest'].rows], shares, bonus)
    return Balance(
        tuple(round(float(share), 4) for share in shares),
        chosen.strength,
        chosen.temperature,
        tuple(bonus.tolist()),
    )


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
