"""Logits of a checkpoint or an ONNX file over many pictures, with the runtime's preprocessing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from emotion_perception.errors import ModelError
from emotion_perception.labels import FER2013, FERPLUS
from emotion_perception.manifest import (
    OUTPUTS,
    Manifest,
    manifest_path_for,
    read_manifest,
    read_model_file,
)
from emotion_perception.preprocessing import Preprocessing, preprocess_faces

from . import checkpoint
from .config import INPUT_SIZE
from .console import progress
from .data import SIDE, Images
from .errors import TrainingError

BATCH = 64

Faces = NDArray[np.float32]
Logits = NDArray[np.float64]
Predictor = Callable[[Faces], NDArray[np.float32]]


def preprocessing(mean: float, std: float, size: int = INPUT_SIZE) -> Preprocessing:
    """The runtime's preprocessing with the statistics of a training split."""
    return Preprocessing(face_size=SIDE, input_size=size, mean=mean, std=std)


@dataclass(frozen=True)
class Opened:
    """A model ready to answer.

    Attributes:
        run: Answers as the original labels.
        spec: Preprocessing.
        voted: Answers as the annotators of FER+, where the model was taught that apart.
        manifest: Of an ONNX file; None for a checkpoint.
    """

    run: Predictor
    spec: Preprocessing
    voted: Predictor | None = None
    manifest: Manifest | None = None


def torch_predictor(network: nn.Module, labels: str = FER2013) -> Predictor:
    """Runs a network as it is.

    Args:
        network: In evaluation mode.
        labels: One of `LABEL_SETS` that it has.
    """

    def predict(faces: Faces) -> NDArray[np.float32]:
        batch = torch.from_numpy(faces)
        with torch.inference_mode():
            if labels == FERPLUS:
                return network.both(batch)[1].numpy()  # type: ignore[no-any-return, operator]
            return network(batch).numpy()  # type: ignore[no-any-return]

    return predict


def onnx_predictor(path: Path, threads: int | None = None, labels: str = FER2013) -> Predictor:
    """Runs an ONNX file on the CPU.

    Args:
        path: The file.
        threads: CPU threads; None for all cores.
        labels: One of `LABEL_SETS` that it has.

    Raises:
        TrainingError: The file cannot be loaded.
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

    def predict(faces: Faces) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = session.run([OUTPUTS[labels]], {'input': faces})[0]
        return scores

    return predict


def logits(predict: Predictor, images: Images, spec: Preprocessing, what: str) -> Logits:
    """Runs a predictor over all pictures.

    Args:
        predict: From `torch_predictor` or `onnx_predictor`.
        images: uint8 `[n, 48, 48]`.
        spec: Preprocessing.
        what: Label of the progress bar.

    Returns:
        float64 `[n, 7]`.
    """
    starts = progress(range(0, len(images), BATCH), what, 'batches')
    parts: list[Any] = [
        predict(preprocess_faces(np.asarray(images[i : i + BATCH]), spec)) for i in starts
    ]
    return np.concatenate(parts).astype(np.float64)


def open_model(path: Path, threads: int | None) -> Opened:
    """A predictor for a `.ckpt` or an `.onnx` file, with its preprocessing.

    Raises:
        TrainingError: The file or what belongs beside it is missing or damaged.
    """
    if path.suffix == '.ckpt':
        trained = checkpoint.load(path)
        if threads is not None:
            torch.set_num_threads(threads)
        # A short experiment at small pictures is scored at these: it knows no others.
        spec = preprocessing(trained.mean, trained.std, trained.size)
        network = trained.network
        voted = torch_predictor(network, FERPLUS) if trained.recipe.model.votes else None
        return Opened(torch_predictor(network), spec, voted)
    if path.suffix != '.onnx':
        raise TrainingError(f'{path} is neither a .ckpt nor an .onnx file')
    try:
        manifest = read_manifest(manifest_path_for(path))
        read_model_file(manifest, path)
    except ModelError as error:
        raise TrainingError(str(error)) from error
    has_votes = FERPLUS in manifest.temperatures
    voted = onnx_predictor(path, threads, FERPLUS) if has_votes else None
    return Opened(onnx_predictor(path, threads), manifest.preprocessing, voted, manifest)
