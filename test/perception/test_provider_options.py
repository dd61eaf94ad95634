import logging

import pytest

from emotion_perception.inference.provider_options import (
    CUDA_PROVIDER,
    TENSORRT_PROVIDER,
    GpuSettings,
    InputShapes,
    options_for,
)

SHAPES = InputShapes('input', (1, 3, 32, 32), (1, 3, 352, 480), (16, 3, 480, 480))


def test_the_cpu_needs_no_options():
    assert options_for('CPUExecutionProvider', GpuSettings(2, True), SHAPES) == {}


def test_cuda_gets_its_device_and_does_not_search_on_every_shape():
    options = options_for(CUDA_PROVIDER, GpuSettings(device_id=2), SHAPES)

    assert options['device_id'] == '2'
    assert options['cudnn_conv_algo_search'] == 'HEURISTIC'
    assert all(isinstance(value, str) for value in options.values())


def test_tensorrt_keeps_its_engines(tmp_path):
    folder = tmp_path / 'a' / 'engines'

    options = options_for(TENSORRT_PROVIDER, GpuSettings(1, True, folder), SHAPES)

    assert folder.is_dir()
    assert options == {
        'device_id': '1',
        'trt_fp16_enable': '1',
        'trt_engine_cache_enable': '1',
        'trt_engine_cache_path': str(folder),
        'trt_timing_cache_enable': '1',
        'trt_timing_cache_path': str(folder),
        'trt_profile_min_shapes': 'input:1x3x32x32',
        'trt_profile_opt_shapes': 'input:1x3x352x480',
        'trt_profile_max_shapes': 'input:16x3x480x480',
    }


def test_half_precision_is_off_by_default(tmp_path):
    options = options_for(TENSORRT_PROVIDER, GpuSettings(engine_cache=tmp_path), None)

    assert options['trt_fp16_enable'] == '0'
    assert not [key for key in options if key.startswith('trt_profile')]


def test_engines_lie_in_the_users_cache_by_default(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))

    options = options_for(TENSORRT_PROVIDER, GpuSettings(), None)

    assert options['trt_engine_cache_path'] == str(tmp_path / 'emotion_bringup' / 'tensorrt')


@pytest.mark.parametrize('folder', ['file', 'file/below'])
def test_a_folder_that_cannot_be_made_is_told_and_costs_only_time(tmp_path, caplog, folder):
    (tmp_path / 'file').write_text('a file where a folder is wanted')
    caplog.set_level(logging.WARNING)

    options = options_for(TENSORRT_PROVIDER, GpuSettings(engine_cache=tmp_path / folder), None)

    assert 'trt_engine_cache_enable' not in options
    assert 'name a folder that can be written' in caplog.text
