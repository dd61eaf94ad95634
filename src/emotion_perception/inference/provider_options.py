"""What the GPU providers of ONNX Runtime are told besides their name.

The keys are those of ONNX Runtime's pages "CUDA Execution Provider" and "TensorRT Execution
Provider"; all values are strings there.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emotion_perception.files.resources import cache_folder

_LOGGER = logging.getLogger(__name__)

CUDA_PROVIDER: Final = 'CUDAExecutionProvider'
TENSORRT_PROVIDER: Final = 'TensorrtExecutionProvider'

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class InputShapes:
    """Shapes that the one input of a network may take.

    TensorRT builds one engine for the whole range. Without it a new number of faces or a new
    image size would build another engine, for minutes, while frames wait.

    Attributes:
        name: The input's name in the graph.
        smallest: Smallest length of every axis.
        usual: The shape to be quick at.
        largest: Largest length of every axis.
    """

    name: str
    smallest: Shape
    usual: Shape
    largest: Shape


@dataclass(frozen=True, slots=True)
class GpuSettings:
    """How a GPU is used; without meaning on the CPU.

    Attributes:
        device_id: Index of the GPU, >= 0.
        fp16: Whether TensorRT may calculate in half precision.
        engine_cache: Folder where TensorRT keeps its engines, made when it does not exist; None is
            `tensorrt` in the user's cache folder.
    """

    device_id: int = 0
    fp16: bool = False
    engine_cache: Path | None = None


def options_for(provider: str, gpu: GpuSettings, shapes: InputShapes | None) -> dict[str, str]:
    """Options of one provider.

    Args:
        provider: ONNX Runtime's name of it.
        gpu: The user's choice.
        shapes: What the network's input may be; None leaves it open.

    Returns:
        Options by name; empty for providers that need none.
    """
    if provider == CUDA_PROVIDER:
        return _cuda_options(gpu)
    if provider == TENSORRT_PROVIDER:
        return {**_tensorrt_options(gpu), **_shape_options(shapes)}
    return {}


def _cuda_options(gpu: GpuSettings) -> dict[str, str]:
    return {
        'device_id': str(gpu.device_id),
        # The default tries every algorithm again for every new shape, which is for every new number
        # of faces: a second's pause in the middle of a stream.
        'cudnn_conv_algo_search': 'HEURISTIC',
        # The default doubles the memory with every extension.
        'arena_extend_strategy': 'kSameAsRequested',
    }


def _tensorrt_options(gpu: GpuSettings) -> dict[str, str]:
    options = {'device_id': str(gpu.device_id), 'trt_fp16_enable': str(int(gpu.fp16))}
    folder = _engine_folder(gpu)
    if folder is None:
        return options
    return options | {
        'trt_engine_cache_enable': '1',
        'trt_engine_cache_path': str(folder),
        'trt_timing_cache_enable': '1',
        'trt_timing_cache_path': str(folder),
    }


def _engine_folder(gpu: GpuSettings) -> Path | None:
    """The folder, ready to be written to; without one TensorRT takes minutes at every start."""
    cache = cache_folder()
    folder = gpu.engine_cache or (cache and cache / 'tensorrt')
    try:
        if folder is None:
            raise OSError('there is no home folder')
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _LOGGER.warning(
            'TensorRT engines cannot be kept (%s) and are built anew at every start: '
            'name a folder that can be written.',
            error,
        )
        return None
    return folder


def _shape_options(shapes: InputShapes | None) -> dict[str, str]:
    if shapes is None:
        return {}
    profiles = {'min': shapes.smallest, 'opt': shapes.usual, 'max': shapes.largest}
    return {
        f'trt_profile_{key}_shapes': f'{shapes.name}:{"x".join(map(str, shape))}'
        for key, shape in profiles.items()
    }
