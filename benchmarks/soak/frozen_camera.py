"""Stops the camera node of a replay (SIGSTOP) until DDS has forgotten it, and lets it go on.

Run as a process of its own. It prints how many frames then had no result, told or untold, and ends.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

from benchmarks.live.usage import children
from emotion_perception.outputs.results import JsonLinesWriter
from emotion_perception.outputs.standard_output import STANDARD_OUTPUT
from emotion_perception.sources.demo import FRAME_COUNT

_FROZEN_S = 25.0  # Fast DDS forgets a participant that says nothing for 20 s
_TOLD = 'have no result'
_COMMAND = (sys.executable, '-m', 'emotion_perception.cli', 'nodes',
            '--source', 'demo', '--mode', 'replay', '--no-overlay')  # fmt: skip


def main() -> int:
    """Freezes the camera after the first result, and prints what came of the frames."""
    lines = JsonLinesWriter(STANDARD_OUTPUT)  # before a library may print
    with tempfile.TemporaryDirectory() as folder:
        records = Path(folder, 'records.jsonl')
        with subprocess.Popen(
            [*_COMMAND, '--json', str(records)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as session:
            assert session.stdout is not None
            try:
                said = _until_first_result(session.stdout)
                _freeze(next(pid for pid in children(session.pid) if _is_camera(pid)))
                said += session.stdout.read()
                session.wait()
            finally:
                session.terminate()  # where this process was interrupted
        missing = FRAME_COUNT - len(records.read_text(encoding='utf-8').splitlines())
    is_told = _TOLD in said
    if session.returncode != int(is_told):
        sys.exit(f'{said}\nexit code {session.returncode}')
    lines.write({'told' if is_told else 'untold': missing})
    return 0


def _until_first_result(output: IO[str]) -> str:
    """What the session says until then."""
    said = ''
    for line in output:
        said += line
        if ' #' in line:
            return said
    sys.exit(said)


def _freeze(camera: int) -> None:
    os.kill(camera, signal.SIGSTOP)
    try:
        time.sleep(_FROZEN_S)
    finally:
        os.kill(camera, signal.SIGCONT)


def _is_camera(pid: int) -> bool:
    return b'camera_node' in Path('/proc', str(pid), 'cmdline').read_bytes().split(b'\0')


if __name__ == '__main__':
    sys.exit(main())
