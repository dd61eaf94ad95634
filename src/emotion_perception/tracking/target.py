"""The one person to attend to, among all who are seen.

Whoever looks from one face to the next in every image looks at nobody: another face must be clearly
better for some time. And a target behind a hand or a passer-by has not gone: a new track of a like
size near the place where it was last seen is the same one. Nothing else of a face is remembered.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from emotion_perception.settings.tables import (
    BY_FIRST,
    BY_LOOKING,
    BY_NEAREST,
    TargetSettings,
)
from emotion_perception.types import NS_PER_S, Box, Face

# Of a face that comes back: how far from its last place, in sides of its box, and how much larger
# or smaller it may be. A head is turned, a person takes a step.
_FURTHEST: Final = 1.0
_SIZE_RATIO: Final = 1.4
# Below, nobody looks at the camera, and one who does so even less is as good.
_NOT_LOOKING: Final = 0.5

_Worth = Callable[[Face], tuple[float, float]]
"""How much a face deserves attention, and what decides between equals."""


@dataclass(frozen=True, slots=True)
class Target:
    """The person to attend to, in one image.

    Attributes:
        face: As it was found, with the track it has now.
        track_id: Of the track with which it became the target.
    """

    face: Face
    track_id: int


@dataclass(slots=True)
class _Attended:
    """Who is the target.

    Attributes:
        track_id: Of the track with which it became the target.
        face: When it was last seen.
        seen_ns: When that was.
        newest_id: The newest track by then; only later ones may be the target's own.
    """

    track_id: int
    face: Face
    seen_ns: int
    newest_id: int


@dataclass(slots=True)
class _Rival:
    """Who is clearly better than the target, and since when."""

    track_id: int
    since_ns: int


class TargetChoice:
    """Chooses the person to attend to in the results of one stream."""

    def __init__(self, settings: TargetSettings | None = None) -> None:
        """Starts without a target.

        Args:
            settings: By what, and how soon, it changes.
        """
        self.settings = settings or TargetSettings()
        self._attended: _Attended | None = None
        self._rival: _Rival | None = None
        self._last_ns = 0

    def update(self, faces: Sequence[Face], stamp_ns: int) -> Target | None:
        """Takes the next result.

        Args:
            faces: Of one image.
            stamp_ns: Its time in nanoseconds; where it goes back, a new stream starts.

        Returns:
            The target; None where there is nobody, and while it may come back.
        """
        if stamp_ns < self._last_ns:
            self._attended = None
        self._last_ns = stamp_ns
        if self._attended is not None:
            face = _found_again(self._attended, faces)
            if face is not None:
                return self._follow(self._attended, face, faces, stamp_ns)
            if stamp_ns - self._attended.seen_ns <= self.settings.memory_s * NS_PER_S:
                self._rival = None
                return None
        return self._attend(max(faces, key=self._worth(faces)), faces, stamp_ns) if faces else None

    def _attend(self, face: Face, faces: Sequence[Face], stamp_ns: int) -> Target:
        self._rival = None
        newest = max(each.track_id for each in faces)
        self._attended = _Attended(face.track_id, face, stamp_ns, newest)
        return Target(face, face.track_id)

    def _follow(
        self, attended: _Attended, face: Face, faces: Sequence[Face], stamp_ns: int
    ) -> Target:
        worth = self._worth(faces)
        best = max(faces, key=worth)
        if not worth(best)[0] > self.settings.advantage * worth(face)[0]:
            self._rival = None
        elif self._rival is None or self._rival.track_id != best.track_id:
            self._rival = _Rival(best.track_id, stamp_ns)
        rival = self._rival
        if rival and stamp_ns - rival.since_ns >= self.settings.patience_s * NS_PER_S:
            return self._attend(best, faces, stamp_ns)
        attended.face, attended.seen_ns = face, stamp_ns
        attended.newest_id = max(attended.newest_id, *(each.track_id for each in faces))
        return Target(face, attended.track_id)

    def _worth(self, faces: Sequence[Face]) -> _Worth:
        by = self.settings.by
        if by == BY_FIRST:
            return lambda face: (0.0, -face.track_id)
        if by == BY_LOOKING:
            return lambda face: (max(_looking(face), _NOT_LOOKING), _size(face.box))
        if by == BY_NEAREST and all(_distance(face) > 0 for face in faces):
            return lambda face: (1 / _distance(face), 0.0)
        return lambda face: (_size(face.box), 0.0)


def _found_again(attended: _Attended, faces: Sequence[Face]) -> Face | None:
    """The target's own track, or else a new one that begins where the old one ended."""
    last = attended.face
    for face in faces:
        if face.track_id == last.track_id:
            return face
    new = [face for face in faces if face.track_id > attended.newest_id]
    fitting = [face for face in new if _fits(last.box, face.box)]
    return min(fitting, key=lambda face: _apart(last.box, face.box), default=None)


def _fits(last: Box, box: Box) -> bool:
    ratio = _size(box) / _size(last)
    near = _apart(last, box) <= _FURTHEST * _size(last)
    return near and 1 / _SIZE_RATIO <= ratio <= _SIZE_RATIO


def _apart(first: Box, second: Box) -> float:
    return math.dist(first.center, second.center)


def _size(box: Box) -> float:
    """Side of a square of the box's area, in pixels."""
    return max(math.sqrt(box.area), 1.0)


def _distance(face: Face) -> float:
    """In metres; NaN where it is not known."""
    return math.nan if face.head is None else math.hypot(*face.head.position)


def _looking(face: Face) -> float:
    return 0.0 if face.head is None else face.head.looking_at_camera
