"""Starts, hears and ends the processes of a live benchmark."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.errors import BenchmarkError
from benchmarks.live.usage import cpu_seconds
from emotion_bringup.environment import dds_environment
from emotion_perception.files.closeable import Closeable
from emotion_perception.files.resources import config_path

_ROOT = Path(__file__).parents[2]
_STOP_S = 20.0
_DOMAINS = 100  # of those that DDS allows on every system


class Child:
    """One process; its lines of JSON on stdout are read as they come."""

    def __init__(self, arguments: Sequence[str], environment: dict[str, str], log: Path) -> None:
        with log.open('a', encoding='utf-8') as stderr:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=environment,
                cwd=_ROOT,
                start_new_session=True,
            )
        self.name, self._log = ' '.join(arguments[:3]), log
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    @property
    def cpu_seconds(self) -> float:
        """CPU time that it has used so far; of one that has ended, until `stop` is called."""
        return cpu_seconds(self.pid)

    def poll_line(self, timeout_s: float) -> dict[str, Any] | None:
        """The next JSON line; None when none comes in time.

        Raises:
            BenchmarkError: The process has ended.
        """
        try:
            line = self._lines.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if line is None:
            raise BenchmarkError(f'The process `{self.name}` has ended early: see {self._log}.')
        values: dict[str, Any] = json.loads(line)
        return values

    def next_line(self, timeout_s: float) -> dict[str, Any]:
        """The next JSON line.

        Raises:
            BenchmarkError: None came in time, or the process has ended.
        """
        values = self.poll_line(timeout_s)
        if values is None:
            raise BenchmarkError(
                f'The process `{self.name}` said nothing for {timeout_s:.0f} s: see {self._log}.'
            )
        return values

    def check(self) -> None:
        """Raises when the process has ended.

        Raises:
            BenchmarkError: It has ended.
        """
        code = self._process.poll()
        if code is not None:
            raise BenchmarkError(
                f'The process `{self.name}` has ended with code {code}: see {self._log}.'
            )

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """Ends it at once (SIGKILL), as a crash or the system's out-of-memory killer does."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """Asks it to end, waits, and kills it if it does not."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Children(Closeable):
    """All processes of one benchmark; leaves none behind."""

    def __init__(self, log: Path, **variables: str) -> None:
        """Prepares the environment.

        Args:
            log: File for what the processes say on stderr.
            variables: Environment variables to set.
        """
        self._log = log
        self._children: list[Child] = []
        paths = [str(_ROOT), str(_ROOT / 'src'), os.environ.get('PYTHONPATH', '')]
        self._environment = {
            **os.environ,
            **dds_environment(os.environ),
            'PYTHONPATH': os.pathsep.join(filter(None, paths)),
            # Other ROS programs in the network, and another run of the suite, must not be heard.
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
            'ROS_DOMAIN_ID': os.environ.get('ROS_DOMAIN_ID', str(1 + os.getpid() % _DOMAINS)),
            **variables,
        }

    def close(self) -> None:
        """Ends all of them, the last first."""
        while self._children:
            self._children.pop().stop()

    def module(self, name: str, *arguments: str) -> Child:
        """Starts a module of Python."""
        child = Child(['-m', name, *arguments], self._environment, self._log)
        self._children.append(child)
        return child

    def node(
        self,
        name: str,
        namespace: str,
        image: str,
        cameras: Sequence[str] = (),
        **parameters: str | int | bool,
    ) -> Child:
        """Starts one of the package's nodes, with config/emotion.yaml as users have it.

        Args:
            name: Of its executable.
            namespace: Of the node.
            image: Topic of its images.
            cameras: Namespaces below the node's, where the process is to hold several.
            parameters: Beside those of the file.
        """
        values = [f'{key}:={str(value).lower()}' for key, value in parameters.items()]
        options = [text for value in values for text in ('-p', value)]
        return self.module(
            'emotion_bringup.main',
            name,
            *cameras,
            '--ros-args',
            '--log-level',
            'warn',
            '--params-file',
            str(config_path('emotion.yaml')),
            '-r',
            f'__ns:={namespace}',
            '-r',
            f'image:={image}',
            *options,
        )
