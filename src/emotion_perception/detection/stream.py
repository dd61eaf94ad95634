"""Finds the faces of a stream: searches the whole image now and then, and follows faces between.

A search of a whole image costs more than ten times what following one face costs. So the detector
searches the whole of some images only (`detect_every_n`), which finds new faces; in the others a
follower finds the known ones, and the detector those that the follower loses, in the regions where
they were. In the background, the whole image does not even delay a result: the faces found are
looked for in the image that is there when the search has ended.
"""

import contextlib
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Final

from emotion_perception.detection.base import FaceDetector, FaceFollower
from emotion_perception.detection.search_turns import SearchTurns
from emotion_perception.settings.tables import BY_TIME, PipelineSettings
from emotion_perception.types import BgrImage, Box, Detection, iou_matrix, match_greedily

# What is processed now goes before what may be found anew.
_NICENESS = 10


class BackgroundDetection:
    """Looks at one image at a time. The networks let go of Python's lock while they work."""

    def __init__(self, detector: FaceDetector, turns: SearchTurns | None = None) -> None:
        """Stores the detector; the first search starts the thread.

        Args:
            detector: Used by the thread alone from now on.
            turns: Shared with other streams that must not look meanwhile; None looks at any time.
        """
        self._detector = detector
        self._turns = turns or SearchTurns(share=1.0)
        self._thread = ThreadPoolExecutor(1, 'face_detection', _give_way)
        self._look: Future[list[Detection]] | None = None

    def start(
        self, image: BgrImage, score_threshold: float, min_face_size: int, max_side: int
    ) -> bool:
        """Starts a look at a copy of an image; returns False while another one is going on."""
        if self._look is not None or not self._turns.take():
            return False
        arguments = image.copy(), score_threshold, min_face_size, max_side
        self._look = self._thread.submit(self._detect, *arguments)
        return True

    def take(self) -> list[Detection] | None:
        """The faces of the last look, once; None before it has ended.

        Raises:
            Exception: What the detector raised.
        """
        if self._look is None or not self._look.done():
            return None
        look, self._look = self._look, None
        return look.result()

    def forget(self) -> None:
        """The last look is of no interest any more."""
        self._look = None

    def finish(self) -> None:
        """Waits for the end of the last look, which is of no interest any more.

        Two looks at whole images at once would be no quicker, and need the memory of both.
        """
        if self._look is not None:
            if self._look.cancel():
                self._turns.give_back()
            else:
                wait((self._look,))
        self._look = None

    def close(self) -> None:
        """Ends the thread, after its last look."""
        self._thread.shutdown()

    def _detect(
        self, image: BgrImage, score_threshold: float, min_face_size: int, max_side: int
    ) -> list[Detection]:
        with self._turns.searching():
            return self._detector.detect(image, score_threshold, min_face_size, max_side)


def _give_way() -> None:
    """Lowers the priority of this thread, where threads have one of their own (Linux)."""
    with contextlib.suppress(AttributeError, OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


# For more faces than these the whole image is searched quicker than each is followed.
_MOST_FOLLOWED: Final = 10
# In a longer pause a face may be anywhere: the images of slower cameras are searched as wholes.
_LONGEST_PAUSE_NS: Final = 250_000_000
# In live mode a machine may be what is slow: searching after each long pause would make the next
# one as long. Faces are looked for where they were, and what is lost there is searched for.
_LONGEST_LIVE_PAUSE_NS: Final = 1_000_000_000
# How often the whole image is searched where that goes by time, while nobody is known and beside
# faces that are: six times and once a second, as stamps are not exact.
_ALONE_NS: Final = 160_000_000
_BESIDE_NS: Final = 980_000_000
# Two places of one face overlap by more, two faces by less.
_SAME_FACE: Final = 0.4


class StreamDetector:
    """Finds the faces of one stream of images."""

    def __init__(
        self,
        detector: FaceDetector,
        follower: FaceFollower,
        in_background: bool = False,
        search_turns: SearchTurns | None = None,
    ) -> None:
        """Prepares for the first image.

        Args:
            detector: Used by the caller's thread alone.
            follower: Finds known faces again.
            in_background: Search whole images in another thread while faces are known. Results
                then depend on how quick the machine is: for live streams only.
            search_turns: Shared by live streams that take turns to search whole images for new
                faces: a search that gets no turn is tried again with the next image.
        """
        self._detector = detector
        self._follower = follower
        self._background = (
            BackgroundDetection(detector.clone(), search_turns) if in_background else None
        )
        self._turns = search_turns if in_background else None
        self._longest_pause_ns = _LONGEST_LIVE_PAUSE_NS if in_background else _LONGEST_PAUSE_NS
        self._last: tuple[int, tuple[int, ...]] | None = None
        self._since_search = 0
        self._searched_ns = 0

    def reset(self) -> None:
        """The next image starts a new stream."""
        self._last = None
        if self._background is not None:
            self._background.forget()

    def close(self) -> None:
        """Ends the thread."""
        if self._background is not None:
            self._background.close()

    def find(
        self, image: BgrImage, stamp_ns: int, known: Sequence[Detection], settings: PipelineSettings
    ) -> list[Detection]:
        """Finds the faces of the next image.

        Args:
            image: uint8 [height, width, 3], BGR.
            stamp_ns: Its time in nanoseconds.
            known: The faces of the last image that are still of interest, where they are expected.
            settings: How to search.

        Returns:
            Faces in no particular order. Without known ones it is empty for images between two
            searches: a new face appears as late.
        """
        if settings.detect_every_n == 1:
            self.reset()
            return self._detect(image, settings)
        last, self._last = self._last, (stamp_ns, image.shape)
        self._since_search += 1
        if last is None or last[1] != image.shape or stamp_ns - last[0] > self._longest_pause_ns:
            return self._search(image, stamp_ns, [], settings)
        is_due = self._is_due(stamp_ns, bool(known), settings.detect_every_n)
        if not known:
            return self._search_in_turn(image, stamp_ns, settings) if is_due else []
        if self._background is not None and len(known) <= _MOST_FOLLOWED:
            known = self._search_in_background(
                self._background, image, stamp_ns, known, settings, is_due
            )
            is_due = False
        found = None if is_due else self._follow(image, known, settings)
        return self._search(image, stamp_ns, known, settings) if found is None else found

    def _is_due(self, stamp_ns: int, is_known: bool, every_n: int) -> bool:
        if every_n == BY_TIME:
            return stamp_ns - self._searched_ns >= (_BESIDE_NS if is_known else _ALONE_NS)
        return self._since_search >= every_n

    def _detect(self, image: BgrImage, settings: PipelineSettings) -> list[Detection]:
        return self._detector.detect(image, *_wanted(settings))

    def _search(
        self,
        image: BgrImage,
        stamp_ns: int,
        known: Sequence[Detection],
        settings: PipelineSettings,
    ) -> list[Detection]:
        """Searches the whole image now."""
        if self._background is not None:
            self._background.finish()
        self._since_search, self._searched_ns = 0, stamp_ns
        seen = self._detect(image, settings)
        if len(seen) > _MOST_FOLLOWED:
            return seen
        # Of a mesh already now: the places of a face must not differ by who has found it.
        places = merged(seen, known)
        followed = self._follower.follow(image, places) if places else []
        return _distinct([found or whole for found, whole in zip(followed, seen, strict=True)])

    def _search_in_turn(
        self, image: BgrImage, stamp_ns: int, settings: PipelineSettings
    ) -> list[Detection]:
        """Searches the whole image where nobody is known, if no other stream searches now."""
        if self._turns is None:
            return self._search(image, stamp_ns, [], settings)
        if not self._turns.take():
            return []
        with self._turns.searching():
            return self._search(image, stamp_ns, [], settings)

    def _follow(
        self, image: BgrImage, places: Sequence[Detection], settings: PipelineSettings
    ) -> list[Detection] | None:
        """Finds the faces where they are expected; None when one is gone, or they are too many."""
        if len(places) > _MOST_FOLLOWED:
            return None
        found = self._follower.follow(image, places)
        lost = [index for index, face in enumerate(found) if face is None]
        # Some faces are seen by the detector alone.
        regions = [places[index].box for index in lost]
        near = self._detector.detect_near(image, regions, settings.face_score_threshold)
        for index, face in zip(lost, near, strict=True):
            found[index] = face
        faces = [face for face in found if face is not None]
        return _distinct(faces) if len(faces) == len(found) else None

    def _search_in_background(
        self,
        background: BackgroundDetection,
        image: BgrImage,
        stamp_ns: int,
        known: Sequence[Detection],
        settings: PipelineSettings,
        is_due: bool,
    ) -> Sequence[Detection]:
        """Searches whole images in the other thread when they are due.

        Returns:
            The known faces as the last such search leaves them.
        """
        seen = background.take()
        if is_due and background.start(image, *_wanted(settings)):
            self._since_search, self._searched_ns = 0, stamp_ns
        return known if seen is None else merged(seen, known)


def _wanted(settings: PipelineSettings) -> tuple[float, int, int]:
    """What a detector is told about the faces to find."""
    return settings.face_score_threshold, settings.min_face_size, settings.max_detection_side


def merged(seen: Sequence[Detection], known: Sequence[Detection]) -> list[Detection]:
    """The faces of an image that was searched, where they are now as far as that is known.

    Args:
        seen: In an image of a moment ago.
        known: In the newest image.

    Returns:
        As many as were seen: known faces that the search did not find are dropped.
    """
    places = list(seen)
    overlaps = iou_matrix(_boxes(known), _boxes(seen))
    for column, row in match_greedily(overlaps, _SAME_FACE):
        places[column] = replace(known[row], score=seen[column].score)
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
