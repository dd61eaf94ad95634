"""A network that responds as YuNet does, for OpenCV to load."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def yunet_like(path, size=64):
    """A network with YuNet's outputs that always sees one face, around cell (2, 3) of stride 8."""
    constants = {}
    for stride in (8, 16, 32):
        cells = (size // stride) ** 2
        for name, depth in (('cls', 1), ('obj', 1), ('bbox', 4), ('kps', 10)):
            constants[f'{name}_{stride}'] = np.zeros((1, cells, depth), np.float32)
    cell = 2 * (size // 8) + 3
    constants['cls_8'][0, cell] = constants['obj_8'][0, cell] = 0.81
    constants['bbox_8'][0, cell] = (0.5, 0.5, np.log(3), np.log(4))
    # The person's right eye first, as OpenCV documents it: the image's left one.
    constants['kps_8'][0, cell] = (0, 0, 1, 0, 0.5, 0.5, 0, 1, 1, 1)
    order = [f'{name}_{stride}' for name in ('cls', 'obj', 'bbox', 'kps') for stride in (8, 16, 32)]
    nodes = [
        helper.make_node('ReduceMean', ['input'], ['mean'], keepdims=0),
        helper.make_node('Mul', ['mean', 'zero'], ['nothing']),
    ]
    nodes += [helper.make_node('Add', [f'{n}_c', 'nothing'], [n]) for n in order]
    tensors = [numpy_helper.from_array(np.zeros(1, np.float32), 'zero')]
    tensors += [numpy_helper.from_array(constants[n], f'{n}_c') for n in order]
    graph = helper.make_graph(
        nodes,
        'yunet',
        [helper.make_tensor_value_info('input', TensorProto.FLOAT, [1, 3, size, size])],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, constants[n].shape) for n in order],
        tensors,
    )
    opset = helper.make_opsetid('', 11)
    path.write_bytes(
        helper.make_model(graph, opset_imports=[opset], ir_version=6).SerializeToString()
    )
    return str(path)
