"""A network as an ONNX file, and that file as others get it."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import onnx
import torch
from torch import nn

from emotion_perception.inference.manifest import OUTPUTS
from emotion_perception.labels import FER2013
from training.config import INPUT_SIZE
from training.models.heads import LabelSetNetwork
from training.writing import write_bytes


class _Both(nn.Module):
    """A network whose call gives all of its logits, as an ONNX file must."""

    def __init__(self, network: LabelSetNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.network.both_logits(faces)


def to_onnx(network: nn.Module, path: Path) -> None:
    """Writes a network as ONNX.

    `input` float32 [batch, 3, 227, 227], `logits` [batch, 7]; `ferplus_logits` [batch, 7] as well
    where the network has a last layer of its own for the votes.
    """
    names = [OUTPUTS[FER2013]]
    if isinstance(network, LabelSetNetwork) and network.votes is not None:
        network, names = _Both(network), list(OUTPUTS.values())
    # Two images: a batch of one would be taken for a constant.
    example = torch.zeros(2, 3, INPUT_SIZE, INPUT_SIZE)
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            network,
            (example,),
            str(path),
            input_names=['input'],
            output_names=names,
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim('batch')},),
            external_data=False,
            verbose=False,
        )


def write_shipped(source: Path, target: Path) -> None:
    """Copies an ONNX file without what only its maker needs.

    The exporter notes stack traces at every node: paths of the machine that trained, which are
    nobody's business and weigh something. Names, weights and predictions stay as they are.

    Args:
        source: The measured file.
        target: The shipped file.
    """
    model = onnx.load(source)
    graph = model.graph
    values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for part in (model, graph, *graph.node, *values):
        del part.metadata_props[:]
        part.doc_string = ''
    write_bytes(target, model.SerializeToString())
