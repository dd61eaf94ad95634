"""A few lines of a terminal that change: the faces of the newest image."""

import time
from collections.abc import Mapping
from typing import Any, Final

from tqdm import tqdm

from emotion_perception.files.closeable import Closeable
from emotion_perception.outputs.results import face_rows

_ROWS: Final = 4
_EVERY_S: Final = 0.1  # quicker changes cannot be read


class FaceTable(Closeable):
    """Stands below a progress bar, which must be open already, and vanishes when it is closed.

    Its rows are bars themselves, without a bar: so `tqdm.write` prints above all of them.
    """

    def __init__(self) -> None:
        self._rows = [
            tqdm(bar_format='{desc}', position=1 + row, leave=False, dynamic_ncols=True)
            for row in range(_ROWS)
        ]
        self._shown_s = -_EVERY_S

    def show(self, record: Mapping[str, Any]) -> None:
        """Shows the faces of an image, unless those before were shown just now.

        Args:
            record: From `results.frame_record`.
        """
        now_s = time.monotonic()
        if now_s - self._shown_s < _EVERY_S:
            return
        self._shown_s = now_s
        for row, text in zip(self._rows, face_rows(record, _ROWS), strict=True):
            row.set_description_str(text)

    def close(self) -> None:
        """Clears the rows; a second call does nothing."""
        for row in self._rows:
            row.close()
