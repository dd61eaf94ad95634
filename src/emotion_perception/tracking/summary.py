"""The faces of some time as one result: who was there, and what they showed on the whole."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emotion_perception.types import NS_PER_S, Face

_Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FaceSummary:
    """One face over some time.

    Attributes:
        track_id: Whose face.
        share: In which share of the images it was seen, 0..1.
        emotion_id: Its strongest emotion by the mean, 0..6.
        probabilities: float32 [7], the mean over the images in which it was seen.
        deviation: float32 [7], the standard deviation of the same.
    """

    track_id: int
    share: float
    emotion_id: int
    probabilities: _Probabilities
    deviation: _Probabilities


@dataclass(frozen=True, slots=True)
class Summary:
    """All faces of some time.

    Attributes:
        images: How many there were.
        seconds: From the first to the last of them.
        faces: The one seen most first.
    """

    images: int
    seconds: float
    faces: list[FaceSummary]


class FaceHistory:
    """The probabilities of all faces in the newest images of a stream."""

    def __init__(self) -> None:
        """Remembers nothing yet."""
        self._images: deque[tuple[int, dict[int, _Probabilities]]] = deque()

    @property
    def newest_ns(self) -> int:
        """Stamp of the newest image; 0 before the first."""
        return self._images[-1][0] if self._images else 0

    def add(self, faces: Sequence[Face], stamp_ns: int, keep_s: float) -> None:
        """Takes the next result.

        Args:
            faces: Of one image.
            stamp_ns: Its time in nanoseconds; where it goes back, a new stream starts.
            keep_s: Images that are older than this by now, in seconds, are forgotten.
        """
        if stamp_ns < self.newest_ns:
            self._images.clear()
        self._images.append((stamp_ns, {face.track_id: face.probabilities for face in faces}))
        while self._images[0][0] < stamp_ns - round(keep_s * NS_PER_S):
            self._images.popleft()

    def since(self, first_ns: int) -> Summary:
        """What the images with this stamp and later ones show."""
        chosen = [image for image in self._images if image[0] >= first_ns]
        rows: dict[int, list[_Probabilities]] = {}
        for _, faces in chosen:
            for track_id, probabilities in faces.items():
                rows.setdefault(track_id, []).append(probabilities)
        summaries = [_summary(track_id, seen, len(chosen)) for track_id, seen in rows.items()]
        return Summary(
            images=len(chosen),
            seconds=(chosen[-1][0] - chosen[0][0]) / NS_PER_S if chosen else 0.0,
            faces=sorted(summaries, key=lambda face: (-face.share, face.track_id)),
        )


def _summary(track_id: int, seen: list[_Probabilities], images: int) -> FaceSummary:
    mean = np.mean(seen, axis=0, dtype=np.float64)
    return FaceSummary(
        track_id=track_id,
        share=len(seen) / images,
        emotion_id=int(mean.argmax()),
        probabilities=np.asarray(mean, np.float32),
        deviation=np.asarray(np.std(seen, axis=0, dtype=np.float64), np.float32),
    )
