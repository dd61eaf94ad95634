"""The exported graph as a file that others get."""

from __future__ import annotations

from pathlib import Path

import onnx


def write_shipped(source: Path, target: Path) -> None:
    """Copies an ONNX file without what only its maker needs.

    The exporter notes stack traces at every node: paths of the machine that trained, which are
    nobody's business and weigh something. Names, weights and answers stay as they are.

    Args:
        source: The measured file.
        target: The shipped file.
    """
    model = onnx.load(source)
    graph = model.graph
    values = (*graph.input, *graph.output, *graph.value_info, *graph.initializer)
    for part in (model, graph, *graph.node, *values):
        del part.metadata_props[:]
        part.doc_string = ''
    onnx.save(model, target)
