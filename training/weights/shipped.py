"""Starting weights out of an exported ONNX file, int8 or fp32.

With the shipped file alone, and none of its checkpoints, training goes on from it: on FER-2013 or
on images of the user's own. The manifest beside the file says which network it is. The file holds
that network with its batch norms folded into the layers before them; int8 weights come back as
whole multiples of their channel's step. `norms.calibrate` then gives the recipe's network its batch
norms again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn

from emotion_perception.errors import ModelError
from emotion_perception.inference.manifest import (
    Manifest,
    manifest_path_for,
    read_manifest,
    read_model_file,
)
from training.config import ModelConfig, Recipe
from training.errors import TrainingError
from training.models import build
from training.recipe_files import parse
from training.weights.fold import fold_batch_norm
from training.weights.transfer import State

# What `graph.to_onnx` puts before the names of a network with two last layers.
_WRAPPED = 'network.'


class Shipped(NamedTuple):
    """An exported network.

    Attributes:
        model: The options it was trained with.
        network: The same without its batch norms; its values do not matter.
        state: Its weights, float32, named as in `network`.
        mean: Grey mean of its training images, 0..1.
        std: Grey standard deviation of the same.
    """

    model: ModelConfig
    network: nn.Module
    state: State
    mean: float
    std: float


def read(path: Path) -> Shipped:
    """Reads an exported file and the manifest beside it.

    Args:
        path: The `.onnx` file.

    Raises:
        TrainingError: A file is missing or damaged, the manifest is another file's or names no
            recipe, or the file holds other weights than the recipe's network has.
    """
    try:
        manifest = read_manifest(manifest_path_for(path))
        content = read_model_file(manifest, path)
    except ModelError as error:
        raise TrainingError(f'model.init: {error}') from error
    model = _model(manifest, path)
    with torch.device('meta'):
        network = fold_batch_norm(build(model).eval())
    initializers = _initializers(content, path)
    state = {
        name: _weight(initializers, name, value.shape, path)
        for name, value in network.state_dict().items()
        if not name.endswith('.num_batches_tracked')  # not in the file: no part of it
    }
    spec = manifest.preprocessing
    return Shipped(model, network, state, spec.mean, spec.std)


def _model(manifest: Manifest, path: Path) -> ModelConfig:
    recipe = manifest.training.get('recipe')
    if recipe is None:
        raise TrainingError(
            f'model.init: {manifest_path_for(path)} names no recipe: only files of `export` can '
            'be trained on'
        )
    return parse(Recipe, recipe, f'model.init: the recipe in {manifest_path_for(path)}').model


def _initializers(content: bytes, path: Path) -> dict[str, NDArray[Any]]:
    """All tensors of a file by their names in the network, int8 ones as real numbers."""
    try:
        graph = onnx.load_from_string(content).graph
    except Exception as error:  # protobuf's and onnx's errors share no public base class
        raise TrainingError(f'model.init: {path} is no ONNX file: export it again') from error
    values = {value.name: numpy_helper.to_array(value) for value in graph.initializer}
    for node in graph.node:
        if node.op_type == 'DequantizeLinear' and node.input[0] in values:
            name = node.input[0].removesuffix('_quantized')
            values[name] = _dequantised(*(values[part] for part in node.input))
    return {name.removeprefix(_WRAPPED): value for name, value in values.items()}


def _dequantised(
    steps: NDArray[Any], scale: NDArray[Any], zero: NDArray[Any]
) -> NDArray[np.float64]:
    """(q - zero) scale, one scale and zero for each output channel (ONNX DequantizeLinear)."""
    each = (-1, *[1] * (steps.ndim - 1))
    centred: NDArray[np.float64] = steps.astype(np.float64) - zero.reshape(each)
    centred *= scale.reshape(each)
    return centred


def _weight(
    initializers: dict[str, NDArray[Any]], name: str, shape: torch.Size, path: Path
) -> Tensor:
    value = initializers.get(name)
    if value is None or value.shape != tuple(shape):
        raise TrainingError(
            f'model.init: {path} does not hold {name} as the network of its recipe has it: give '
            'the run folder or the checkpoint that it was exported from'
        )
    return torch.from_numpy(value.astype(np.float32))
