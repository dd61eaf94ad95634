"""Which Python the installed nodes run in: `ros2` itself may run in another one.

Nodes that were built in a virtual environment run in it, `ros2` runs in the system's Python: what a
launch file can import says nothing about what a node can.
"""

import subprocess
import sys
from pathlib import Path

_CODE = 'import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)'


def python_of(script: Path) -> str:
    """The interpreter that an installed script names in its first line.

    Args:
        script: Of a node, such as `lib/emotion_bringup/foxglove_node`.

    Returns:
        Its path; this process's own where the script cannot be read or names none, as `env` does.
    """
    try:
        with script.open('rb') as file:
            first = file.readline(1000).decode(errors='replace').strip()
    except OSError:
        first = ''
    words = first.removeprefix('#!').split()
    named = words[0] if first.startswith('#!') and words else ''
    return named if 'python' in Path(named).name else sys.executable


def has_module(python: str, module: str) -> bool:
    """Whether a top-level module can be found by an interpreter; it is not imported."""
    try:
        done = subprocess.run(
            [python, '-c', _CODE, module],
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except OSError:
        return False
    return done.returncode == 0
