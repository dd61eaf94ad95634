"""How a session learns how many frames its camera node has published.

Results and frames that were lost together on the way are missed by nobody: while a process stands
still for longer than DDS waits, the others forget it. The camera node's own count tells.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_VARIABLE = 'EMOTION_FRAME_COUNT_FILE'


def count_file_environment(path: Path) -> dict[str, str]:
    """Variables that tell a camera node where to write its count."""
    return {_VARIABLE: str(path)}


def write_count(frames: int, environment: Mapping[str, str] = os.environ) -> None:
    """Writes how many frames were published, if whoever started this process wants to know."""
    path = environment.get(_VARIABLE, '')
    if path:
        with suppress(OSError):  # the session has gone
            Path(path).write_text(str(frames), encoding='ascii')


def read_count(path: Path) -> int:
    """The count; 0 where the camera node has not come to its end."""
    with suppress(OSError, ValueError):
        return int(path.read_text(encoding='ascii'))
    return 0
