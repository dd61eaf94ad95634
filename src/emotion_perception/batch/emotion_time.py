"""How long each emotion was seen."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Final

from emotion_perception.labels import EMOTION_NAMES, UNCERTAIN_NAME, emotion_name
from emotion_perception.types import Face

_NS_PER_S: Final = 1e9
LONGEST_GAP_S: Final = 1.0
"""A frame stands for the time until the next one, but not for a longer gap in the recording."""


class EmotionTime:
    """Adds up the seconds of each emotion over the faces of a recording.

    Every face counts for the time until the next frame; two happy people in view for a second are
    two seconds of Happy. The last frame counts as long as the one before it.

    Args:
        frame_rate: Frames per second, for a recording of one frame; 0 when unknown.
    """

    def __init__(self, frame_rate: float = 0.0) -> None:
        self._interval_s = min(1 / frame_rate, LONGEST_GAP_S) if frame_rate > 0 else 0.0
        self._last: tuple[int, Counter[str]] | None = None
        self._seconds: dict[str, float] = defaultdict(float)

    def add(self, stamp_ns: int, faces: Sequence[Face]) -> None:
        """Takes the next frame.

        Args:
            stamp_ns: Its time in nanoseconds; one before the last frame's counts for nothing.
            faces: Its faces.
        """
        if self._last is not None:
            elapsed_s = max(stamp_ns - self._last[0], 0) / _NS_PER_S
            self._interval_s = min(elapsed_s, LONGEST_GAP_S)
            self._settle(self._seconds)
        self._last = stamp_ns, Counter(emotion_name(face.emotion_id) for face in faces)

    def seconds(self) -> dict[str, float]:
        """Seconds by emotion in FER-2013 order, 'Uncertain' last, rounded to milliseconds."""
        total = self._seconds.copy()
        self._settle(total)
        return {name: round(total[name], 3) for name in (*EMOTION_NAMES, UNCERTAIN_NAME)}

    def _settle(self, seconds: dict[str, float]) -> None:
        if self._last is not None:
            for name, faces in self._last[1].items():
                seconds[name] += faces * self._interval_s
