"""Multiply-adds and bytes counted from graphs."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.limit import floor_ms
from benchmarks.peaks import Peaks
from benchmarks.references import alexnet
from emotion_perception.detection.centerface_graph import load_centerface_graph
from training.comparison.multiply_adds import Work, count
from training.errors import TrainingError


def _model(nodes, input_shape, weights, opset=17):
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(
        nodes,
        'graph',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, input_shape)],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, None)],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', opset)])


def _zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


def test_a_convolution_by_hand():
    node = helper.make_node('Conv', ['x', 'w', 'b'], ['y'], strides=[2, 2], pads=[1, 1, 1, 1])
    model = _model([node], ['n', 3, 9, 9], {'w': _zeros(4, 3, 3, 3), 'b': _zeros(4)})

    work = count(model, {'x': (2, 3, 9, 9)})

    # 2 images, 4 channels, 5x5 places, 3x3x3 products each.
    assert work.float_multiply_adds == 2 * 4 * 25 * 27
    assert work.integer_multiply_adds == 0
    assert work.weight_bytes == 4 * (4 * 27 + 4)
    assert work.activation_bytes == 4 * (2 * 3 * 81 + 2 * 4 * 25)


def test_groups_see_their_own_channels_only():
    node = helper.make_node('Conv', ['x', 'w'], ['y'], group=8)
    model = _model([node], [1, 8, 6, 6], {'w': _zeros(8, 1, 3, 3)})

    assert count(model, {'x': (1, 8, 6, 6)}).multiply_adds == 8 * 16 * 9


def test_a_transposed_convolution_spreads_its_input():
    node = helper.make_node('ConvTranspose', ['x', 'w'], ['y'], strides=[2, 2])
    model = _model([node], [1, 3, 5, 5], {'w': _zeros(3, 7, 2, 2)})

    assert count(model, {'x': (1, 3, 5, 5)}).multiply_adds == 3 * 25 * 7 * 4


@pytest.mark.parametrize('transposed', [0, 1])
def test_a_fully_connected_layer(transposed):
    shape = (5, 10) if transposed else (10, 5)
    node = helper.make_node('Gemm', ['x', 'w', 'b'], ['y'], transB=transposed)
    model = _model([node], ['n', 10], {'w': _zeros(*shape), 'b': _zeros(5)})

    assert count(model, {'x': (3, 10)}).multiply_adds == 3 * 10 * 5


def test_layers_between_quantised_values_count_as_8_bit():
    nodes = [
        helper.make_node('QuantizeLinear', ['x', 's', 'z'], ['xq']),
        helper.make_node('DequantizeLinear', ['xq', 's', 'z'], ['xd']),
        helper.make_node('DequantizeLinear', ['w', 's', 'zw'], ['wd']),
        helper.make_node('MatMul', ['xd', 'wd'], ['m']),
        helper.make_node('QuantizeLinear', ['m', 's', 'z'], ['mq']),
        helper.make_node('DequantizeLinear', ['mq', 's', 'z'], ['y']),
    ]
    weights = {
        's': np.float32(0.1),
        'z': np.uint8(128),
        'zw': np.int8(0),
        'w': _zeros(10, 5, dtype=np.int8),
    }

    work = count(_model(nodes, ['n', 10], weights), {'x': (2, 10)})

    assert (work.float_multiply_adds, work.integer_multiply_adds) == (0, 100)
    assert work.weight_bytes == 50 + 4 + 1 + 1
    assert work.activation_bytes == 2 * 10 + 2 * 5


def test_counting_leaves_the_model_as_it_is():
    node = helper.make_node('Relu', ['x'], ['y'])
    model = _model([node], ['n', 4], {})
    before = model.SerializeToString()

    assert count(model, {'x': (1, 4)}) == Work(0, 0, 0, 0)
    assert model.SerializeToString() == before


def test_impossible_sizes_are_told_in_one_sentence():
    node = helper.make_node('Gemm', ['x', 'w'], ['y'])
    model = _model([node], ['n', 10], {'w': _zeros(10, 5)})

    with pytest.raises(TrainingError, match='cannot be inferred: check the input sizes'):
        count(model, {'x': (1, 11)})


def test_the_full_alexnet_has_its_published_size_and_runs():
    serialized = alexnet()
    work = count(onnx.load_model_from_string(serialized), {'input': (1, 3, 227, 227)})

    # torchvision's AlexNet with seven classes: 57.0 million weights, about 0.7 thousand million
    # multiply-adds at 224 pixels.
    assert work.weight_bytes / 4 == pytest.approx(57.03e6, rel=1e-3)
    assert 0.65e9 < work.float_multiply_adds < 0.80e9
    session = onnxruntime.InferenceSession(serialized, providers=['CPUExecutionProvider'])
    (result,) = session.run(None, {'input': np.ones((2, 3, 227, 227), np.float32)})
    assert result.shape == (2, 7)
    assert np.isfinite(result).all() and np.ptp(result) > 0


def test_the_detector_is_counted_too():
    from benchmarks.limit import _detector_model

    small = count(_detector_model(), {'input.1': (1, 3, 64, 64)})
    large = count(_detector_model(), {'input.1': (1, 3, 128, 128)})

    assert large.multiply_adds == 4 * small.multiply_adds
    assert large.weight_bytes == small.weight_bytes < len(load_centerface_graph())


def test_the_floor_is_computing_and_moving_at_the_peak_rates():
    peaks = Peaks({'a': 1e9, 'b': 2e9}, {'c': 4e9}, copy_bytes=1e9)
    work = Work(2_000_000, 8_000_000, 500_000, 500_000)

    computing, moving = floor_ms(work, peaks)

    assert computing == pytest.approx(1.0 + 2.0)
    assert moving == pytest.approx(1.0)


def test_8_bit_products_are_never_taken_for_slower_than_fp32():
    assert Peaks({'a': 5.0}, {'b': 3.0}, 1.0).integer_multiply_adds == 5.0
