"""What is to be made of each source, and the record of what was made."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Final

from emotion_perception.bags.annotate import AnnotateOptions
from emotion_perception.bags.reader import BAG_SUFFIXES
from emotion_perception.batch.discovery import is_bag_folder
from emotion_perception.errors import SourceError
from emotion_perception.inference.manifest import sha256_of
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.pipeline import PipelineSettings

JSON: Final = 'json'
VIDEO: Final = 'video'
BAG: Final = 'bag'
PRODUCTS: Final = (JSON, VIDEO, BAG)
"""What can be made of a source: JSON lines, an annotated video, an annotated copy of a bag."""

# Changes whenever the same source and settings would give other files.
_FORMAT: Final = 2
# In characters of up to four bytes; the rest of the 255 bytes is for what is added.
_LONGEST_NAME: Final = 40


@dataclass(frozen=True, slots=True)
class Job:
    """What is done with every source.

    Attributes:
        model_sha256: Of the model that must be used, from its manifest.
        model: Its ONNX file; None is the one that is shipped, wherever the work is done.
        labels: Whose labels to predict, one of `LABEL_SETS`; empty is the model's default.
        detector: Name or path, see `create_detector`.
        providers: Hardware of the networks.
        settings: Of the pipeline.
        annotate: Image topic, overlay and style, which also holds for videos.
        products: Names of `PRODUCTS`, in that order.
    """

    model_sha256: str
    model: Path | None = None
    labels: str = ''
    detector: str = 'centerface'
    providers: ProviderSettings = field(default_factory=lambda: ProviderSettings(num_threads=1))
    settings: PipelineSettings = field(default_factory=PipelineSettings)
    annotate: AnnotateOptions = field(default_factory=AnnotateOptions)
    products: tuple[str, ...] = PRODUCTS

    def describe(self) -> dict[str, Any]:
        """Everything that changes the results: not the paths and the hardware."""
        return {
            'model_sha256': self.model_sha256,
            'labels': self.labels,
            'detector': _detector_identity(self.detector),
            'settings': asdict(self.settings),
            'annotate': asdict(self.annotate),
            'products': list(self.products),
        }


@dataclass(frozen=True, slots=True)
class Task:
    """One source that is to be worked on.

    Attributes:
        source: Absolute path of a video, or of a bag (file or folder).
        folder: Name of its folder in the output folder: the source's own name and eight digits of
            its path's hash, so that sources of the same name do not meet.
        key: Digest of its path, sizes and modification times and of the job: another key, another
            result.
    """

    source: Path
    folder: str
    key: str


def make_task(source: Path, description: dict[str, Any]) -> Task:
    """Describes the work on a source as it lies there now.

    Args:
        source: Absolute path.
        description: From `Job.describe`.

    Raises:
        SourceError: It has gone or cannot be read.
    """
    try:
        files = [_identity(path, source) for path in _files_of(source)]
    except OSError as error:
        raise SourceError(f'{source} cannot be read ({error.strerror}): check it.') from error
    content = [_FORMAT, str(source), files, description]
    return Task(source, folder_name(source), _digest(json.dumps(content, sort_keys=True).encode()))


def folder_name(source: Path) -> str:
    """Name of a source's folder in the output folder; the same for the same path."""
    name = source.name.lstrip('.')[:_LONGEST_NAME]
    return f'{name}-{_digest(os.fsencode(source))[:8]}'


def is_bag_source(source: Path) -> bool:
    """Says whether a source is a bag; otherwise it is taken for a video."""
    return source.suffix.lower() in BAG_SUFFIXES or is_bag_folder(source)


def _files_of(source: Path) -> list[Path]:
    return sorted(source.iterdir()) if source.is_dir() else [source]


def _identity(path: Path, source: Path) -> tuple[str, int, int]:
    status = path.stat()
    return os.fspath(path.relative_to(source)), status.st_size, status.st_mtime_ns


def _detector_identity(detector: str) -> str:
    """A detector's name, or the hash of its file."""
    path = Path(detector).expanduser()
    return sha256_of(path) if path.is_file() else detector


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


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
