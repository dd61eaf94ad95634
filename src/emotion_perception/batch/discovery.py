"""Finds the recordings among files, folders and patterns."""

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from emotion_perception.address import shown_source
from emotion_perception.bags.reader import BAG_SUFFIXES
from emotion_perception.errors import SourceError
from emotion_perception.files.walking import walk_folders
from emotion_perception.sources.image_files import natural_order

VIDEO_SUFFIXES: Final = frozenset(
    (
        *('.3gp', '.avi', '.flv', '.gif', '.m2ts', '.m4v', '.mkv', '.mov'),
        *('.mp4', '.mpeg', '.mpg', '.mts', '.ogv', '.ts', '.webm', '.wmv'),
    )
)
"""Files that a folder or pattern gives beside bags; one with another suffix must be named."""

_BAG_MARK: Final = b'rosbag2_bagfile_information'


def find_sources(specs: Sequence[str], out: Path) -> tuple[list[Path], list[SourceError]]:
    """Expands folders and glob patterns.

    Folders are searched through to the bottom; hidden files and folders are left out, and so is the
    output folder. A rosbag2 folder is one source.

    Args:
        specs: Files, folders, glob patterns.
        out: The output folder, which need not exist.

    Returns:
        Absolute paths with links resolved, each once, in the order given (of one folder or pattern:
        in natural order); and what was wrong with specifications that gave none.
    """
    found: dict[Path, None] = {}
    failures: list[SourceError] = []
    for spec in specs:
        try:
            sources = _expand(Path(spec).expanduser(), out.resolve())
            found.update(dict.fromkeys(source.resolve() for source in sources))
        except OSError as error:
            failures.append(
                SourceError(f'{shown_source(spec)} cannot be read ({error.strerror or error}).')
            )
        except SourceError as error:
            failures.append(error)
    return list(found), failures


def is_bag_folder(folder: Path) -> bool:
    """Says whether a folder is one rosbag2 bag, by its metadata.yaml."""
    try:
        with (folder / 'metadata.yaml').open('rb') as file:
            return _BAG_MARK in file.read(4096)
    except OSError:
        return False


def _expand(path: Path, out: Path) -> list[Path]:
    if path.is_dir():
        found = natural_order(list(_walk(path, out)))
        if not found:
            raise SourceError(f'Folder {path} has no video and no rosbag in it: check the path.')
        return found
    if path.exists():
        return [path]
    if not glob.has_magic(str(path)):
        raise SourceError(f'{shown_source(str(path))} does not exist: check the path.')
    names = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute path
    found = natural_order([source for name in names for source in _matched(Path(name), out)])
    if not found:
        raise SourceError(
            f'No video and no rosbag matches {shown_source(str(path))}: check the pattern.'
        )
    return found


def _matched(path: Path, out: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from _walk(path, out)
    elif _is_recording(path) and out not in path.resolve().parents:
        yield path


def _walk(root: Path, out: Path) -> Iterator[Path]:
    for folder, folders, files in walk_folders(root):
        if folder.resolve() == out:
            folders.clear()
        elif is_bag_folder(folder):
            folders.clear()
            yield folder
        else:
            folders[:] = [each for each in folders if not each.startswith('.')]
            yield from (folder / each for each in files if _is_recording(Path(each)))


def _is_recording(path: Path) -> bool:
    is_known = path.suffix.lower() in VIDEO_SUFFIXES or path.suffix.lower() in BAG_SUFFIXES
    return is_known and not path.name.startswith('.')
