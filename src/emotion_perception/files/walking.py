"""Walking through folders, links included."""

import os
from collections.abc import Iterator
from pathlib import Path


def walk_folders(root: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Visits every folder once, however many links lead to it.

    Yields:
        The folder, and the names of its folders and files in no particular order. As with
        `os.walk`, taking names out of the first list leaves these folders out.
    """
    seen: set[Path] = set()
    for name, folders, files in os.walk(root, followlinks=True):
        folder = Path(name)
        if folder.resolve() in seen:  # a link to a folder above would never end
            folders.clear()
            continue
        seen.add(folder.resolve())
        yield folder, folders, files
