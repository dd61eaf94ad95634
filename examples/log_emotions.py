"""Logs every face on /emotions to a table: CSV, Parquet, or both.

One row per face; a frame without a face has one row whose face columns are empty, so that frames
can be counted. It needs `emotion_msgs`, and pyarrow for Parquet (`make examples-env`):

    python3 examples/log_emotions.py
    python3 examples/log_emotions.py --ros-args -p "csv:=''" -p parquet:=emotions.parquet

The rows of the CSV file are there at once. A Parquet file gets its index at the end (Ctrl-C) and
cannot be read before, so it has another name until then: emotions.parquet.part.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.time import Time

from emotion_msgs.msg import FaceEmotion, FaceEmotionArray

EMOTIONS = ('angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral')
# Column -> Arrow type.
COLUMNS = {
    'stamp_ns': 'int64',
    'frame_id': 'string',
    'track_id': 'uint32',
    'x': 'uint32',
    'y': 'uint32',
    'width': 'uint32',
    'height': 'uint32',
    'score': 'float32',
    'emotion': 'string',
    'confidence': 'float32',
    **{f'p_{emotion}': 'float32' for emotion in EMOTIONS},
}
Row = dict[str, Any]


class Table(Protocol):
    """Takes rows."""

    def write(self, row: Row) -> None:
        """Appends a row."""

    def close(self) -> None:
        """Finishes the file."""


class CsvTable:
    """Rows as text, each in the file as soon as it is written."""

    def __init__(self, path: Path) -> None:
        self._file = path.open('w', newline='', encoding='utf-8')
        self._writer = csv.DictWriter(self._file, COLUMNS)
        self._writer.writeheader()
        self._file.flush()

    def write(self, row: Row) -> None:
        """Appends a row."""
        self._writer.writerow(row)
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class ParquetTable:
    """Rows by column, compressed, with types: for years of recordings."""

    _rows_per_group = 10_000

    def __init__(self, path: Path) -> None:
        import pyarrow
        import pyarrow.parquet

        self._path, self._part = path, path.with_name(f'{path.name}.part')
        self._arrow = pyarrow
        self._schema = pyarrow.schema(list(COLUMNS.items()))
        self._writer = pyarrow.parquet.ParquetWriter(self._part, self._schema)
        self._rows: list[Row] = []

    def write(self, row: Row) -> None:
        """Appends a row."""
        self._rows.append(row)
        if len(self._rows) >= self._rows_per_group:
            self._write_group()

    def close(self) -> None:
        """Writes the rest and the index, and gives the file its name."""
        self._write_group()
        self._writer.close()
        self._part.replace(self._path)

    def _write_group(self) -> None:
        if self._rows:
            self._writer.write_table(self._arrow.Table.from_pylist(self._rows, self._schema))
        self._rows = []


class LogEmotions(Node):
    """Writes every message into the tables."""

    def __init__(self) -> None:
        super().__init__('log_emotions')
        csv_path = self.declare_parameter('csv', 'emotions.csv').value
        parquet_path = self.declare_parameter('parquet', '').value
        self._tables: list[Table] = []
        if csv_path:
            self._tables.append(CsvTable(Path(csv_path)))
        if parquet_path:
            self._tables.append(ParquetTable(Path(parquet_path)))
        # Deep, so that a slow disk loses nothing.
        self.create_subscription(FaceEmotionArray, 'emotions', self._on_emotions, 1000)

    def close(self) -> None:
        """Finishes the files."""
        for table in self._tables:
            table.close()
        self._tables = []

    def _on_emotions(self, message: FaceEmotionArray) -> None:
        for row in rows_of(message):
            for table in self._tables:
                table.write(row)


def rows_of(message: FaceEmotionArray) -> Iterator[Row]:
    """The rows of one message; columns without a value are left out."""
    frame = {
        'stamp_ns': Time.from_msg(message.header.stamp).nanoseconds,
        'frame_id': message.header.frame_id,
    }
    if not message.faces:
        yield frame
    for face in message.faces:
        yield {**frame, **columns_of(face)}


def columns_of(face: FaceEmotion) -> Row:
    """The columns of one face."""
    return {
        'track_id': face.track_id,
        'x': face.box.x_offset,
        'y': face.box.y_offset,
        'width': face.box.width,
        'height': face.box.height,
        'score': face.score,
        'emotion': face.emotion,
        'confidence': face.confidence,
        **{
            f'p_{emotion}': float(probability)
            for emotion, probability in zip(EMOTIONS, face.probabilities, strict=True)
        },
    }


def main() -> None:
    """Logs until Ctrl-C."""
    rclpy.init()
    node = LogEmotions()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        # After a signal that comes just before rclpy waits, it fails on what that has shut down.
        if rclpy.ok():
            raise
    finally:
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
