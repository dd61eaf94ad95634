"""Files of the installation and of the user; written whole or not at all."""

import contextlib
import hashlib
import os
from functools import cache
from pathlib import Path

from emotion_perception.errors import EmotionPerceptionError, ModelError
from emotion_perception.files.bounded import new_beside

_SHARE = Path('share', 'emotion_bringup')


@cache
def share_folder() -> Path:
    """Folder that holds `models/` and `config/`.

    In a checkout (`pip install -e`, `colcon build --symlink-install`) this is the repository; once
    installed it is `share/emotion_bringup` of the prefix that this module is installed in.

    Raises:
        ModelError: Neither exists: the installation is incomplete.
    """
    for folder in Path(__file__).resolve().parents:
        for candidate in (folder / _SHARE, folder):
            if (candidate / 'models').is_dir() and (candidate / 'config').is_dir():
                return candidate
    raise ModelError(
        'The folders models/ and config/ of emotion_bringup are not installed: '
        'install the package with `colcon build` or `pip install .` from its repository.'
    )


def default_model_path() -> Path:
    """The shipped AlexNet, as ONNX."""
    return share_folder() / 'models' / 'emotion_alexnet.onnx'


def config_path(name: str) -> Path:
    """A file of the package's `config/` folder."""
    return share_folder() / 'config' / name


def read_shipped(
    path: Path, sha256: str, *, name: str, instead: str, error: type[EmotionPerceptionError]
) -> bytes:
    """Reads a network that belongs to this version of the package.

    Args:
        path: Where it is.
        sha256: Of its content, 64 hexadecimal digits in lower case.
        name: What messages call it.
        instead: What a user can do without it.
        error: Raised where the file is missing, or is another one.
    """
    try:
        content = path.read_bytes()
    except OSError as cause:
        raise error(
            f'{name} {path} cannot be read ({cause.strerror}): install the package again, or '
            f'{instead}.'
        ) from cause
    if hashlib.sha256(content).hexdigest() != sha256:
        raise error(
            f'{name} {path} is not the one that belongs to this version: install the package again.'
        )
    return content


def cache_folder() -> Path | None:
    """Per-user folder for files that can be made again; it may not exist yet.

    By the XDG Base Directory Specification; None without a home folder.
    """
    root = os.environ.get('XDG_CACHE_HOME', '')
    try:
        # The specification says that a relative path is to be ignored.
        base = Path(root) if Path(root).is_absolute() else Path.home() / '.cache'
    except RuntimeError:
        return None
    return base / 'emotion_bringup'


def replace_file(path: Path, content: bytes | memoryview, *, durable: bool = False) -> None:
    """Writes a file under another name, which then takes the place of the old one.

    Args:
        path: The file; its folder must exist. A link is followed.
        content: All of it.
        durable: Wait until it is on the disk, so that a loss of power leaves the old or the new.

    Raises:
        OSError: It cannot be written; an old file is still there, and nothing else.
    """
    target = path.resolve()
    unfinished = new_beside(target)
    try:
        unfinished.write_bytes(content)
        if durable:
            _flush(unfinished)
        unfinished.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


def _flush(path: Path) -> None:
    """Has the system write what it still holds of a file."""
    with path.open('rb+') as file:
        os.fsync(file.fileno())
