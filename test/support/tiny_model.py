"""A valid emotion model that takes a millisecond: for tests of everything around the real one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from emotion_perception.inference.manifest import (
    Manifest,
    manifest_path_for,
    sha256_of,
    write_manifest,
)
from emotion_perception.inference.preprocessing import Preprocessing


def make_tiny_model(
    folder: Path,
    *,
    classes: int = 7,
    input_size: int = 227,
    dynamic: bool = True,
    votes: bool = False,
    manifest: Mapping[str, Any] | None = None,
) -> Path:
    """Writes an ONNX model and its manifest.

    Its logits depend on the mean of the input: a bright face is Happy, a dark one Sad. By the
    labels of FER+, where it knows them, a bright face is Neutral, a dark one Angry.

    Args:
        folder: Where to write; created.
        classes: Number of outputs; 7 is right.
        input_size: Side of the input in the model; the manifest says 227.
        dynamic: Whether the batch size is free; it must be.
        votes: Whether it also predicts the labels of FER+.
        manifest: Fields of `Manifest` to write instead of the right ones.

    Returns:
        The ONNX file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'tiny.onnx'
    onnx.save(_model(classes, input_size, dynamic, votes), path)
    fields: dict[str, Any] = {
        'name': 'tiny',
        'file': path.name,
        'sha256': sha256_of(path),
        'preprocessing': Preprocessing(mean=0.5, std=0.25),
        'ferplus_temperature': 1.0 if votes else None,
    }
    write_manifest(Manifest(**{**fields, **(manifest or {})}), manifest_path_for(path))
    return path


def _model(classes: int, input_size: int, dynamic: bool, votes: bool) -> onnx.ModelProto:
    batch = 'batch' if dynamic else 1
    weights = np.tile(np.linspace(-0.2, 0.2, classes, dtype=np.float32), (3, 1))
    if classes == 7:
        weights[:] = (0.0, 0.0, 0.0, 1.0, -1.0, 0.0, 0.0)
    # The second output first: a reader must go by the name.
    voted = np.tile(np.float32([-1, 0, 0, 0, 0, 0, 1]), (3, 1))
    results = {'ferplus_logits': voted, 'logits': weights} if votes else {'logits': weights}
    graph = helper.make_graph(
        [
            helper.make_node('GlobalAveragePool', ['image'], ['pooled']),
            helper.make_node('Flatten', ['pooled'], ['means']),
            *(helper.make_node('Gemm', ['means', f'w_{name}'], [name]) for name in results),
        ],
        'tiny',
        [
            helper.make_tensor_value_info(
                'image', TensorProto.FLOAT, [batch, 3, input_size, input_size]
            )
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, classes])
            for name in results
        ],
        [numpy_helper.from_array(values, f'w_{name}') for name, values in results.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model
