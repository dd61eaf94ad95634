"""What a network costs: weights, multiply-adds, and milliseconds in ONNX Runtime on this CPU."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from emotion_perception.labels import NUM_EMOTIONS
from training.comparison import multiply_adds
from training.console import progress
from training.errors import TrainingError
from training.models import logits_by_label_set
from training.scoring.predict import Predictor

ROUNDS = 50
WARM_UP = 3


@dataclass(frozen=True)
class Cost:
    """Size of a network.

    Attributes:
        parameters: Trained numbers; running statistics of batch norm are none.
        multiply_adds: Of all convolutions and matrix products for one image; batch norm,
            activations, pooling, additions and resizing are not counted. None where the shapes of
            a graph cannot be inferred.
    """

    parameters: int
    multiply_adds: int | None


def of_network(network: nn.Module, side: int) -> Cost:
    """Counts a PyTorch network, with all of its last layers, by running it on one image.

    Args:
        network: In evaluation mode.
        side: Side of the image in pixels.
    """
    parameters = list(network.parameters())
    face = torch.zeros(1, 3, side, side, device=parameters[0].device)
    # PyTorch counts two operations for each multiply-add.
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        logits_by_label_set(network, face)
    return Cost(sum(p.numel() for p in parameters), counter.get_total_flops() // 2)


# Inputs that hold trained numbers when they are constants, by operator.
_TRAINED = {
    'Conv': (1, 2),
    'ConvInteger': (1,),
    'QLinearConv': (3, 8),
    'Gemm': (1, 2),
    'MatMul': (0, 1),
    'MatMulInteger': (0, 1),
    'QLinearMatMul': (0, 3),
    'BatchNormalization': (1, 2),
    'PRelu': (1,),
    'Add': (0, 1),
}


def of_file(path: Path, side: int) -> Cost:
    """Counts an ONNX file, fp32 or quantised, from its graph by shape inference.

    Args:
        path: The file.
        side: Side of its input in pixels.

    Raises:
        TrainingError: It is no ONNX file, or lacks `input` or seven `logits`.
    """
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf's and onnx's errors share no public base class
        raise TrainingError(f'{path} is damaged or no ONNX file: export it again') from error
    _check_interface(model.graph, path)
    try:
        total = multiply_adds.count(model, {'input': (1, 3, side, side)}).multiply_adds
    except TrainingError:
        total = None
    return Cost(_parameters(model.graph), total)


def _check_interface(graph: onnx.GraphProto, path: Path) -> None:
    weights = {weight.name for weight in graph.initializer}
    inputs = [value.name for value in graph.input if value.name not in weights]
    outputs = {value.name: value.type.tensor_type.shape.dim for value in graph.output}
    if inputs != ['input'] or 'logits' not in outputs:
        raise TrainingError(f'{path} must have one "input" and "logits": export it again')
    classes = outputs['logits'][-1].dim_value if outputs['logits'] else 0
    if classes not in (0, NUM_EMOTIONS):  # 0: the graph does not say
        raise TrainingError(
            f'{path} predicts {classes} classes, FER-2013 has {NUM_EMOTIONS}: leave it out'
        )


def _parameters(graph: onnx.GraphProto) -> int:
    """Trained numbers, each constant once, also where it is stored as integers."""
    sizes = {weight.name: math.prod(weight.dims) for weight in graph.initializer if weight.dims}
    stored = {
        node.output[0]: node.input[0] for node in graph.node if node.op_type == 'DequantizeLinear'
    }
    used = {
        stored.get(node.input[index], node.input[index])
        for node in graph.node
        for index in _TRAINED.get(node.op_type, ())
        if index < len(node.input)
    }
    return sum(sizes.get(name, 0) for name in used)


def milliseconds(models: Sequence[tuple[Predictor, int]], rounds: int) -> list[float]:
    """Median time of one face for each model.

    In every round all models have their turn, so that a slow moment of the machine hits all
    alike. Before each timed run goes one untimed, as the caches are full of another model.

    Args:
        models: Predictors and the sides of their inputs in pixels.
        rounds: Timed runs of each model.
    """
    rng = np.random.default_rng(0)
    faces = [rng.standard_normal((1, 3, side, side), np.float32) for _, side in models]
    times: list[list[float]] = [[] for _ in models]
    for _ in progress(range(rounds + WARM_UP), 'timing', 'rounds'):
        for (predict, _), face, taken in zip(models, faces, times, strict=True):
            predict(face)
            begin = time.perf_counter()
            predict(face)
            taken.append(1000 * (time.perf_counter() - begin))
    return [statistics.median(taken[WARM_UP:]) for taken in times]
