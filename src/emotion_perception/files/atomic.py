"""Files that are there as a whole or not at all."""

import contextlib
import os
from pathlib import Path


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file under another name, which then takes the place of the old one.

    Args:
        path: The file; its folder must exist. A link is followed.
        content: All of it.

    Raises:
        OSError: It cannot be written; an old file is still there, and nothing else.
    """
    target = path.resolve()
    unfinished = target.with_name(f'.{target.name}.{os.getpid()}')
    try:
        unfinished.write_bytes(content)
        unfinished.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
