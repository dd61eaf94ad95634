"""The output folder: one run at a time, and nothing unfinished left in it."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

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
        lock = os.open(out / _LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o666)
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
