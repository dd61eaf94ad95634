"""Files of the user as bytes: bounded before they are read, and never a device without an end."""

import errno
import glob
import os
import secrets
import stat
from pathlib import Path
from typing import Final

_TOKEN_BYTES: Final = 8


def read_bounded(path: Path, max_bytes: int) -> bytes:
    """Reads a whole file.

    A pipe that nobody writes to would be waited for, and `/dev/zero` behind a link read for ever.

    Args:
        path: The file.
        max_bytes: Refused above this size.

    Raises:
        OSError: It cannot be read, is no regular file, or is larger; `strerror` says which.
    """
    # Opening a pipe waits for its writer otherwise.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), 'rb') as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, 'it is a pipe or device', str(path))
        if status.st_size > max_bytes:
            size, most = status.st_size >> 20, max_bytes >> 20
            reason = f'it has {size} MiB, and at most {most} are read'
            raise OSError(errno.EFBIG, reason, str(path))
        return file.read(max_bytes)


def open_output(path: Path) -> int:
    """Opens a file that is written from its start; the descriptor is the caller's to close.

    A pipe without a reader would be waited for, and no signal ends that.

    Raises:
        OSError: It cannot be written, or is a pipe that nobody reads; `strerror` says which.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags, 0o666)
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, 'it is a pipe that nobody reads', str(path)) from error
        raise
    os.set_blocking(descriptor, True)
    return descriptor


def is_regular_or_folder(path: Path) -> bool:
    """Says whether a path that exists is a file or folder: no pipe, socket or device.

    Raises:
        OSError: It cannot be looked at.
    """
    mode = path.stat().st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def new_beside(target: Path) -> Path:
    """A new, empty file beside another, for what is to take its place.

    Its name cannot be guessed, and it is made here: nobody who may write into the folder can put a
    link there first that leads elsewhere.

    Raises:
        OSError: It cannot be made.
    """
    before, behind = _around_token(target)
    path = target.with_name(f'{before}{secrets.token_hex(_TOKEN_BYTES)}{behind}')
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    os.close(os.open(path, flags, 0o666))
    return path


def left_beside(target: Path) -> list[Path]:
    """What `new_beside` has made for a file, and a process that was killed has not finished."""
    before, behind = map(glob.escape, _around_token(target))
    return list(target.parent.glob(f'{before}{"[0-9a-f]" * 2 * _TOKEN_BYTES}{behind}'))


def _around_token(target: Path) -> tuple[str, str]:
    """The name of an unfinished file, without the part that cannot be guessed."""
    # A long name leaves room for what is added, in bytes.
    stem = os.fsdecode(os.fsencode(target.stem)[:150])
    return f'.{stem}.', target.suffix[:20]
