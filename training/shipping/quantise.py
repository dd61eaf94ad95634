"""Static int8 quantisation of an ONNX file, calibrated on training images."""

from __future__ import annotations

import logging
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from emotion_perception.inference.preprocessing import Preprocessing, preprocess_faces
from training.console import progress
from training.dataset.data import Images
from training.scoring.predict import Faces

_BATCH = 16
# The rarest activations would widen the steps of all others: clipping one in a hundred thousand
# takes a tenth of the rounding away (0.043 instead of 0.048 rms in a logit of the shipped model).
_PERCENTILE = 99.999


class Calibration(CalibrationDataReader):  # type: ignore[misc]
    """Feeds preprocessed training images to ONNX Runtime's calibration.

    Whole batches only: its percentiles take no others.

    Args:
        images: uint8 `[n, 48, 48]`.
        spec: Preprocessing.
    """

    def __init__(self, images: Images, spec: Preprocessing) -> None:
        self._images, self._spec = images, spec
        self._batch = min(_BATCH, len(images))
        starts = range(0, len(images) - self._batch + 1, self._batch)
        self._starts = iter(progress(starts, 'calibrating', 'batches'))

    def get_next(self) -> dict[str, Faces] | None:
        """The next batch by input name, or None at the end."""
        start = next(self._starts, None)
        if start is None:
            return None
        chosen = np.asarray(self._images[start : start + self._batch])
        return {'input': preprocess_faces(chosen, self._spec)}


def quantise(
    source: Path, target: Path, images: Images, spec: Preprocessing, *, float_input: bool = False
) -> None:
    """Writes an int8 file: QDQ nodes, weights per output channel, unsigned activations.

    Weights keep 7 bits (`reduce_range`): x86 processors without VNNI add pairs of 8-bit products
    in 16 bits, which overflows with 8-bit weights; with 7 bits all machines agree.

    Args:
        source: fp32 ONNX file.
        target: Where to write.
        images: uint8 `[n, 48, 48]`, from Training.
        spec: Preprocessing.
        float_input: Leave what reads the images in fp32. Where that only gathers them into
            blocks (`layers.GreyBlocks`), rounding the images costs more time than it saves.
    """
    logging.getLogger().setLevel(logging.ERROR)  # the quantiser logs hints through the root logger
    # The calibration prints what it is at.
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(None):
        prepared = Path(folder) / 'prepared.onnx'
        quant_pre_process(str(source), str(prepared))
        quantize_static(
            str(prepared),
            str(target),
            Calibration(images, spec),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.Percentile,
            extra_options={'CalibPercentile': _PERCENTILE},
            nodes_to_exclude=_first_nodes(prepared) if float_input else [],
        )


def _first_nodes(path: Path) -> list[str]:
    """What reads the images, or the plane that a slice takes out of them."""
    nodes = onnx.load(path).graph.node
    slices = [node for node in nodes if node.op_type == 'Slice' and 'input' in node.input]
    read = {'input', *(output for node in slices for output in node.output)}
    return [node.name for node in nodes if read.intersection(node.input)]
