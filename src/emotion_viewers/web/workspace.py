"""A private folder for the files of all visitors, which does not outlive the server."""

import fcntl
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from emotion_perception.errors import OutputError
from emotion_perception.files.closeable import Closeable

_PREFIX: Final = 'emotion-web-'
_LOCK: Final = 'lock'


class Workspace(Closeable):
    """A new folder that only this user can enter, removed on closing.

    What a killed server left is removed by the next one.

    Args:
        parent: Where to make it; the system's folder for temporary files when None.

    Attributes:
        root: The folder.
        files: Folder inside it for uploads and results.

    Raises:
        OutputError: It cannot be made.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        _remove_abandoned(parent)
        try:
            self.root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent)).resolve()
            self.files = self.root / 'files'
            self.files.mkdir()
            # Held until the process ends, however it ends.
            self._lock = (self.root / _LOCK).open('w')
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(
                f'No folder for uploads can be made in {parent} ({error.strerror}): '
                'check its free space and rights, or set TMPDIR.'
            ) from error

    def close(self) -> None:
        """Removes everything; a second call does nothing."""
        shutil.rmtree(self.root, ignore_errors=True)
        self._lock.close()


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f'{_PREFIX}*'):
        # A lock that can be had belongs to no living server. One that cannot be opened is another
        # user's, or of a server that is just starting.
        with suppress(OSError), (folder / _LOCK).open('r+') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
