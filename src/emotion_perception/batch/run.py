"""Works on all sources: each until it has a result, some of them a second time."""

import fcntl
import os
import shutil
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from emotion_perception.batch.job import Record, Status, Task, without_result
from emotion_perception.batch.processes import Finished, Workers
from emotion_perception.batch.work import WORK_FOLDER
from emotion_perception.errors import OutputError

_LOCK_NAME: Final = '.lock'


@contextmanager
def output_folder(out: Path) -> Iterator[None]:
    """Makes the output folder and keeps it for this run.

    What an earlier run left unfinished is removed, at the start and at the end. The lock goes with
    the process, however that ends.

    Args:
        out: The folder.

    Raises:
        OutputError: It cannot be made, or another run is writing into it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        lock = os.open(out / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise OutputError(
            f'The folder {out} cannot be written ({error.strerror}): choose another one for --out.'
        ) from error
    try:
        _take(lock, out)
        shutil.rmtree(out / WORK_FOLDER, ignore_errors=True)
        try:
            yield
        finally:
            shutil.rmtree(out / WORK_FOLDER, ignore_errors=True)
    finally:
        os.close(lock)


def _take(lock: int, out: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise OutputError(
            f'Another `emotion batch` is writing into {out}: wait for it, or choose another folder.'
        ) from error
    except OSError:
        return  # a network file system without locks; results are whole all the same


def run_tasks(
    tasks: Sequence[Task],
    workers: Workers,
    retries: int,
    on_record: Callable[[Record], None],
    on_wait: Callable[[], None] = lambda: None,
) -> None:
    """Works on every task; one whose process dies is tried again behind all others.

    Args:
        tasks: The work.
        workers: Who does it.
        retries: How often a task is tried again after its process has died, >= 0.
        on_record: Called with the result of every task, exactly once each.
        on_wait: Called whenever something has happened, for progress.

    Raises:
        EmotionPerceptionError: The workers as a whole have been lost.
    """
    waiting, busy = deque(tasks), 0
    deaths: Counter[str] = Counter()
    while waiting or busy:
        while waiting and busy < workers.capacity:
            workers.start(waiting.popleft())
            busy += 1
        for finished in workers.wait():
            busy -= 1
            if finished.record is not None:
                on_record(finished.record)
                continue
            deaths[finished.task.folder] += 1
            if deaths[finished.task.folder] <= retries:
                waiting.append(finished.task)
            else:
                on_record(_lost(finished, deaths[finished.task.folder]))
        on_wait()


_CRASHES: Final = ('SIGSEGV', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGILL')


def _lost(finished: Finished, deaths: int) -> Record:
    times = 'once' if deaths == 1 else f'{deaths} times'
    return without_result(
        finished.task,
        Status.FAILED,
        f'{finished.task.source}: the process that worked on it died {times} ({finished.cause}): '
        f'{_cure_of(finished.cause)}.',
    )


def _cure_of(cause: str) -> str:
    """What to do about the death of a process, as far as its end says anything."""
    if cause == signal.Signals.SIGKILL.name:
        return (
            'somebody killed it, or the system did for want of memory (`dmesg` says so); then use '
            'fewer --jobs'
        )
    if cause in _CRASHES:
        return 'a library crashed on this file; please report it, with the file if you can'
    return 'try it alone with `emotion video`, which says more'
