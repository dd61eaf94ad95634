"""The networks of face and iris say the same after they were rewritten for ONNX Runtime."""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from training.shipping import face_mesh

CHANNELS = 4


def small_network():
    """Like theirs: a PReLU, a padding of channels, and an output that nobody needs."""
    rng = np.random.default_rng(0)
    weights = {
        'slopes': rng.uniform(-1, 2, (CHANNELS, 1, 1)),
        'kernel': rng.normal(size=(2 * CHANNELS, CHANNELS, 1, 1)),
        'other': rng.normal(size=(3, CHANNELS, 1, 1)),
    }
    nodes = [
        helper.make_node('PRelu', ['input', 'slopes'], ['steep']),
        helper.make_node('Conv', ['steep', 'other'], ['contours']),
        helper.make_node('Conv', ['steep', 'kernel'], ['wide']),
        helper.make_node('Pad', ['steep', 'pads'], ['padded']),
        helper.make_node('Add', ['wide', 'padded'], ['output']),
    ]
    tensors = [numpy_helper.from_array(v.astype(np.float32), k) for k, v in weights.items()]
    pads = np.array([0, 0, 0, 0, 0, CHANNELS, 0, 0])
    shapes = {'contours': 3, 'output': 2 * CHANNELS}
    graph = helper.make_graph(
        nodes,
        'small',
        [helper.make_tensor_value_info('input', TensorProto.FLOAT, [1, CHANNELS, 6, 6])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, 6, 6])
            for name, channels in shapes.items()
        ],
        [*tensors, numpy_helper.from_array(pads, 'pads')],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid('', 11)], ir_version=8)


def test_the_rewritten_network_says_the_same():
    model = small_network()
    image = np.random.default_rng(1).normal(size=(1, CHANNELS, 6, 6)).astype(np.float32)

    def output():
        session = onnxruntime.InferenceSession(model.SerializeToString())
        return session.run(['output'], {'input': image})[0]

    before = output()
    face_mesh.rewrite(model.graph, outputs=1)

    onnx.checker.check_model(model)
    assert {node.op_type for node in model.graph.node} == {'Conv', 'Relu', 'Add'}
    assert [value.name for value in model.graph.output] == ['output']
    assert 'other' not in {tensor.name for tensor in model.graph.initializer}
    np.testing.assert_allclose(output(), before, atol=1e-5)
