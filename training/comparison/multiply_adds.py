"""Multiply-adds and bytes of an ONNX graph, counted from its inferred shapes."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import helper, numpy_helper, shape_inference

from training.errors import TrainingError

Shape = tuple[int, ...]

# Positions of the two factors among an operator's inputs.
_FACTORS = {
    'Conv': (0, 1),
    'ConvInteger': (0, 1),
    'ConvTranspose': (0, 1),
    'FusedConv': (0, 1),
    'Gemm': (0, 1),
    'FusedGemm': (0, 1),
    'MatMul': (0, 1),
    'MatMulInteger': (0, 1),
    'QLinearConv': (0, 3),
    'QLinearMatMul': (0, 3),
    'QGemm': (0, 3),
}
_INTEGER = frozenset({'ConvInteger', 'MatMulInteger', 'QLinearConv', 'QLinearMatMul', 'QGemm'})
# Layers that no runtime fuses into a product: they read and write their maps once more.
_MOVERS = frozenset(
    {'MaxPool', 'AveragePool', 'GlobalAveragePool', 'Add', 'Concat', 'Upsample', 'Resize'}
)
_FLOAT_BYTES, _INTEGER_BYTES = 4, 1
# Small constants decide shapes (Reshape, Slice); weights are larger.
_SMALL_ELEMENTS = 64


@dataclass(frozen=True, slots=True)
class Work:
    """What one pass of a network has to do at the least.

    Attributes:
        float_multiply_adds: In floating point.
        integer_multiply_adds: In 8-bit integers.
        weight_bytes: All stored numbers, read once.
        activation_bytes: Maps between layers, each written and read once; activations and batch
            norms count as fused into the layer before.
    """

    float_multiply_adds: int
    integer_multiply_adds: int
    weight_bytes: int
    activation_bytes: int

    @property
    def multiply_adds(self) -> int:
        """Of both kinds."""
        return self.float_multiply_adds + self.integer_multiply_adds

    @property
    def bytes_moved(self) -> int:
        """Weights and maps."""
        return self.weight_bytes + self.activation_bytes


def count(model: onnx.ModelProto, inputs: Mapping[str, Shape]) -> Work:
    """Counts one pass of a network.

    A layer between DequantizeLinear and QuantizeLinear counts as 8-bit: that is how ONNX Runtime
    runs it.

    Args:
        model: The network; not modified.
        inputs: Shape of every input that is not a weight.

    Raises:
        TrainingError: Shapes cannot be inferred.
    """
    graph = _with_shapes(model, inputs)
    shapes = _shapes(graph)
    constants = {tensor.name for tensor in model.graph.initializer}
    dequantized = {n.output[0] for n in graph.node if n.op_type == 'DequantizeLinear'}
    products = {True: 0, False: 0}
    activations = 0
    for node in graph.node:
        factors = _FACTORS.get(node.op_type)
        if factors is None and node.op_type not in _MOVERS:
            continue
        is_integer = node.op_type in _INTEGER or node.input[0] in dequantized
        weights = {node.input[factors[1]]} if factors else set()
        if factors:
            products[is_integer] += _multiply_adds(node, shapes)
        width = _INTEGER_BYTES if is_integer else _FLOAT_BYTES
        maps = [name for name in [*node.input, node.output[0]] if name not in weights]
        activations += width * sum(
            _elements(name, shapes) for name in maps if name not in constants
        )
    weight_bytes = sum(_stored_bytes(tensor) for tensor in model.graph.initializer)
    return Work(products[False], products[True], weight_bytes, activations)


def _with_shapes(model: onnx.ModelProto, inputs: Mapping[str, Shape]) -> onnx.GraphProto:
    copy = _without_large_weights(model)
    # Stored shapes may be those of another image size; those of weights stay.
    for value in copy.graph.output:
        value.type.tensor_type.ClearField('shape')
    for value in copy.graph.input:
        if value.name in inputs:
            value.type.tensor_type.ClearField('shape')
            for length in inputs[value.name]:
                value.type.tensor_type.shape.dim.add().dim_value = length
    try:
        return shape_inference.infer_shapes(copy, strict_mode=True, data_prop=True).graph
    except Exception as error:  # onnx raises several unrelated types
        reason = ' '.join(str(error).split())[:200]
        raise TrainingError(
            f'The shapes of the network cannot be inferred: check the input sizes {dict(inputs)} '
            f'({reason}).'
        ) from error


def _without_large_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which large weights are inputs: their shapes are needed, their values are not."""
    graph = onnx.GraphProto(name=model.graph.name)
    for field in ('node', 'input', 'output'):
        getattr(graph, field).extend(getattr(model.graph, field))
    listed = {value.name for value in graph.input}
    for tensor in model.graph.initializer:
        if math.prod(tensor.dims) <= _SMALL_ELEMENTS:
            graph.initializer.append(tensor)
        elif tensor.name not in listed:
            graph.input.append(
                helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _shapes(graph: onnx.GraphProto) -> dict[str, Shape]:
    shapes = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in [*graph.input, *graph.value_info, *graph.output]
    }
    return shapes | {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}


def _multiply_adds(node: Any, shapes: Mapping[str, Shape]) -> int:
    first, second = (shapes[node.input[position]] for position in _FACTORS[node.op_type])
    output = math.prod(shapes[node.output[0]])
    if node.op_type == 'ConvTranspose':
        # Every input value is spread over the kernel of every output channel of its group.
        return math.prod(first) * math.prod(second[1:])
    if 'Conv' in node.op_type:
        return output * math.prod(second[1:])
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    inner = first[-2] if attributes.get('transA') else first[-1]
    return output * inner


def _elements(name: str, shapes: Mapping[str, Shape]) -> int:
    """Elements of a map; a scale or an absent input is none."""
    shape = shapes.get(name, ())
    return math.prod(shape) if len(shape) > 1 else 0


def _stored_bytes(tensor: onnx.TensorProto) -> int:
    return len(tensor.raw_data) or numpy_helper.to_array(tensor).nbytes
