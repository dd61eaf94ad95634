"""What the two kinds of workers have in common: processes of this machine, and those of Ray."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import Any, Final, Protocol

from emotion_perception.batch.job import Job, Record, Task
from emotion_perception.batch.work import work
from emotion_perception.files.closeable import Closeable
from emotion_perception.signals import end_signals


@dataclass(frozen=True, slots=True)
class Finished:
    """One piece of work that has ended.

    Attributes:
        task: The piece of work.
        record: Its result; None when the process that did it has died.
        cause: How it died.
    """

    task: Task
    record: Record | None
    cause: str = ''


class Workers(Protocol):
    """Processes that work on one source each. A context manager; its end ends them at once."""

    @property
    def capacity(self) -> int:
        """Pieces of work that may be under way at the same time, >= 1."""

    @property
    def frames(self) -> int:
        """Frames processed so far, for progress; 0 when that is not known meanwhile."""

    def start(self, task: Task) -> None:
        """Starts a piece of work; no more than `capacity` may be under way."""

    def wait(self) -> list[Finished]:
        """Waits until something happens; the list may be empty when it was progress only."""


# Not fork: the parent may have threads of OpenCV and ONNX Runtime, which a copy would lack.
_CONTEXT: Final = get_context('spawn')
_PROGRESS_PERIOD_S: Final = 0.5
_END_TIMEOUT_S: Final = 10.0

_Connection = connection.Connection


class LocalWorkers(Closeable):
    """Processes of this machine; see `Workers`.

    Args:
        job: What to make.
        out: The output folder.
        count: How many processes, >= 1. They are started when there is work for them.
    """

    def __init__(self, job: Job, out: Path, count: int) -> None:
        self.capacity = count
        self.frames = 0
        self._job = job
        self._out = out
        self._idle: list[_Worker] = []
        self._busy: dict[_Connection, _Worker] = {}

    def start(self, task: Task) -> None:
        """Gives a source to an idle process, or to a new one."""
        worker = self._idle.pop() if self._idle else _Worker(self._job, self._out)
        self._busy[worker.connection] = worker
        worker.give(task)

    def wait(self) -> list[Finished]:
        """Waits until a process has finished a source, has died, or has gone on for a while."""
        ready = connection.wait(list(self._busy))
        results = (self._receive(self._busy[each]) for each in ready)  # type: ignore[index]
        return [result for result in results if result is not None]

    def close(self) -> None:
        """Ends all processes, with what they are at."""
        workers = [*self._idle, *self._busy.values()]
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.end()

    def _receive(self, worker: '_Worker') -> Finished | None:
        try:
            message = worker.connection.recv()
        except (EOFError, OSError):
            del self._busy[worker.connection]
            return Finished(worker.task, None, worker.end())
        if isinstance(message, int):
            self.frames += message
            return None
        del self._busy[worker.connection]
        self._idle.append(worker)
        return Finished(worker.task, message)


class _Worker:
    """One process and this end of its pipe."""

    task: Task

    def __init__(self, job: Job, out: Path) -> None:
        self.connection, other = _CONTEXT.Pipe()
        self.process = _CONTEXT.Process(target=_serve, args=(other, job, out), daemon=True)
        with _interrupts_held_back():
            self.process.start()
        # With this copy closed, the death of the process closes the pipe.
        other.close()

    def give(self, task: Task) -> None:
        self.task = task
        try:
            self.connection.send(task)
        except OSError:
            return  # it has died while it was idle, which `wait` will find

    def end(self) -> str:
        """Waits for the end of the process and says how it came."""
        self.connection.close()
        self.process.join(_END_TIMEOUT_S)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        return _cause(self.process.exitcode or 0)


class _Progress:
    """Tells the number of frames, twice a second; fails when there is nobody to tell any more."""

    def __init__(self, pipe: Any) -> None:
        self._pipe = pipe
        self._frames = 0
        self._told = time.monotonic()

    def __call__(self) -> None:
        self._frames += 1
        now = time.monotonic()
        if now - self._told >= _PROGRESS_PERIOD_S:
            self._told = now
            self.tell()

    def tell(self) -> None:
        self._pipe.send(self._frames)
        self._frames = 0


def _serve(pipe: Any, job: Job, out: Path) -> None:
    """A worker's life: until the other end of the pipe is closed, by intent or by death."""
    threading.Thread(target=_end_with_parent, name='lifeline', daemon=True).start()
    try:
        while True:
            task: Task = pipe.recv()
            progress = _Progress(pipe)
            record: Record = work(task, job, out, progress)
            progress.tell()
            pipe.send(record)
    except (EOFError, OSError):
        return


def _end_with_parent() -> None:
    """At once, whatever the worker is at: what it has begun, the next run removes."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """A terminal sends its signals to all processes; those started here leave them to this one."""
    held_back = set(end_signals()) - {signal.SIGTERM}
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, held_back)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


def _cause(exit_code: int) -> str:
    if exit_code >= 0:
        return f'exit code {exit_code}'
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f'signal {-exit_code}'
