"""How the emotions of each person in a video go up and down, as points of a line chart."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_perception.labels import EMOTION_NAMES
from emotion_perception.types import NS_PER_S, Face

MAX_POINTS: Final = 240
"""Points of one line: more than a chart shows apart, and few enough for a phone."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point of one line.

    Attributes:
        seconds: Position in the video.
        emotion: Name of the line.
        probability: 0..1.
    """

    seconds: float
    emotion: str
    probability: float


class EmotionTimeline:
    """Collects the faces of a video."""

    def __init__(self) -> None:
        self._seconds: dict[int, list[float]] = defaultdict(list)
        self._probabilities: dict[int, list[npt.NDArray[np.float32]]] = defaultdict(list)

    def add(self, stamp_ns: int, faces: Sequence[Face]) -> None:
        """Adds an image.

        Args:
            stamp_ns: Its position in the video, in nanoseconds.
            faces: Its faces.
        """
        for face in faces:
            self._seconds[face.track_id].append(stamp_ns / NS_PER_S)
            self._probabilities[face.track_id].append(face.probabilities)

    def people(self) -> list[int]:
        """Track ids, the one seen longest first."""
        return sorted(self._seconds, key=lambda track: (-len(self._seconds[track]), track))

    def points(self, track_id: int, max_points: int = MAX_POINTS) -> list[Point]:
        """The seven lines of one person; empty for an id that was never seen.

        Args:
            track_id: One of `people()`.
            max_points: Points of one line; neighbours are averaged to keep to it.
        """
        seconds = np.asarray(self._seconds.get(track_id, ()), np.float64)
        if not len(seconds):
            return []
        probabilities = np.asarray(self._probabilities[track_id], np.float64)
        groups = np.array_split(np.arange(len(seconds)), min(len(seconds), max_points))
        return [
            Point(
                round(float(seconds[group].mean()), 3),
                name,
                round(float(probabilities[group, index].mean()), 4),
            )
            for group in groups
            for index, name in enumerate(EMOTION_NAMES)
        ]
