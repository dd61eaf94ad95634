import logging

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from emotion_perception.errors import ModelError, ProviderError
from emotion_perception.inference.onnx_session import (
    CPU_PROVIDER,
    ProviderSettings,
    active_provider,
    create_session,
    resolve_providers,
)
from emotion_perception.inference.provider_options import (
    CUDA_PROVIDER,
    TENSORRT_PROVIDER,
    GpuSettings,
    InputShapes,
)

CPU = ProviderSettings(('cpu',))

needs_no_gpu = pytest.mark.skipif(
    'CUDAExecutionProvider' in onnxruntime.get_available_providers(),
    reason='this ONNX Runtime has CUDA',
)


def tiny_model() -> bytes:
    shape = [1, 2]
    graph = helper.make_graph(
        [helper.make_node('Relu', ['x'], ['y'])],
        'tiny',
        [helper.make_tensor_value_info('x', TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info('y', TensorProto.FLOAT, shape)],
    )
    opset = helper.make_opsetid('', 17)
    return helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()


def test_runs_a_model():
    session = create_session(tiny_model(), CPU)

    assert session.run(None, {'x': [[-1.0, 2.0]]})[0].tolist() == [[0.0, 2.0]]
    assert active_provider(session) == CPU_PROVIDER


def test_options_reach_the_session():
    session = create_session(tiny_model(), ProviderSettings(('cpu',), num_threads=1))

    options = session.get_session_options()
    assert options.intra_op_num_threads == 1
    assert options.get_session_config_entry('session.intra_op.allow_spinning') == '0'


@pytest.mark.parametrize('name', ['cpu', 'CPU', 'CPUExecutionProvider', 'auto'])
def test_names_of_the_cpu(name):
    assert resolve_providers(ProviderSettings((name,)))[-1] == CPU_PROVIDER


def test_no_name_means_the_cpu():
    assert resolve_providers(ProviderSettings(())) == [CPU_PROVIDER]


def test_duplicates_are_named_once():
    assert resolve_providers(ProviderSettings(('cpu', 'CPUExecutionProvider'))) == [CPU_PROVIDER]


def test_strict_accepts_what_is_available():
    session = create_session(tiny_model(), ProviderSettings(('cpu',), strict=True))

    assert active_provider(session) == CPU_PROVIDER


@needs_no_gpu
def test_missing_provider_falls_back_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        session = create_session(tiny_model(), ProviderSettings(('cuda', 'cpu')))

    assert active_provider(session) == CPU_PROVIDER
    assert 'CUDAExecutionProvider is not in the installed ONNX Runtime' in caplog.text


@needs_no_gpu
def test_missing_provider_in_strict_mode_says_what_to_install():
    with pytest.raises(ProviderError, match=r'available: .*CPUExecution.* install onnxruntime-gpu'):
        create_session(tiny_model(), ProviderSettings(('cuda', 'cpu'), strict=True))


class SessionOnCpu:
    """What a session reports when a GPU provider is in the build but could not start."""

    def get_providers(self):
        return [CPU_PROVIDER]


@pytest.mark.parametrize('strict', [True, False])
def test_provider_that_cannot_start_is_noticed(monkeypatch, caplog, strict):
    monkeypatch.setattr(
        onnxruntime, 'get_available_providers', lambda: ['CUDAExecutionProvider', CPU_PROVIDER]
    )
    monkeypatch.setattr(onnxruntime, 'preload_dlls', lambda: None, raising=False)
    monkeypatch.setattr(onnxruntime, 'InferenceSession', lambda *_, **__: SessionOnCpu())
    settings = ProviderSettings(('cuda',), strict=strict)

    if strict:
        with pytest.raises(ProviderError, match='runs on CPUExecutionProvider'):
            create_session(b'', settings)
    else:
        assert active_provider(create_session(b'', settings)) == CPU_PROVIDER
        assert 'runs on CPUExecutionProvider' in caplog.text


class BuildWithGpu:
    """Stands for an ONNX Runtime with GPU providers; notes what the session is opened with."""

    def __init__(self, monkeypatch, refused=()):
        self.opened = []
        self._refused = refused
        self._open = onnxruntime.InferenceSession
        names = [TENSORRT_PROVIDER, CUDA_PROVIDER, CPU_PROVIDER]
        monkeypatch.setattr(onnxruntime, 'get_available_providers', lambda: names)
        monkeypatch.setattr(onnxruntime, 'preload_dlls', lambda: None, raising=False)
        monkeypatch.setattr(onnxruntime, 'InferenceSession', self.open)

    def open(self, model, options, *, providers, enable_fallback):
        self.opened.append(dict(providers))
        if set(self._refused) & dict(providers).keys():
            raise RuntimeError('CUDA failure 101: invalid device ordinal')
        return self._open(model, options, providers=[CPU_PROVIDER])


def test_options_reach_their_provider(monkeypatch, tmp_path):
    build = BuildWithGpu(monkeypatch)
    gpu = GpuSettings(device_id=1, fp16=True, engine_cache=tmp_path)
    shapes = InputShapes('x', (1, 2), (1, 2), (8, 2))

    create_session(tiny_model(), ProviderSettings(('tensorrt',), gpu=gpu), shapes)

    (providers,) = build.opened
    assert list(providers) == [TENSORRT_PROVIDER, CUDA_PROVIDER, CPU_PROVIDER]
    assert providers[TENSORRT_PROVIDER]['trt_engine_cache_path'] == str(tmp_path)
    assert providers[TENSORRT_PROVIDER]['trt_profile_max_shapes'] == 'x:8x2'
    assert providers[CUDA_PROVIDER]['device_id'] == '1'
    assert providers[CPU_PROVIDER] == {}


def test_auto_takes_cuda_but_not_tensorrt(monkeypatch):
    build = BuildWithGpu(monkeypatch)

    create_session(tiny_model(), ProviderSettings())

    assert list(build.opened[0]) == [CUDA_PROVIDER, CPU_PROVIDER]


def test_a_gpu_that_refuses_leaves_the_work_to_the_cpu(monkeypatch, caplog):
    build = BuildWithGpu(monkeypatch, refused=[CUDA_PROVIDER])

    session = create_session(tiny_model(), ProviderSettings(('cuda',), gpu=GpuSettings(9)))

    assert session.run(None, {'x': [[-1.0, 2.0]]})[0].tolist() == [[0.0, 2.0]]
    assert list(build.opened[-1]) == [CPU_PROVIDER]
    assert 'invalid device ordinal' in caplog.text
    assert 'runs on CPUExecutionProvider' in caplog.text


def test_a_gpu_that_refuses_is_an_error_in_strict_mode(monkeypatch):
    BuildWithGpu(monkeypatch, refused=[CUDA_PROVIDER])

    with pytest.raises(ProviderError, match='runs on CPUExecutionProvider'):
        create_session(tiny_model(), ProviderSettings(('cuda',), strict=True))


def test_a_damaged_model_on_a_gpu_is_called_damaged(monkeypatch):
    BuildWithGpu(monkeypatch, refused=[CUDA_PROVIDER])

    with pytest.raises(ModelError, match='cannot be loaded'):
        create_session(b'not a model', ProviderSettings(('cuda',)))


def test_negative_device():
    with pytest.raises(ProviderError, match='`device_id` must be 0 or more, not -1'):
        create_session(tiny_model(), ProviderSettings(gpu=GpuSettings(-1)))


def test_unknown_provider_lists_the_choices():
    with pytest.raises(
        ProviderError,
        match=r"Unknown execution provider 'gpu': set `execution_providers` to auto, cpu, cuda",
    ):
        create_session(tiny_model(), ProviderSettings(('gpu',)))


def test_negative_thread_count():
    with pytest.raises(ProviderError, match='`num_threads` must be 0'):
        create_session(tiny_model(), ProviderSettings(num_threads=-1))


def test_weights_in_another_file_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    weight = onnx.numpy_helper.from_array(np.ones((2, 2), np.float32), 'w')
    model = onnx.load_model_from_string(tiny_model())
    model.graph.initializer.append(weight)
    model.graph.node.append(helper.make_node('MatMul', ['x', 'w'], ['product']))
    onnx.save_model(
        model, 'model.onnx', save_as_external_data=True, location='w.bin', size_threshold=0
    )
    assert (tmp_path / 'w.bin').exists()

    with pytest.raises(ModelError, match=r'keeps weights in another file, which is refused'):
        create_session((tmp_path / 'model.onnx').read_bytes(), CPU)


@pytest.mark.parametrize('content', [b'', b'not a model', tiny_model()[:-20]])
def test_damaged_model_is_one_sentence(capfd, content):
    with pytest.raises(ModelError, match=r'bad\.onnx cannot be loaded') as caught:
        create_session(content, CPU, name='Model file bad.onnx')

    assert '\n' not in str(caught.value)
    assert capfd.readouterr() == ('', '')


def test_model_with_an_unknown_operator():
    model = onnx.load_model_from_string(tiny_model())
    model.graph.node[0].op_type = 'NoSuchOperator'

    with pytest.raises(ModelError, match='The ONNX model cannot be loaded'):
        create_session(model.SerializeToString(), CPU)
