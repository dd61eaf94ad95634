"""Prepared network graphs in the user's cache folder, so that a second start is quick."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from emotion_perception.files.atomic import replace_file
from emotion_perception.files.resources import cache_folder

_DIGEST_BYTES: Final = 32


def cached(key: str, make: Callable[[], bytes]) -> bytes:
    """Returns a value from the cache, made first when it is not there.

    A cache that cannot be read or written costs time, never an error.

    Args:
        key: File name; must change whenever `make` would answer something else.
        make: Makes the value.

    Returns:
        The value.
    """
    folder = cache_folder()
    path = None if folder is None else folder / key
    content = None if path is None else _read(path)
    if content is None:
        content = make()
        if path is not None:
            _write(path, content)
    return content


def _read(path: Path) -> bytes | None:
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    digest, content = stored[:_DIGEST_BYTES], stored[_DIGEST_BYTES:]
    return content if hashlib.sha256(content).digest() == digest else None


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Two nodes may start at once, and the disk may be full.
        replace_file(path, hashlib.sha256(content).digest() + content)
    except OSError:
        return
