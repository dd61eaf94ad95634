"""The shipped CenterFace network: its file, and the names of its inputs and outputs."""

from pathlib import Path
from typing import Final

from emotion_perception.errors import DetectorError
from emotion_perception.files.resources import read_shipped, share_folder

INPUT_NAME: Final = 'input.1'
"""float32 [batch, 3, height, width], RGB in 0..255; height and width are multiples of 32."""

OUTPUT_NAMES: Final = ('537', '538', '539', '540')
"""Heat map, log size, offset and landmarks, in this order; see `centerface`."""

_SHA256: Final = 'a96652ad1be28704840daeae894d5379bc6c7390c0bb822380aa96ca96e52575'


def load_centerface_graph() -> bytes:
    """Reads the network; models/README.md says where it comes from and how it was prepared.

    Returns:
        A serialized ONNX model with input `INPUT_NAME` and outputs `OUTPUT_NAMES`.

    Raises:
        DetectorError: The file is missing or damaged.
    """
    return read_shipped(
        _file(),
        _SHA256,
        name='The CenterFace network',
        instead='set `detector` to haar',
        error=DetectorError,
    )


def _file() -> Path:
    return share_folder() / 'models' / 'centerface.onnx'
