"""Workers of a Ray cluster: the same work, on many machines that share the output folder."""

import contextlib
import os
import re
import secrets
import signal
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from emotion_perception.batch.job import Job, Record, Task
from emotion_perception.batch.processes import Finished
from emotion_perception.batch.work import work
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.files.closeable import Closeable
from emotion_perception.limits import quoted

LOCAL: Final = 'local'
"""Address that starts Ray on this machine alone, on the loopback interface."""

_ADDRESS = re.compile(r'local|auto|[^\s/:]+:\d+|\[[0-9a-fA-F:]+\]:\d+')
_WAIT_S: Final = 1.0
# Frames stay in the workers; what travels is a few hundred bytes per source.
_OBJECT_STORE_BYTES: Final = 100 << 20
# While one source is worked on, the next one of a worker is on its way.
_QUEUED_PER_CPU: Final = 2
_LOCAL_STARTS: Final = 4
_TOKEN_SETTINGS: Final = frozenset({'RAY_AUTH_MODE', 'RAY_AUTH_TOKEN', 'RAY_AUTH_TOKEN_PATH'})


class ClusterError(EmotionPerceptionError):
    """Ray is not installed, or its cluster cannot be reached."""


class RayWorkers(Closeable):
    """Tasks on a Ray cluster, one CPU each; see `Workers`.

    Args:
        address: `local`, `auto` (the cluster that this machine belongs to) or HOST:PORT.
        job: What to make.
        out: The output folder, which every machine of the cluster sees under this path.
        count: How many sources at the same time; 0 is one per CPU of the cluster.

    Raises:
        ClusterError: Ray is not installed, the address is none, or nothing responds there.
    """

    frames = 0

    def __init__(self, address: str, job: Job, out: Path, count: int = 0) -> None:
        check_address(address)
        self._ray = _import_ray(address)
        self._count = count
        self._running: dict[Any, Task] = {}
        _connect(self._ray, address, count)
        self._job = self._ray.put(job)
        self._out = out
        # Retries are counted in one place, `run_tasks`.
        self._work = self._ray.remote(num_cpus=1, max_retries=0)(work)

    @property
    def capacity(self) -> int:
        """One task per CPU that the cluster has now, and another one waiting for it."""
        if self._count:
            return self._count
        cpus = int(self._ray.cluster_resources().get('CPU', 1))
        return max(cpus, 1) * _QUEUED_PER_CPU

    def start(self, task: Task) -> None:
        """Hands a source to the cluster."""
        self._running[self._work.remote(task, self._job, self._out)] = task

    def wait(self) -> list[Finished]:
        """Waits for a result, or for a second."""
        try:
            ready, _ = self._ray.wait(list(self._running), timeout=_WAIT_S)
        except self._ray.exceptions.RayError as error:
            raise ClusterError(f'The Ray cluster is lost ({quoted(error)}): start it again.') from (
                error
            )
        return [self._result(reference) for reference in ready]

    def close(self) -> None:
        """Cancels what runs and leaves the cluster."""
        for reference in self._running:
            with contextlib.suppress(Exception):  # a cluster that is lost has nothing to cancel
                self._ray.cancel(reference, force=True)
        self._ray.shutdown()

    def _result(self, reference: Any) -> Finished:
        task = self._running.pop(reference)
        try:
            record: Record = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return Finished(task, None, f'{type(error).__name__}: {quoted(error)}')
        return Finished(task, record)


def check_address(address: str) -> None:
    """Checks the form of an address.

    Raises:
        ClusterError: It is none.
    """
    if not _ADDRESS.fullmatch(address):
        raise ClusterError(
            f'{address!r} is no address of a Ray cluster: write local, auto or HOST:PORT behind '
            '--ray, and the sources before it.'
        )


def _import_ray(address: str) -> ModuleType:
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
    if address == LOCAL:
        # Without clusters Ray listens on loopback, on Linux too; it reads this when it is imported.
        os.environ.setdefault('RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER', '0')
        _use_own_token()
    try:
        # By name, because type checkers run where Ray is not installed.
        return import_module('ray')
    except ImportError as error:
        raise ClusterError(
            f'--ray needs the package ray ({error}): install it with `make ray-env` or '
            '`pip install ray`, or leave --ray out.'
        ) from error


def _use_own_token() -> None:
    """Keeps other users of the machine out, by a token of this run.

    Ray would write one to ~/.ray/auth_token, and every later `ray start` would then demand it.
    """
    if not _TOKEN_SETTINGS.intersection(os.environ):
        os.environ['RAY_AUTH_MODE'] = 'token'
        os.environ['RAY_AUTH_TOKEN'] = secrets.token_hex(32)


def _connect(ray: ModuleType, address: str, count: int) -> None:
    options: dict[str, Any] = {}
    if address == LOCAL:
        options = {
            'num_cpus': count or len(os.sched_getaffinity(0)),
            'object_store_memory': _OBJECT_STORE_BYTES,
            'include_dashboard': False,
        }
    handler = signal.getsignal(signal.SIGTERM)
    try:
        _initialise(ray, address, options)
    # Ray raises bare exceptions too.
    except Exception as error:
        raise ClusterError(
            f'The Ray cluster at {address} cannot be used ({quoted(error)}): check it with '
            '`ray status`, start one with `ray start --head`, or set RAY_AUTH_MODE=token if it '
            'demands a token.'
        ) from error
    finally:
        # Ray puts its own in its place, which would leave without the summary.
        with contextlib.suppress(ValueError):  # not in the main thread
            signal.signal(signal.SIGTERM, handler)


def _initialise(ray: ModuleType, address: str, options: dict[str, Any]) -> None:
    """Ray gives its own processes 30 seconds to start, which a busy machine may need more often."""
    attempts = _LOCAL_STARTS if address == LOCAL else 1
    for attempt in range(1, attempts + 1):
        try:
            ray.init(address=address, log_to_driver=False, logging_level='error', **options)
            return
        except Exception:
            ray.shutdown()
            if attempt == attempts:
                raise
