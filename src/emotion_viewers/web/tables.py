"""Results as rows, for the page's table and chart and as a CSV file; and the page's settings."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from emotion_perception.errors import OutputError
from emotion_perception.files.closeable import Closeable
from emotion_perception.labels import EMOTION_NAMES
from emotion_perception.outputs.results import FrameRecord
from emotion_perception.settings.setting import Setting, by_name
from emotion_perception.settings.tables import FACES, STREAM
from emotion_perception.types import NS_PER_S, whole_percent

_FACES_AND_TIME = by_name((*FACES, *STREAM))
SLIDERS: Final = tuple(
    _FACES_AND_TIME[name] for name in ('confidence_threshold', 'min_face_size', 'smoothing')
)
"""What a visitor may set, in the order in which the page's functions take the values."""

FACE_HEADERS: Final = ('Face', 'Emotion', 'Confidence', 'Place (pixels)')
"""Columns of `face_rows`."""

CSV_HEADERS: Final = (
    *('seconds', 'track_id', 'emotion', 'confidence', 'x', 'y', 'width', 'height', 'score'),
    *(name.lower() for name in EMOTION_NAMES),
)
"""Columns of the CSV file: one row per face and image."""


def slider_label(setting: Setting) -> str:
    """Its name in words, with the unit."""
    name = setting.name.replace('_', ' ').capitalize()
    return f'{name} ({setting.unit})' if setting.unit else name


def face_rows(record: FrameRecord) -> list[list[str]]:
    """The faces of an image as rows of text.

    Args:
        record: From `results.frame_record`; `stamp` is not needed.
    """
    return [
        [
            f'#{face["track_id"]}',
            face['emotion'],
            f'{whole_percent(face["confidence"])} %',
            '{width} × {height} at ({x}, {y})'.format(**face['box']),  # noqa: RUF001
        ]
        for face in record['faces']
    ]


def face_names(record: FrameRecord) -> list[str]:
    """'#1 Happy' and so on, in the order of the faces."""
    return [f'#{face["track_id"]} {face["emotion"]}' for face in record['faces']]


class CsvWriter(Closeable):
    """Writes one row per face; an image without a face has none.

    Args:
        path: Its folder must exist.

    Raises:
        OutputError: The file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open('w', newline='', encoding='utf-8')
        except OSError as error:
            raise self._failure(error) from error
        self._writer = csv.writer(self._file)
        self._write([CSV_HEADERS])

    def write(self, record: FrameRecord) -> None:
        """Appends the faces of an image.

        Args:
            record: From `results.frame_record`; without `stamp` it is at second 0.

        Raises:
            OutputError: The file cannot be written.
        """
        stamp = record.get('stamp', {'sec': 0, 'nanosec': 0})
        seconds = stamp['sec'] + stamp['nanosec'] / NS_PER_S
        self._write([_csv_row(seconds, face) for face in record['faces']])

    def close(self) -> None:
        """Finishes the file; a second call does nothing.

        Raises:
            OutputError: The rest cannot be written.
        """
        try:
            self._file.close()
        except OSError as error:
            raise self._failure(error) from error

    def _write(self, rows: Sequence[Sequence[Any]]) -> None:
        try:
            self._writer.writerows(rows)
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> OutputError:
        return OutputError(
            f'Table {self.path.name} cannot be written ({error.strerror}): check the free space.'
        )


def _csv_row(seconds: float, face: dict[str, Any]) -> list[Any]:
    box = face['box']
    return [
        *(f'{seconds:.3f}', face['track_id'], face['emotion'], face['confidence']),
        *(box['x'], box['y'], box['width'], box['height'], face['score']),
        *(face['probabilities'][name] for name in EMOTION_NAMES),
    ]
