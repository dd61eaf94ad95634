"""YAML files that users write: camera calibrations and parameters of the nodes."""

import json

import pytest
import yaml
from fuzzing import REPOSITORY, changed_documents, fuzz, mutated
from hypothesis import given
from hypothesis import strategies as st

CALIBRATION = yaml.safe_dump(
    {
        'image_width': 640,
        'image_height': 480,
        'camera_name': 'head',
        'distortion_model': 'plumb_bob',
        'distortion_coefficients': {'rows': 1, 'cols': 5, 'data': [-0.3, 0.1, 0.001, 1e-05, 0.0]},
        'camera_matrix': {'rows': 3, 'cols': 3, 'data': [438.0, 0, 305, 0, 437, 243, 0, 0, 1]},
        'rectification_matrix': {'rows': 3, 'cols': 3, 'data': [1, 0, 0, 0, 1, 0, 0, 0, 1]},
        'projection_matrix': {'rows': 3, 'cols': 4, 'data': [393, 0, 322, 0] * 3},
    }
).encode()
TOKENS = (
    b'&a ', b'*a', b'&a [*a]', b'<<: *a', b'!!python/object/apply:os.abort []', b'2001-99-99',
    b'!!int ', b'!!timestamp x', b'!!float x', b'[' * 600, b'? ', b'1:' * 40, b'.nan', b'9' * 5000,
    b'\x00', b'---\n', b'%YAML 9.9\n', b'"\\x', b'rows: aaaa', b'cols: 1000000000000',
)  # fmt: skip


@fuzz(80)
@given(data=st.data())
def test_any_calibration_is_read_or_refused(child, data):
    if data.draw(st.booleans()):
        text = yaml.safe_dump(data.draw(changed_documents(yaml.safe_load(CALIBRATION)))).encode()
    else:
        text = data.draw(mutated([CALIBRATION], TOKENS))
    child.run('calibrations', 'calibration', text)


@fuzz(30)
@given(data=st.data())
def test_any_parameter_file_is_taken_or_refused(child, data):
    pytest.importorskip('rclpy', reason='ROS is not installed')
    text = (REPOSITORY / 'config' / 'emotion.yaml').read_bytes()
    if data.draw(st.booleans()):
        document = data.draw(changed_documents(yaml.safe_load(text)))
        text = (json.dumps if data.draw(st.booleans()) else yaml.safe_dump)(document).encode()
    else:
        text = data.draw(mutated([text], TOKENS))
    node = data.draw(st.sampled_from(('camera', 'emotion', 'overlay')))
    child.run('parameter files', 'parameters', text, node=node)
