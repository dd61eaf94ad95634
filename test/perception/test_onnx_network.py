import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from emotion_perception.inference import onnx_session
from emotion_perception.inference.onnx_session import (
    CPU_PROVIDER,
    OnnxNetwork,
    ProviderSettings,
    create_session,
)


@pytest.fixture
def session():
    """Sum and double of a matrix with a free number of rows."""
    graph = helper.make_graph(
        [
            helper.make_node('ReduceSum', ['x'], ['sum'], keepdims=0),
            helper.make_node('Add', ['x', 'x'], ['double']),
        ],
        'two outputs',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, ['rows', 3])],
        [
            helper.make_tensor_value_info('sum', TensorProto.FLOAT, []),
            helper.make_tensor_value_info('double', TensorProto.FLOAT, ['rows', 3]),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 13)], ir_version=8)
    return create_session(model.SerializeToString(), ProviderSettings(('cpu',)))


@pytest.fixture(params=['plain', 'bound'])
def network(request, session, monkeypatch):
    """Once as on the CPU, once as on a GPU but with the CPU in the GPU's place."""
    if request.param == 'bound':
        monkeypatch.setitem(onnx_session._DEVICES, CPU_PROVIDER, 'cpu')
    return OnnxNetwork(session, ['double', 'sum'])


def test_outputs_come_in_the_order_asked_for(network):
    double, total = network.run(np.ones((2, 3), np.float32))

    assert total == 6.0
    np.testing.assert_array_equal(double, np.full((2, 3), 2.0))


def test_results_stay_when_the_next_batch_runs(network):
    batches = [np.full((2, 3), value, np.float32) for value in range(4)]

    results = [network.run(batch)[0] for batch in batches]

    for batch, result in zip(batches, results, strict=True):
        np.testing.assert_array_equal(result, 2 * batch)


@pytest.mark.parametrize('rows', [(1, 4, 1), (3, 3, 2)])
def test_the_shape_may_change_from_run_to_run(network, rows):
    for count in rows:
        batch = np.arange(3 * count, dtype=np.float32).reshape(count, 3)
        np.testing.assert_array_equal(network.run(batch)[0], 2 * batch)


def test_the_input_is_not_changed(network):
    batch = np.ones((2, 3), np.float32)
    network.run(batch)
    network.run(2 * batch)
    np.testing.assert_array_equal(batch, 1.0)


def test_without_names_all_outputs_come_in_the_graphs_order(session):
    total, double = OnnxNetwork(session).run(np.ones((1, 3), np.float32))

    assert (total, double.shape) == (3.0, (1, 3))


def test_the_buffer_is_kept_while_the_shape_stays(session, monkeypatch):
    monkeypatch.setitem(onnx_session._DEVICES, CPU_PROVIDER, 'cpu')
    made = []
    make = onnxruntime.OrtValue.ortvalue_from_shape_and_type
    monkeypatch.setattr(
        onnxruntime.OrtValue,
        'ortvalue_from_shape_and_type',
        lambda *args: made.append(args) or make(*args),
    )
    network = OnnxNetwork(session, device_id=0)

    for rows in (2, 2, 5, 5):
        network.run(np.ones((rows, 3), np.float32))

    assert made == [((rows, 3), np.float32, 'cpu', 0) for rows in (2, 5)]


def test_provider_in_use_is_told(network):
    assert network.provider == CPU_PROVIDER
