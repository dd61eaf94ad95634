"""The outputs of a run: console lines, records, a video."""

import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tqdm import tqdm

from emotion_perception.drawing import DEFAULT_STYLE, OverlayStyle, draw_faces
from emotion_perception.errors import OutputError
from emotion_perception.files.closeable import Closeable
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.outputs.results import (
    JsonLinesWriter,
    Summary,
    format_line,
    frame_record,
)
from emotion_perception.outputs.standard_output import STANDARD_OUTPUT
from emotion_perception.settings.setting import spelled
from emotion_perception.settings.tables import COMMAND_LINE
from emotion_perception.terminal import shown
from emotion_perception.types import BgrImage, Face, Frame


def say(line: str) -> None:
    """Prints a result, at once, so that the next program of a pipe sees it."""
    tqdm.write(shown(line), file=sys.stdout)
    sys.stdout.flush()


def note(line: str) -> None:
    """Prints a remark or an error to stderr, with settings as one writes them on a command line."""
    tqdm.write(shown(spelled(line, COMMAND_LINE)), file=sys.stderr)


def route_log() -> None:
    """Shows the warnings and remarks of the core on stderr."""
    logger = logging.getLogger('emotion_perception')
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.handlers = [_NoteHandler()]


class _NoteHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        level = '' if record.levelno <= logging.INFO else f'{record.levelname.lower()}: '
        note(f'{level}{record.getMessage()}')


class Recorder(Protocol):
    """Takes stamped images and finishes a video; see `recording.VideoRecorder`."""

    path: Path

    @property
    def frames(self) -> int:
        """Frames written so far."""

    def write(self, image: BgrImage, stamp_ns: int) -> None:
        """Appends an image."""

    def close(self) -> None:
        """Finishes the file."""


class Recording(Protocol):
    """Takes frames with their faces and finishes a file, such as `McapOutput` for Foxglove."""

    path: Path

    @property
    def frames(self) -> int:
        """Frames written so far."""

    def write(self, frame: Frame, faces: Sequence[Face]) -> None:
        """Appends a frame."""

    def close(self) -> None:
        """Finishes the file."""


class RunOutputs(Closeable):
    """Takes the result of every frame. A context manager, which finishes the files in any case.

    Args:
        video: Where annotated images go, or None.
        json: File for JSON lines, or None.
        lines: Whether to print a line per frame.
        style: What to draw onto images.
        recordings: Files that take the frames themselves.

    Raises:
        OutputError: The JSON file cannot be written.
    """

    def __init__(
        self,
        video: Recorder | None,
        json: Path | None,
        *,
        lines: bool,
        style: OverlayStyle = DEFAULT_STYLE,
        recordings: Sequence[Recording] = (),
    ) -> None:
        self.summary = Summary()
        self._video = video
        self._recordings = tuple(recordings)
        self._json = JsonLinesWriter(json) if json is not None else None
        self._lines = lines and json != STANDARD_OUTPUT
        self._style = style

    def add(
        self,
        frame: Frame,
        faces: list[Face],
        *,
        latency_ms: float | None = None,
        image: BgrImage | None = None,
    ) -> None:
        """Keeps the result of one frame.

        Args:
            frame: The frame.
            faces: Its faces.
            latency_ms: Milliseconds from acquisition to result, where known.
            image: The annotated image, where it has been drawn already.

        Raises:
            OutputError: A file cannot be written.
            BrokenPipeError: The reader of the lines has gone.
        """
        self.summary.add(faces, latency_ms)
        height, width = frame.image.shape[:2]
        record = frame_record(frame.stamp_ns, width, height, faces)
        if self._json is not None:
            self._json.write(record)
        if self._video is not None:
            drawn = draw_faces(frame.image, faces, self._style) if image is None else image
            self._video.write(drawn, frame.stamp_ns)
        for recording in self._recordings:
            recording.write(frame, faces)
        if self._lines:
            say(format_line(record))

    def report(self, classifier: EmotionClassifier, skipped: int = 0) -> None:
        """Prints the summary and what was written; to be called once the files are finished.

        Args:
            classifier: In use; the provider it really runs on is shown.
            skipped: Damaged frames that the source left out.
        """
        if skipped:
            note(f'warning: {skipped} damaged frames were left out.')
        model = f'{classifier.manifest.name}, labels of {classifier.label_set}'
        say(f'{"model":<10} {model}, on {classifier.provider}')
        say(self.summary.format())
        if self._video is not None and self._video.frames:
            say(f'wrote {self._video.path}')
        if self._json is not None and self._json.path != STANDARD_OUTPUT:
            say(f'wrote {self._json.path}')
        for recording in self._recordings:
            if recording.frames:
                say(f'wrote {recording.path}')

    def close(self) -> None:
        """Finishes all files, and then reports the first of them that failed.

        Raises:
            OutputError: A file cannot be finished.
        """
        failures = []
        for file in (self._video, self._json, *self._recordings):
            try:
                if file is not None:
                    file.close()
            except OutputError as error:
                failures.append(error)
        if failures:
            raise failures[0]
