"""Finds the recordings among files, folders and patterns."""

import glob
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from emotion_perception.address import shown_source
from emotion_perception.bags.reader import BAG_SUFFIXES
from emotion_perception.errors import SourceError
from emotion_perception.files.walking import walk_folders
from emotion_perception.sources.image_files import (
    IMAGE_SUFFIXES,
    is_animation_file,
    natural_order,
)

_LOGGER = logging.getLogger(__name__)

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
    output folder. A rosbag2 folder is one source, an animated WebP a video. What else lies there is
    counted in one line of the log.

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
    left_out: Counter[str] = Counter()
    if path.is_dir():
        found = natural_order(list(_walk(path, out, left_out)))
        if not found:
            raise SourceError(
                f'Folder {path} has no video and no rosbag in it{_but(left_out)}: check the path.'
            )
        _warn(path, left_out)
        return found
    if path.exists():
        return [path]
    if not glob.has_magic(str(path)):
        raise SourceError(f'{shown_source(str(path))} does not exist: check the path.')
    names = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute path
    matched = [each for name in names for each in _matched(Path(name), out, left_out)]
    if not matched:
        raise SourceError(
            f'No video and no rosbag matches {shown_source(str(path))}{_but(left_out)}: check the '
            'pattern.'
        )
    _warn(path, left_out)
    return natural_order(matched)


def _warn(where: Path, left_out: Counter[str]) -> None:
    if left_out:
        _LOGGER.warning('%s: left out is what is no recording%s.', where, _but(left_out))


def _but(left_out: Counter[str]) -> str:
    """What else lies there, in brackets; photos with the command that takes them."""
    if not left_out:
        return ''
    kinds = ', '.join(f'{count} {kind}' for kind, count in sorted(left_out.items()))
    photos = any(kind.lower() in IMAGE_SUFFIXES for kind in left_out)
    return f' ({kinds}{"; `emotion image` takes photos" if photos else ""})'


def _matched(path: Path, out: Path, left_out: Counter[str]) -> Iterator[Path]:
    if path.is_dir():
        yield from _walk(path, out, left_out)
    elif out not in path.resolve().parents:
        yield from _recordings([path], left_out)


def _recordings(paths: Iterable[Path], left_out: Counter[str]) -> Iterator[Path]:
    """Those of some files that are recordings; all others but hidden ones are counted."""
    for path in paths:
        if path.name.startswith('.'):
            continue
        if _is_recording(path):
            yield path
        else:
            left_out[path.suffix or 'without an ending'] += 1


def _walk(root: Path, out: Path, left_out: Counter[str]) -> Iterator[Path]:
    for folder, folders, files in walk_folders(root):
        if folder.resolve() == out:
            folders.clear()
        elif is_bag_folder(folder):
            folders.clear()
            yield folder
        else:
            folders[:] = [each for each in folders if not each.startswith('.')]
            yield from _recordings((folder / each for each in files), left_out)


def _is_recording(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in VIDEO_SUFFIXES or suffix in BAG_SUFFIXES or is_animation_file(path)
