"""The shipped file says nothing of the machine that made it, and predicts the same."""

import numpy as np
import onnx
import onnxruntime
from tiny_model import make_tiny_model

from training.shipping.graph import write_shipped


def predictions(path):
    session = onnxruntime.InferenceSession(path, providers=['CPUExecutionProvider'])
    faces = np.random.default_rng(0).normal(size=(2, 3, 227, 227)).astype(np.float32)
    return session.run(None, {session.get_inputs()[0].name: faces})[0]


def test_metadata_goes_and_predictions_stay(tmp_path):
    source = make_tiny_model(tmp_path)
    noted = onnx.load(source)
    for part in (noted, noted.graph, *noted.graph.node, *noted.graph.initializer):
        part.metadata_props.add(key='stack_trace', value='File "/home/somebody/secret.py"')
        part.doc_string = 'made by somebody'
    onnx.save(noted, source)
    target = tmp_path / 'shipped.onnx'
    write_shipped(source, target)
    assert b'somebody' in source.read_bytes()
    assert b'somebody' not in target.read_bytes()
    np.testing.assert_array_equal(predictions(target), predictions(source))
