"""Logits of a checkpoint or an ONNX file over many images, with the runtime's preprocessing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from emotion_perception.errors import ModelError
from emotion_perception.inference.manifest import (
    OUTPUTS,
    manifest_path_for,
    read_manifest,
    read_model_file,
)
from emotion_perception.inference.preprocessing import Preprocessing, preprocess_faces
from emotion_perception.labels import FER2013, TAUGHT_LABELS
from training import checkpoint, models
from training.config import EXPOSURE, INPUT_SIZE
from training.console import progress
from training.dataset.data import SIDE, Images
from training.errors import TrainingError

BATCH = 64

Faces = NDArray[np.float32]
Logits = NDArray[np.float64]
LogitsByLabelSet = dict[str, Logits]
"""Always those in FER2013's labels; in FERPLUS's too where the network was taught both."""
Predictor = Callable[[Faces], dict[str, NDArray[np.float32]]]


def preprocessing(mean: float, std: float, size: int = INPUT_SIZE) -> Preprocessing:
    """The runtime's preprocessing with the statistics of a training split."""
    return Preprocessing(SIDE, size, mean, std, EXPOSURE)


@dataclass(frozen=True)
class Opened:
    """A model ready to predict.

    Attributes:
        run: Gives all logits of the model.
        spec: Preprocessing.
    """

    run: Predictor
    spec: Preprocessing


def torch_predictor(network: nn.Module) -> Predictor:
    """Runs a network, which must be in evaluation mode, as it is."""

    def predict(faces: Faces) -> dict[str, NDArray[np.float32]]:
        batch = torch.from_numpy(faces)
        with torch.inference_mode():
            by_label_set = models.logits_by_label_set(network, batch)
        return {labels: logits.numpy() for labels, logits in by_label_set.items()}

    return predict


def onnx_predictor(path: Path, threads: int | None = None) -> Predictor:
    """Runs an ONNX file on the CPU.

    Args:
        path: The file.
        threads: CPU threads; None for all cores.

    Raises:
        TrainingError: The file cannot be loaded, or has no logits in the original labels.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    # Spinning threads would steal the cores of whatever else runs here.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=['CPUExecutionProvider']
        )
    except Exception as error:  # ONNX Runtime's exceptions share no public base class
        raise TrainingError(
            f'ONNX Runtime cannot load {path}: {str(error).splitlines()[0]}'
        ) from error

    taken = session.get_inputs()[0].name
    names = [output.name for output in session.get_outputs()]
    label_sets = [labels for labels in TAUGHT_LABELS if OUTPUTS[labels] in names]
    if FER2013 not in label_sets:
        raise TrainingError(
            f'{path} has no output "{OUTPUTS[FER2013]}" (it has: {", ".join(names)}): '
            'it is not a model of this package'
        )

    def predict(faces: Faces) -> dict[str, NDArray[np.float32]]:
        logits = session.run([OUTPUTS[labels] for labels in label_sets], {taken: faces})
        return dict(zip(label_sets, logits, strict=True))

    return predict


def predict_logits(
    predict: Predictor, images: Images, spec: Preprocessing, what: str
) -> LogitsByLabelSet:
    """Runs a predictor over all images.

    Args:
        predict: From `torch_predictor` or `onnx_predictor`.
        images: uint8 `[n, 48, 48]`.
        spec: Preprocessing.
        what: Label of the progress bar.

    Returns:
        float64 `[n, 7]` for each label set.
    """
    starts = progress(range(0, len(images), BATCH), what, 'batches')
    parts = [predict(preprocess_faces(np.asarray(images[i : i + BATCH]), spec)) for i in starts]
    return {
        labels: np.concatenate([part[labels] for part in parts]).astype(np.float64)
        for labels in parts[0]
    }


def open_model(path: Path, threads: int | None) -> Opened:
    """A predictor for a `.ckpt` or an `.onnx` file, with its preprocessing.

    Raises:
        TrainingError: The file or what belongs beside it is missing or damaged.
    """
    if path.suffix == '.ckpt':
        trained = checkpoint.load(path)
        if threads is not None:
            torch.set_num_threads(threads)
        # A short experiment at small images is scored at these: it knows no others.
        spec = preprocessing(trained.mean, trained.std, trained.size)
        return Opened(torch_predictor(trained.network), spec)
    if path.suffix != '.onnx':
        raise TrainingError(f'{path} is neither a .ckpt nor an .onnx file')
    try:
        manifest = read_manifest(manifest_path_for(path))
        read_model_file(manifest, path)
    except ModelError as error:
        raise TrainingError(str(error)) from error
    return Opened(onnx_predictor(path, threads), manifest.preprocessing)
