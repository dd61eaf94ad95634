"""What is known of a source afterwards: in a file beside its outputs, and in the summary."""

import json
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

from emotion_perception.batch.job import Task

RECORD_NAME: Final = 'record.json'


class Status(str, Enum):
    """How the work on a source ended."""

    DONE = 'done'
    INCOMPLETE = 'incomplete'
    """Its outputs hold what could be read of a damaged source."""
    FAILED = 'failed'
    PENDING = 'pending'
    """The run was ended before."""


@dataclass(frozen=True, slots=True)
class Record:
    """The result of one source.

    Attributes:
        source: Absolute path.
        folder: Name of its folder in the output folder; empty when it has none.
        key: See `Task`.
        status: How it ended.
        error: What was wrong, in one sentence; empty when nothing was.
        frames: Frames that were processed.
        frames_without_face: Those of them with no face.
        damaged_frames: Frames that could not be decoded and have no result.
        faces: Faces in all frames.
        people: Track ids seen.
        emotion_seconds: Seconds by emotion, see `EmotionTime`.
        elapsed_s: Seconds that the work took.
        version: Of this package.
        warnings: What the core warned of, each once.
        files: Size in bytes of every output, by its path in the folder.
    """

    source: str
    folder: str
    key: str
    status: Status
    error: str = ''
    frames: int = 0
    frames_without_face: int = 0
    damaged_frames: int = 0
    faces: int = 0
    people: int = 0
    emotion_seconds: dict[str, float] = field(default_factory=dict)
    elapsed_s: float = 0.0
    version: str = ''
    warnings: tuple[str, ...] = ()
    files: dict[str, int] = field(default_factory=dict)

    def as_document(self) -> dict[str, Any]:
        """The record as JSON holds it."""
        return {**asdict(self), 'status': self.status.value, 'warnings': list(self.warnings)}


def without_result(task: Task, status: Status, error: str = '') -> Record:
    """The record of a source that has no outputs."""
    return Record(str(task.source), '', task.key, status, error)


def write_record(folder: Path, record: Record) -> None:
    """Writes a record beside its outputs.

    Raises:
        OSError: It cannot be written.
    """
    text = json.dumps(record.as_document(), indent=2) + '\n'
    (folder / RECORD_NAME).write_text(text, encoding='utf-8')


def read_record(folder: Path) -> Record | None:
    """The record in a source's folder; None when there is none, or none that can be read."""
    try:
        document = json.loads((folder / RECORD_NAME).read_text(encoding='utf-8'))
        document['status'] = Status(document['status'])
        document['warnings'] = tuple(document['warnings'])
        return Record(**document)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def finished_record(task: Task, out: Path) -> Record | None:
    """The record of a task that is finished already, its outputs whole; otherwise None."""
    record = read_record(out / task.folder)
    if record is None or record.key != task.key:
        return None
    return record if sizes_of(out / task.folder) == record.files else None


def sizes_of(folder: Path) -> dict[str, int]:
    """Size in bytes of every file below a folder but the record, by its relative path."""
    files = sorted(path for path in folder.rglob('*') if path.is_file())
    sizes = {str(path.relative_to(folder)): path.stat().st_size for path in files}
    sizes.pop(RECORD_NAME, None)
    return sizes
