"""Which faces are there, and what is kept for each of them. No ROS in here."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from emotion_perception.tracking.tracker import MAX_AGE_S, StreamPace
from emotion_perception.types import NS_PER_S

Kept = TypeVar('Kept')

_MAX_AGE_NS = round(MAX_AGE_S * NS_PER_S)


@dataclass(slots=True)
class Presence(Generic[Kept]):
    """One face.

    Attributes:
        face_id: Its id in REP-155, which starts with a letter.
        kept: What belongs to it, such as its publishers.
        seen_ns: When it was there last, in nanoseconds.
    """

    face_id: str
    kept: Kept
    seen_ns: int


class FaceRegistry(Generic[Kept]):
    """Makes something for every face that appears and ends it when the face cannot come back.

    A face is gone from the first image without it. What is kept for it stays as long as the tracker
    may give it the same track again: a publisher that is made anew at every missed detection would
    lose its subscribers each time.
    """

    def __init__(self, make: Callable[[str], Kept], end: Callable[[Kept], None]) -> None:
        """Starts with an empty registry.

        Args:
            make: Makes what is kept for a face, from its id.
            end: Ends it.
        """
        self._make = make
        self._end = end
        self._known: dict[int, Presence[Kept]] = {}
        self._present: list[str] = []
        self._newest_ns = 0
        self._pace = StreamPace()
        self._resets = 0
        self._ids_were_given = False

    @property
    def ids(self) -> list[str]:
        """Ids of the faces in the newest image, in its order."""
        return list(self._present)

    @property
    def kept(self) -> list[Kept]:
        """What is kept for all faces, those that may come back among them."""
        return [presence.kept for presence in self._known.values()]

    def update(self, stamp_ns: int, track_ids: Iterable[int]) -> None:
        """Takes the faces of the next image.

        Args:
            stamp_ns: Its stamp in nanoseconds. Where it lies before the last one, tracks start anew
                and the same numbers mean other faces.
            track_ids: Tracks of its faces.
        """
        if stamp_ns < self._newest_ns:
            self.reset()
        self._newest_ns = stamp_ns
        self._pace.add(stamp_ns)
        self._present = [self._see(track_id, stamp_ns) for track_id in track_ids]
        oldest_ns = stamp_ns - self._pace.max_age_ns
        for track_id in [key for key, one in self._known.items() if one.seen_ns < oldest_ns]:
            self._end(self._known.pop(track_id).kept)

    def find(self, track_id: int, stamp_ns: int) -> Kept | None:
        """What is kept for a face of an image; None if it is unknown or long past.

        Args:
            track_id: Track of the face.
            stamp_ns: Stamp of the image in nanoseconds, the newest one or a little older.
        """
        known = self._known.get(track_id)
        if known is None or stamp_ns < self._newest_ns - self._pace.max_age_ns:
            return None
        return known.kept

    def reset(self) -> None:
        """All faces are gone; the same track numbers will mean other faces."""
        self._resets += self._ids_were_given
        self._ids_were_given = False
        self.clear()

    def clear(self) -> None:
        """All faces are gone; should the same tracks come back, they keep their ids."""
        for presence in self._known.values():
            self._end(presence.kept)
        self._known.clear()
        self._present = []
        self._newest_ns = 0
        self._pace = StreamPace()

    def _see(self, track_id: int, stamp_ns: int) -> str:
        known = self._known.get(track_id)
        if known is None:
            face_id = self._face_id(track_id)
            known = Presence(face_id, self._make(face_id), stamp_ns)
            self._known[track_id] = known
        known.seen_ns = stamp_ns
        return known.face_id

    def _face_id(self, track_id: int) -> str:
        self._ids_were_given = True
        return f'f{track_id}r{self._resets}' if self._resets else f'f{track_id}'


class NamedFaces(Generic[Kept]):
    """Makes something for every face that somebody else tracks, by the id that it has there.

    What is kept for a face outlives a short absence, for its publisher would lose its subscribers
    otherwise; then it ends and leaves nothing behind.
    """

    def __init__(self, make: Callable[[str], Kept], end: Callable[[Kept], None]) -> None:
        """Starts with an empty registry.

        Args:
            make: Makes what is kept for a face, from its id.
            end: Ends it.
        """
        self._make = make
        self._end = end
        self._known: dict[str, Presence[Kept]] = {}
        self._present: frozenset[str] = frozenset()

    @property
    def kept(self) -> list[Kept]:
        """What is kept for all faces, those that may come back among them."""
        return [presence.kept for presence in self._known.values()]

    def update(self, now_ns: int, ids: Iterable[str]) -> None:
        """Takes the ids that are tracked now.

        Args:
            now_ns: Steady time in nanoseconds: stamps are the tracker's own, and may be missing.
            ids: All of them; one that is named twice is one face.
        """
        self._present = frozenset(ids)
        for face_id in sorted(self._present - self._known.keys()):
            self._known[face_id] = Presence(face_id, self._make(face_id), now_ns)
        self.forget_gone(now_ns)

    def forget_gone(self, now_ns: int) -> None:
        """Ends what belongs to faces that have been gone for too long.

        Args:
            now_ns: Steady time in nanoseconds.
        """
        for face_id, presence in list(self._known.items()):
            if face_id in self._present:
                presence.seen_ns = now_ns
            elif presence.seen_ns < now_ns - _MAX_AGE_NS:
                self._end(self._known.pop(face_id).kept)
