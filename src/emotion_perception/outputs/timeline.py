"""The timeline of a run, drawn at its end."""

import statistics
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import cv2

from emotion_perception.drawing.timeline import draw_timeline, spans_of
from emotion_perception.errors import OutputError
from emotion_perception.files.closeable import Closeable
from emotion_perception.files.resources import replace_file
from emotion_perception.types import NS_PER_S, Face, Frame

# A month at one frame a second; a run without end must not fill the memory.
_MOST_FRAMES: Final = 3_000_000
# Of usual steps between frames: so long a face is taken to be there still.
_GAP_STEPS: Final = 3


class TimelineImage(Closeable):
    """Collects the emotions of all faces and draws them when it is closed.

    Args:
        path: PNG file; an old one is replaced.

    Raises:
        OutputError: The name does not end in .png, or its folder cannot be made.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() != '.png':
            raise OutputError(f'{path} cannot hold a timeline: let its name end in .png.')
        try:
            path.absolute().parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f'{path.parent} cannot be made ({error.strerror}).') from error
        self.path = path
        self.frames = 0
        self._stamps: list[int] = []
        self._seen: dict[int, list[tuple[int, int | None]]] = {}
        self._is_closed = False

    def write(self, frame: Frame, faces: Sequence[Face]) -> None:
        """Adds the faces of a frame."""
        self.add(frame.stamp_ns, faces)

    def add(self, stamp_ns: int, faces: Sequence[Face]) -> None:
        """Adds the faces of the image with a stamp in nanoseconds; one that goes back is not."""
        if self.frames >= _MOST_FRAMES or (self._stamps and stamp_ns < self._stamps[-1]):
            return
        self.frames += 1
        self._stamps.append(stamp_ns)
        for face in faces:
            self._seen.setdefault(face.track_id, []).append((stamp_ns, face.emotion_id))

    def close(self) -> None:
        """Draws and writes the picture; nothing where there was no frame.

        Raises:
            OutputError: It cannot be written.
        """
        if self._is_closed or not self.frames:
            return
        self._is_closed = True
        start_ns = self._stamps[0]
        steps = [later - before for before, later in pairwise(self._stamps) if later > before]
        step_s = statistics.median(steps) / NS_PER_S if steps else 1.0
        tracks = {
            track_id: spans_of(
                [((stamp - start_ns) / NS_PER_S, emotion_id) for stamp, emotion_id in seen],
                _GAP_STEPS * step_s,
            )
            for track_id, seen in self._seen.items()
        }
        duration_s = (self._stamps[-1] - start_ns) / NS_PER_S + step_s
        _, data = cv2.imencode('.png', draw_timeline(tracks, duration_s))
        try:
            replace_file(self.path, data.tobytes())
        except OSError as error:
            raise OutputError(f'{self.path} cannot be written ({error.strerror}).') from error
