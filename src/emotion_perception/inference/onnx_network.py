"""A network with one input: runs on the CPU as it is, on a GPU with bound buffers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from emotion_perception.inference.onnx_session import active_provider
from emotion_perception.inference.provider_options import CUDA_PROVIDER, TENSORRT_PROVIDER

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
