"""Files that a kill, a full disk or a loss of power leaves whole: the old one or the new one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from emotion_perception.files.resources import replace_file
from training.errors import TrainingError


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """Writes a file whole or not at all; its folder is made.

    Raises:
        TrainingError: It cannot be written; what was there before still is.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, content, durable=True)
    except OSError as error:
        raise TrainingError(f'{path} cannot be written: {error.strerror or error}') from error


def write_text(path: Path, text: str) -> None:
    """The same for a text in UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, document: Any) -> None:
    """The same for a JSON document, indented for readers."""
    write_text(path, json.dumps(document, indent=2) + '\n')
