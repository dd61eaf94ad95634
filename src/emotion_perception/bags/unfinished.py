"""The hidden folder in which a bag is written until it is complete."""

import contextlib
import fcntl
import os
import shutil
from pathlib import Path
from typing import Final

from emotion_perception.errors import BagError

_LOCK: Final = 'emotion_bringup.lock'
_OLD: Final = 'replaced'


class UnfinishedFolder:
    """A folder `.NAME.unfinished` beside the target, which one process at a time may hold.

    A killed run leaves it behind: the system gives its lock free, and the next run begins anew. A
    folder without our lock in it is somebody else's and is left alone.

    Args:
        target: Folder of the bag; its parent must exist.

    Attributes:
        bag: Where to write the bag.

    Raises:
        BagError: Another process is writing the same bag, or the name is taken by something else.
        OSError: It cannot be made.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._folder = target.with_name(f'.{target.name}.unfinished')
        self.bag = self._folder / target.name
        self._lock = self._take()
        try:
            self._restore()
            # The lock stays: another process may be waiting for nothing but its absence.
            for path in self._folder.iterdir():
                if path.name != _LOCK:
                    _remove(path)
        except BaseException:
            self.remove()
            raise

    def finish(self) -> None:
        """Gives the complete bag its name; a bag that is there already is replaced.

        Raises:
            OSError: It cannot be renamed; an old bag is where it was.
        """
        _flush(self.bag)
        if os.path.lexists(self._target):
            self._target.rename(self._folder / _OLD)
        try:
            self.bag.rename(self._target)
        except BaseException:
            self._restore()
            raise
        _flush_folder(self._target.parent)

    def remove(self) -> None:
        """Removes the folder with all that is in it; a second call does nothing."""
        if self._lock >= 0:
            # The lock goes last: a run that is killed here leaves a folder that is known as ours.
            with contextlib.suppress(OSError):
                for path in self._folder.iterdir():
                    if path.name != _LOCK:
                        _remove(path)
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1

    def _take(self) -> int:
        while True:
            self._make()
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
            lock = os.open(self._folder / _LOCK, flags, 0o644)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_still(lock, self._folder / _LOCK):
                    return lock
            except BlockingIOError:
                os.close(lock)
                raise BagError(
                    f'Bag {self._target} is being written by another process: '
                    'wait for it or choose another name.'
                ) from None
            # Its last owner removed it between our opening and our locking.
            os.close(lock)

    def _make(self) -> None:
        try:
            self._folder.mkdir()
        except FileExistsError:
            is_folder = self._folder.is_dir() and not self._folder.is_symlink()
            is_ours = is_folder and (self._folder / _LOCK).is_file()
            if not is_ours and (not is_folder or any(self._folder.iterdir())):
                raise BagError(
                    f'{self._folder} is in the way and was not made by this program: remove it or '
                    'choose another name.'
                ) from None

    def _restore(self) -> None:
        """Puts back the bag that a run was about to replace when it ended."""
        old = self._folder / _OLD
        if old.exists() and not os.path.lexists(self._target):
            old.rename(self._target)


def _is_still(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _flush(folder: Path) -> None:
    """Waits until the files are on the disk: a rename may survive a power cut that they do not."""
    for file in folder.iterdir():
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    # Some network file systems cannot; what is written is not worse for it.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
