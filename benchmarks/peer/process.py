"""The peer as a child process that waits for questions, so that its turns alternate with ours."""

import json
import os
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from emotion_perception.files.closeable import Closeable

_WORKER = Path(__file__).with_name('worker.py')
# Its own variables must not lead the peer to our packages.
_FOREIGN_VARIABLES = ('PYTHONPATH', 'PYTHONHOME', 'VIRTUAL_ENV')
_QUIT_S = 20.0


class PeerProcess(Closeable):
    """The peer's worker."""

    def __init__(self, python: Path, log: Path) -> None:
        """Starts the peer.

        Args:
            python: Interpreter of the peer's environment.
            log: File for what the peer says on stderr.
        """
        self._log = log
        environment = {k: v for k, v in os.environ.items() if k not in _FOREIGN_VARIABLES}
        with ExitStack() as stack:
            stderr = stack.enter_context(log.open('w', encoding='utf-8'))
            self._child = subprocess.Popen(
                [str(python), str(_WORKER)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**environment, 'TF_CPP_MIN_LOG_LEVEL': '3', 'CUDA_VISIBLE_DEVICES': '-1'},
            )

    def close(self) -> None:
        """Asks the peer to end, waits, and kills it if it does not."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.close()
            self._child.wait(_QUIT_S)
        except (OSError, subprocess.TimeoutExpired):
            self._child.kill()
            self._child.wait()

    def ask(self, task: str, **arguments: object) -> dict[str, Any]:
        """Asks the peer for one task and waits for its response.

        Raises:
            BenchmarkError: The peer has ended.
        """
        assert self._child.stdin is not None and self._child.stdout is not None
        try:
            self._child.stdin.write(json.dumps({'task': task, **arguments}) + '\n')
            self._child.stdin.flush()
            line = self._child.stdout.readline()
        except BrokenPipeError:
            line = ''
        if not line:
            raise BenchmarkError(f'The peer has ended with an error: see {self._log}.')
        response: dict[str, Any] = json.loads(line)
        return response
