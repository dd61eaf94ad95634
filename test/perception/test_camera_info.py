"""Calibration files as camera_calibration and C++ write them, and damaged ones."""

from pathlib import Path

import pytest
import yaml

from emotion_perception.errors import SourceError
from emotion_perception.sources.camera_info import CameraCalibration, read_calibration

CALIBRATION = """\
image_width: 640
image_height: 480
camera_name: head_camera
camera_matrix:
  rows: 3
  cols: 3
  data: [438.783367, 0.0, 305.593336, 0.0, 437.302876, 243.738352, 0.0, 0.0, 1.0]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.361976, 0.110510, 0.001014, 1e-05, 0.000000]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
projection_matrix:
  rows: 3
  cols: 4
  data: [393.6538, 0.0, 322.797939, 0.0, 0.0, 393.6, 241.090902, 0.0, 0.0, 0.0, 1.0, 0.0]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / 'head camera.yaml'
    path.write_text(CALIBRATION)
    return path


def changed(file, **fields):
    document = yaml.safe_load(CALIBRATION)
    document.update(fields)
    file.write_text(yaml.safe_dump({k: v for k, v in document.items() if v is not None}))
    return str(file)


def test_standard_file(file):
    calibration = read_calibration(str(file))
    assert calibration.is_calibrated
    assert (calibration.width, calibration.height) == (640, 480)
    assert calibration.camera_name == 'head_camera'
    assert calibration.distortion_model == 'plumb_bob'
    assert calibration.d == (-0.361976, 0.110510, 0.001014, 1e-05, 0.0)
    assert calibration.k[0] == 438.783367
    assert calibration.k[8] == 1.0
    assert len(calibration.r) == 9
    assert calibration.p[2] == 322.797939
    assert len(calibration.p) == 12


def test_forms_of_the_url(file, tmp_path, monkeypatch):
    whole = read_calibration(str(file))
    assert read_calibration(f'file://{file}') == whole
    assert read_calibration(f'file://{str(file).replace(" ", "%20")}') == whole
    assert (
        read_calibration('package://robot/head camera.yaml', resolve_package=lambda name: tmp_path)
        == whole
    )
    (tmp_path / 'front.yaml').write_text(CALIBRATION)
    monkeypatch.setenv('ROS_HOME', str(tmp_path))
    assert read_calibration('file://${ROS_HOME}/${NAME}.yaml', camera_name='front') == whole


def test_no_url_is_uncalibrated():
    calibration = read_calibration('', camera_name='webcam')
    assert calibration == CameraCalibration(camera_name='webcam')
    assert not calibration.is_calibrated
    assert calibration.k == (0.0,) * 9
    assert calibration.size_warning(640, 480) is None


def test_size_mismatch_is_a_warning(file):
    calibration = read_calibration(str(file))
    assert calibration.size_warning(640, 480) is None
    warning = calibration.size_warning(1280, 720)
    assert 'made at 640x480 pixels, but the camera gives 1280x720' in warning


@pytest.mark.parametrize(
    ('fields', 'sentence'),
    [
        ({'camera_matrix': None}, "lacks the field 'camera_matrix'"),
        ({'distortion_model': None}, "lacks the field 'distortion_model'"),
        (
            {'camera_matrix': {'rows': 3, 'cols': 3, 'data': [1.0] * 8}},
            'must be 3x3 numbers, not 8',
        ),
        ({'camera_matrix': {'rows': 1, 'cols': 9, 'data': [1.0] * 9}}, 'must be 3x3 numbers'),
        ({'camera_matrix': [1, 2]}, 'camera_matrix must have rows, cols and data'),
        ({'camera_matrix': {'rows': 3, 'cols': 3}}, "lacks the field 'data'"),
        ({'camera_matrix': {'rows': 3, 'cols': 3, 'data': 5}}, 'is invalid'),
        ({'projection_matrix': {'rows': 3, 'cols': 4, 'data': ['x'] * 12}}, 'is invalid'),
        (
            {'rectification_matrix': {'rows': 3, 'cols': 3, 'data': [float('nan')] * 9}},
            'must hold finite numbers',
        ),
        (
            {'distortion_coefficients': {'rows': 1, 'cols': 3, 'data': [0.0] * 3}},
            'plumb_bob has 4 or 5 distortion coefficients, not 3',
        ),
        ({'image_width': 0}, 'image_width must be a whole number from 1 to 16384'),
        ({'image_height': '480'}, 'image_height must be a whole number from 1 to 16384'),
    ],
)
def test_damaged_fields_are_one_sentence(file, fields, sentence):
    with pytest.raises(SourceError) as caught:
        read_calibration(changed(file, **fields))
    assert sentence in str(caught.value)
    assert str(caught.value).endswith('.')


@pytest.mark.parametrize(
    ('content', 'sentence'),
    [
        (b'a: [1, 2', 'is not valid YAML'),
        (b'\xff\xfe\x00\xd8', 'is not valid YAML'),
        (b'%YAML:1.0\n---\nk: !!opencv-matrix\n  rows: 3\n', 'is not valid YAML'),
        (b'- 1\n- 2\n', 'is not a YAML mapping'),
        (b'', 'is not a YAML mapping'),
        (b'#' * (2 << 20), 'is too large'),
    ],
)
def test_no_calibration_at_all(file, content, sentence):
    file.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        read_calibration(str(file))
    assert sentence in str(caught.value)
    assert '\n' not in str(caught.value)


def unknown_package(name):
    raise LookupError(name)


@pytest.mark.parametrize(
    ('url', 'resolver', 'sentence'),
    [
        ('/nowhere/x.yaml', None, 'cannot be read (No such file or directory)'),
        ('flash:///x', None, 'cannot be resolved: use file://'),
        ('package://robot/x.yaml', None, 'cannot be resolved'),
        ('package://robot/x.yaml', unknown_package, "package 'robot', which is not installed"),
        ('package://robot/x.yaml', lambda name: Path('/nowhere'), 'cannot be read'),
    ],
)
def test_url_that_leads_nowhere(url, resolver, sentence):
    with pytest.raises(SourceError) as caught:
        read_calibration(url, resolve_package=resolver)
    assert sentence in str(caught.value)
