"""ONNX Runtime sessions: the one place where execution providers are chosen and checked.

ONNX Runtime falls back to the CPU without a word when a GPU provider cannot start
(microsoft/onnxruntime#23372), so every session is asked afterwards what it really runs on.
"""

import ctypes
import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnxruntime

from emotion_perception.errors import ModelError, ProviderError
from emotion_perception.inference.provider_options import (
    CUDA_PROVIDER,
    TENSORRT_PROVIDER,
    GpuSettings,
    InputShapes,
    options_for,
)
from emotion_perception.limits import quoted

_LOGGER = logging.getLogger(__name__)

CPU_PROVIDER: Final = 'CPUExecutionProvider'

AUTO: Final = 'auto'
"""Provider name that stands for CUDA where it is available, and for the CPU otherwise."""

SHORT_PROVIDER_NAMES: Final[dict[str, str]] = {
    'cpu': CPU_PROVIDER,
    'cuda': CUDA_PROVIDER,
    'tensorrt': TENSORRT_PROVIDER,
    'openvino': 'OpenVINOExecutionProvider',
    'migraphx': 'MIGraphXExecutionProvider',
    'rocm': 'ROCMExecutionProvider',
    'coreml': 'CoreMLExecutionProvider',
    'directml': 'DmlExecutionProvider',
}
"""Short names that users may write, in any case, for ONNX Runtime's provider names."""

# TensorRT builds its engine for minutes at the first start: only who names it should wait for it.
_AUTO_ORDER: Final = (CUDA_PROVIDER, CPU_PROVIDER)

_PACKAGES: Final[dict[str, str]] = {
    CUDA_PROVIDER: 'onnxruntime-gpu',
    TENSORRT_PROVIDER: 'onnxruntime-gpu',
    'OpenVINOExecutionProvider': 'onnxruntime-openvino',
    'MIGraphXExecutionProvider': 'onnxruntime-migraphx',
    'ROCMExecutionProvider': 'onnxruntime-rocm',
    'DmlExecutionProvider': 'onnxruntime-directml',
}

_LOG_FATAL: Final = 4

# `op_type` of a node, field 4 of its message, in whatever length its tag and size are written. All
# other operators end: they are bounded by the sizes of what goes in.
_LOOP = re.compile(rb'(?:\x22|\xa2\x80*\x00)(?:\x04|\x84\x80*\x00)Loop')

_Providers = list[tuple[str, dict[str, str]]]


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """Which hardware ONNX Runtime may use.

    Attributes:
        execution_providers: Names in order of preference: `auto`, a short name such as `cuda` (see
            `SHORT_PROVIDER_NAMES`) or ONNX Runtime's own name such as `CUDAExecutionProvider`.
        strict: Whether to raise when the first choice is not really in use; otherwise the next one
            is taken, the CPU at last, with a warning in the log.
        num_threads: Threads of one session on the CPU, >= 0; 0 leaves the choice to ONNX Runtime.
        gpu: Which GPU and how, for the providers that have one.
    """

    execution_providers: tuple[str, ...] = (AUTO,)
    strict: bool = False
    num_threads: int = 0
    gpu: GpuSettings = field(default_factory=GpuSettings)


def resolve_providers(settings: ProviderSettings) -> list[str]:
    """Turns the user's provider names into ONNX Runtime's, in order, without duplicates.

    Args:
        settings: The user's choice.

    Returns:
        Available providers; CUDA follows TensorRT, and the CPU is the last resort.

    Raises:
        ProviderError: A name is unknown, or, in strict mode, a named provider is not available.
    """
    available = onnxruntime.get_available_providers()
    wanted: list[str] = []
    for name in settings.execution_providers:
        if name.strip().lower() == AUTO:
            wanted += [provider for provider in _AUTO_ORDER if provider in available]
        else:
            wanted.append(_full_name(name, available))
    for missing in (provider for provider in wanted if provider not in available):
        message = _missing_message(missing, available)
        if settings.strict:
            raise ProviderError(message)
        _LOGGER.warning('%s', message)
    usable = [provider for provider in wanted if provider in available]
    if TENSORRT_PROVIDER in usable and CUDA_PROVIDER in available:
        # For the operators that TensorRT does not know; without CUDA they would run on the CPU.
        usable.insert(usable.index(TENSORRT_PROVIDER) + 1, CUDA_PROVIDER)
    # ONNX Runtime adds the CPU to every session by itself; naming it keeps what is reported true.
    return list(dict.fromkeys([*usable, CPU_PROVIDER]))


def create_session(
    model: bytes,
    settings: ProviderSettings,
    shapes: InputShapes | None = None,
    name: str = 'The ONNX model',
) -> onnxruntime.InferenceSession:
    """Opens an ONNX model on the chosen provider.

    Args:
        model: A whole ONNX file. Weights that it keeps in other files are refused: nobody has
            checked those, and their paths could lead anywhere.
        settings: Which hardware to use.
        shapes: What its input may be; TensorRT builds its engine for it.
        name: What to call the model in messages.

    Returns:
        A session that does not spin while it waits and logs nothing by itself.

    Raises:
        ModelError: The bytes are not an ONNX model that can be run.
        ProviderError: A provider name is unknown, a setting is out of range, or strict mode did
            not get its first choice.
    """
    if _LOOP.search(model):
        raise ModelError(
            f'{name} has the operator Loop, which may never end, and no network of faces needs: '
            'export it without.'
        )
    options = _session_options(settings)
    providers = resolve_providers(settings)
    onnxruntime.set_default_logger_severity(_LOG_FATAL)
    _preload_cuda_libraries(providers)
    chosen = [(name, options_for(name, settings.gpu, shapes)) for name in providers]
    session = _open_or_fall_back(model, name, chosen, options)
    _check_active(session, providers[0], settings.strict)
    return session


def active_provider(session: onnxruntime.InferenceSession) -> str:
    """ONNX Runtime's name of the provider that a session really uses first."""
    return str(session.get_providers()[0])


def leave(*loaded: object) -> None:
    """Leaves what holds networks as it is, for ever: after a fork its end would wait for threads.

    Args:
        loaded: What the process before the fork has made.
    """
    for each in loaded:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))


def _full_name(name: str, available: list[str]) -> str:
    full = SHORT_PROVIDER_NAMES.get(name.strip().lower(), name.strip())
    if full not in available and full not in onnxruntime.get_all_providers():
        raise ProviderError(
            f"Unknown execution provider '{name}': set `execution_providers` to {AUTO}, "
            f'{", ".join(SHORT_PROVIDER_NAMES)} or a name of ONNX Runtime '
            f'(available here: {", ".join(available)}).'
        )
    return full


def _missing_message(provider: str, available: list[str]) -> str:
    package = _PACKAGES.get(provider)
    cure = f'install {package} instead of onnxruntime' if package else 'install a build with it'
    return (
        f'{provider} is not in the installed ONNX Runtime (available: {", ".join(available)}): '
        f'{cure}, or choose another of `execution_providers`.'
    )


def _session_options(settings: ProviderSettings) -> onnxruntime.SessionOptions:
    threads, device = settings.num_threads, settings.gpu.device_id
    if threads < 0:
        raise ProviderError(f'`num_threads` must be 0 (automatic) or more, not {threads}.')
    if device < 0:
        raise ProviderError(f'`device_id` must be 0 or more, not {device}.')
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_FATAL
    options.intra_op_num_threads = threads
    # Spinning threads would take the cores from the camera, the detector and the rest of the robot.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    # Memory planned for one shape is of no use where sizes and numbers of faces change: it would be
    # 22 MiB more, and no quicker (measured).
    options.enable_mem_pattern = False
    # Weights stay out of the arena for what changes, which doubles whenever it is full.
    options.add_session_config_entry('session.use_device_allocator_for_initializers', '1')
    # Weights in other files would be looked for here, and are not found.
    options.add_session_config_entry(
        'session.model_external_initializers_file_folder_path', os.devnull
    )
    return options


def _preload_cuda_libraries(providers: list[str]) -> None:
    """Lets CUDA and cuDNN come from pip packages, not only from a system-wide installation."""
    preload = getattr(onnxruntime, 'preload_dlls', None)
    if preload is not None and CUDA_PROVIDER in providers:
        preload()


def _open_or_fall_back(
    model: bytes, name: str, providers: _Providers, options: onnxruntime.SessionOptions
) -> onnxruntime.InferenceSession:
    """Opens on the CPU what the GPU refuses: a wrong device, no memory left, a broken driver."""
    try:
        return _open(model, name, providers, options)
    except ModelError as error:
        if len(providers) == 1:
            raise
        # A damaged model fails here too, and then with the right reason.
        session = _open(model, name, [(CPU_PROVIDER, {})], options)
        _LOGGER.warning('%s', error.__cause__)
        return session


def _open(
    model: bytes, name: str, providers: _Providers, options: onnxruntime.SessionOptions
) -> onnxruntime.InferenceSession:
    try:
        # Its own fallback prints to stdout and hides the reason; `_check_active` reports instead.
        return onnxruntime.InferenceSession(model, options, providers=providers, enable_fallback=0)
    # ONNX Runtime's exceptions share no base class but Exception.
    except Exception as error:
        if 'External data path' in str(error):
            raise ModelError(
                f'{name} keeps weights in another file, which is refused: export it as one file.'
            ) from error
        raise ModelError(
            f'{name} cannot be loaded by ONNX Runtime, restore it or export it again: '
            f'{quoted(error)}.'
        ) from error


def _check_active(session: onnxruntime.InferenceSession, wanted: str, strict: bool) -> None:
    active = active_provider(session)
    if active == wanted:
        return
    message = (
        f'{wanted} was asked for but ONNX Runtime runs on {active}: check that its driver and '
        'libraries are installed and fit this build of onnxruntime.'
    )
    if strict:
        raise ProviderError(message)
    _LOGGER.warning('%s', message)


Float32Array = npt.NDArray[np.float32]

_DEVICES = {CUDA_PROVIDER: 'cuda', TENSORRT_PROVIDER: 'cuda'}


class OnnxNetwork:
    """Runs a session. Not thread-safe: it keeps the GPU's input buffer between calls."""

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        outputs: Sequence[str] | None = None,
        device_id: int = 0,
    ) -> None:
        """Takes a session over.

        Args:
            session: A network with one input.
            outputs: Names of the outputs wanted, in order; None is all, in the graph's order.
            device_id: Index of the GPU that the session was opened on.
        """
        self.session = session
        self._input = session.get_inputs()[0].name
        self._outputs = list(outputs or (value.name for value in session.get_outputs()))
        # On the CPU a binding saves nothing: the network reads the array where it is.
        self._device = _DEVICES.get(self.provider)
        self._device_id = device_id
        self._buffer: Any = None

    def clone(self) -> 'OnnxNetwork':
        """The same session for another thread (ONNX Runtime's sessions may be shared)."""
        return OnnxNetwork(self.session, self._outputs, self._device_id)

    @property
    def provider(self) -> str:
        """Execution provider that is really in use, as ONNX Runtime reports it."""
        return active_provider(self.session)

    def run(self, batch: Float32Array) -> list[Float32Array]:
        """Runs the network once.

        Args:
            batch: The input, C-contiguous; not modified.

        Returns:
            The outputs, in memory of the CPU.
        """
        if self._device is None:
            outputs: list[Float32Array] = self.session.run(self._outputs, {self._input: batch})
            return outputs
        return self._run_bound(batch, self._device)

    def _run_bound(self, batch: Float32Array, device: str) -> list[Float32Array]:
        """Writes into a buffer on the device that is kept: allocating one would synchronise it."""
        if self._buffer is None or tuple(self._buffer.shape()) != batch.shape:
            self._buffer = onnxruntime.OrtValue.ortvalue_from_shape_and_type(
                batch.shape, np.float32, device, self._device_id
            )
        self._buffer.update_inplace(batch)
        binding = self.session.io_binding()
        binding.bind_ortvalue_input(self._input, self._buffer)
        for name in self._outputs:
            binding.bind_output(name, 'cpu')
        self.session.run_with_iobinding(binding)
        results: list[Float32Array] = binding.copy_outputs_to_cpu()
        return results
