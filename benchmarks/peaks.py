"""What this machine can do at its best: large matrix products and a large copy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper

from benchmarks.timing import measure
from emotion_perception.inference.onnx_session import ProviderSettings, create_session

_SIDE = 1536  # 9 MiB a matrix in fp32: a product, not a copy, decides the time
_COPY_BYTES = 256 * 2**20  # far larger than any cache
_OPSET, _IR_VERSION = 17, 8


@dataclass(frozen=True, slots=True)
class Peaks:
    """Peak rates of this machine.

    Attributes:
        float_rates: fp32 multiply-adds per second, by library.
        integer_rates: 8-bit multiply-adds per second, by ONNX operator.
        copy_bytes: Bytes read plus bytes written per second.
    """

    float_rates: dict[str, float]
    integer_rates: dict[str, float]
    copy_bytes: float

    @property
    def float_multiply_adds(self) -> float:
        """fp32 multiply-adds per second of the quicker library."""
        return max(self.float_rates.values())

    @property
    def integer_multiply_adds(self) -> float:
        """8-bit multiply-adds per second; a processor without such instructions does as in fp32."""
        return max(*self.integer_rates.values(), self.float_multiply_adds)


def measure_peaks(providers: ProviderSettings, rounds: int) -> Peaks:
    """Measures the peaks; the quickest of all rounds counts."""
    products = {
        'NumPy (BLAS)': _numpy_product(),
        'ONNX Runtime': _onnx_product('MatMul', providers),
    }
    integers = {name: _onnx_product(name, providers) for name in ('MatMulInteger', 'QLinearMatMul')}
    source, target = np.ones(_COPY_BYTES, np.uint8), np.zeros(_COPY_BYTES, np.uint8)
    times = measure({**products, **integers, 'copy': lambda: np.copyto(target, source)}, rounds)

    def rate(name: str, work: float) -> float:
        return work / (times[name].wall.minimum / 1e3)

    return Peaks(
        {name: rate(name, _SIDE**3) for name in products},
        {name: rate(name, _SIDE**3) for name in integers},
        rate('copy', 2 * _COPY_BYTES),
    )


def _numpy_product() -> Callable[[], object]:
    random = np.random.default_rng(0)
    a, b = (random.standard_normal((_SIDE, _SIDE), np.float32) for _ in range(2))
    result = np.empty_like(a)
    return lambda: np.matmul(a, b, out=result)


def _onnx_product(operator: str, providers: ProviderSettings) -> Callable[[], object]:
    """A product of activations and constant weights, as networks have it."""
    random = np.random.default_rng(0)
    is_float = operator == 'MatMul'
    shape = (_SIDE, _SIDE)
    data = random.standard_normal(shape, np.float32)
    if not is_float:
        data = random.integers(0, 256, shape, np.uint8)
    weights = random.standard_normal(shape, np.float32)
    if not is_float:
        weights = random.integers(-127, 128, shape, np.int8)
    session = create_session(_product_model(operator, weights), providers)
    return lambda: session.run(None, {'a': data})


def _product_model(operator: str, weights: npt.NDArray[Any]) -> bytes:
    kinds = {
        'MatMul': (TensorProto.FLOAT, TensorProto.FLOAT),
        'MatMulInteger': (TensorProto.UINT8, TensorProto.INT32),
        'QLinearMatMul': (TensorProto.UINT8, TensorProto.UINT8),
    }
    kind_in, kind_out = kinds[operator]
    scale = helper.make_tensor('scale', TensorProto.FLOAT, [], [0.02])
    large = helper.make_tensor('large', TensorProto.FLOAT, [], [20.0])
    zero = helper.make_tensor('zero', TensorProto.UINT8, [], [128])
    weight_zero = helper.make_tensor('weight_zero', TensorProto.INT8, [], [0])
    names = {
        'MatMul': ['a', 'b'],
        'MatMulInteger': ['a', 'b', 'zero', 'weight_zero'],
        'QLinearMatMul': ['a', 'scale', 'zero', 'b', 'scale', 'weight_zero', 'large', 'zero'],
    }[operator]
    kind_weights = TensorProto.FLOAT if operator == 'MatMul' else TensorProto.INT8
    stored = helper.make_tensor('b', kind_weights, weights.shape, weights.tobytes(), raw=True)
    constants = [t for t in (scale, large, zero, weight_zero) if t.name in names]
    graph = helper.make_graph(
        [helper.make_node(operator, names, ['c'])],
        'product',
        [helper.make_tensor_value_info('a', kind_in, weights.shape)],
        [helper.make_tensor_value_info('c', kind_out, weights.shape)],
        [stored, *constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', _OPSET)])
    model.ir_version = _IR_VERSION
    return bytes(model.SerializeToString())
