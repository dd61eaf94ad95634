"""Finds the faces of a stream: looks at the whole picture now and then, and near them between.

A whole picture costs the detector about ten times what the surroundings of one face cost. So it
looks at the whole of every n-th picture only (`detect_every_n`), which finds new faces, and in the
others where the faces were. In the background, the whole picture does not even delay an answer:
the faces that it shows are looked for in the picture that is there when it has been searched.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from emotion_perception.detection.base import FaceDetector
from emotion_perception.tracking.background import BackgroundDetection
from emotion_perception.types import BgrImage, Box, Detection, iou_matrix, match_greedily

# Above so many faces a look at the whole picture is not dearer than one at each (CenterFace).
_MOST_FOLLOWED: Final = 6
# In a longer pause a face may leave its surroundings: slow cameras have every picture searched.
_LONGEST_PAUSE_NS: Final = 150_000_000
# Two places of one face overlap by more, two faces by less.
_SAME_FACE: Final = 0.4


class FollowSettings(Protocol):
    """What a follower needs of the pipeline's settings."""

    @property
    def face_score_threshold(self) -> float:
        """Detections below this score are dropped, 0..1."""

    @property
    def min_face_size(self) -> int:
        """Smallest wanted face in pixels."""

    @property
    def detect_every_n(self) -> int:
        """The whole of every n-th picture is searched."""


class FaceFollower:
    """Finds the faces of one stream of pictures."""

    def __init__(self, detector: FaceDetector, in_background: bool = False) -> None:
        """Knows no face yet.

        Args:
            detector: Used by the caller's thread alone.
            in_background: Search whole pictures in another thread while faces are known. Answers
                then depend on how quick the machine is: for live streams only.
        """
        self._detector = detector
        self._background = BackgroundDetection(detector.twin()) if in_background else None
        self._known: list[Detection] = []
        self._newest: tuple[int, tuple[int, ...]] | None = None
        self._since_look = 0

    def reset(self) -> None:
        """Forgets all faces: the next picture starts a new stream."""
        self._known = []
        self._newest = None
        if self._background is not None:
            self._background.forget()

    def close(self) -> None:
        """Ends the thread."""
        if self._background is not None:
            self._background.close()

    def keep(self, faces: Sequence[Detection]) -> None:
        """Says which of the faces found are to be followed."""
        self._known = list(faces)

    def find(self, image: BgrImage, stamp_ns: int, settings: FollowSettings) -> list[Detection]:
        """Finds the faces of the next picture.

        Args:
            image: uint8 [height, width, 3], BGR.
            stamp_ns: Its time in nanoseconds.
            settings: How to search.

        Returns:
            Faces in no particular order. Without known ones it is empty for pictures between two
            searches: a new face appears up to n - 1 pictures late.
        """
        if settings.detect_every_n <= 1:
            self.reset()
            return self._search(image, settings)
        newest, self._newest = self._newest, (stamp_ns, image.shape)
        self._since_look += 1
        if newest is None or newest[1] != image.shape or stamp_ns - newest[0] > _LONGEST_PAUSE_NS:
            return self._look(image, settings)
        is_due = self._since_look >= settings.detect_every_n
        if not self._known:
            return self._look(image, settings) if is_due else []
        if len(self._known) > _MOST_FOLLOWED:
            return self._look(image, settings)
        if self._background is not None:
            return self._follow_beside(self._background, image, settings, is_due)
        found = None if is_due else self._follow(image, _boxes(self._known), settings)
        return self._look(image, settings) if found is None else found

    def _search(self, image: BgrImage, settings: FollowSettings) -> list[Detection]:
        return self._detector.detect(image, settings.face_score_threshold, settings.min_face_size)

    def _look(self, image: BgrImage, settings: FollowSettings) -> list[Detection]:
        """Searches the whole picture now."""
        if self._background is not None:
            self._background.finish()
        self._since_look = 0
        seen = self._search(image, settings)
        if len(seen) > _MOST_FOLLOWED:
            return seen
        # The detector's boxes depend a little on the scale: near looks alone do not jump.
        near = self._detector.detect_near(image, _boxes(seen), settings.face_score_threshold)
        return _distinct([found or whole for found, whole in zip(near, seen, strict=True)])

    def _follow(
        self, image: BgrImage, places: Sequence[Box], settings: FollowSettings
    ) -> list[Detection] | None:
        """Looks where faces were; None when one is gone."""
        near = self._detector.detect_near(image, places, settings.face_score_threshold)
        found = [face for face in near if face is not None]
        return _distinct(found) if len(found) == len(near) else None

    def _follow_beside(
        self,
        background: BackgroundDetection,
        image: BgrImage,
        settings: FollowSettings,
        is_due: bool,
    ) -> list[Detection]:
        places = _boxes(self._known)
        seen = background.take()
        if seen is not None:
            places = merged(_boxes(seen), places)
        if is_due and background.start(
            image, settings.face_score_threshold, settings.min_face_size
        ):
            self._since_look = 0
        found = self._follow(image, places, settings)
        return self._look(image, settings) if found is None else found


def merged(seen: Sequence[Box], known: Sequence[Box]) -> list[Box]:
    """The faces of a picture that was searched, where they are now as far as that is known.

    Args:
        seen: Boxes in a picture of a moment ago.
        known: Boxes in the newest picture.

    Returns:
        As many as were seen: known faces that the search did not find are dropped.
    """
    places = list(seen)
    for column, row in match_greedily(iou_matrix(known, seen), _SAME_FACE):
        places[column] = known[row]
    return places


def _boxes(faces: Sequence[Detection]) -> list[Box]:
    return [face.box for face in faces]


def _distinct(faces: Sequence[Detection]) -> list[Detection]:
    """Leaves out the lower score of two that have become one face."""
    kept: list[Detection] = []
    for face in sorted(faces, key=lambda face: face.score, reverse=True):
        overlaps = iou_matrix([face.box], _boxes(kept))
        if not (overlaps > _SAME_FACE).any():
            kept.append(face)
    return kept
