"""All faces of one image as a group: what an audience shows, and whether it looks at the camera."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from emotion_perception.labels import NUM_EMOTIONS
from emotion_perception.types import Face

LOOKING: Final = 0.5
"""Who looks at the camera more probably than this, looks at it."""


@dataclass(frozen=True, slots=True)
class Audience:
    """All faces of one image.

    Attributes:
        faces: How many there are.
        with_head: Of how many it is known where they look.
        looking: How many of those look into the camera.
        probabilities: float32 [7], mean of all faces, in FER-2013 order; NaN without a face.
    """

    faces: int
    with_head: int
    looking: int
    probabilities: npt.NDArray[np.float32]


def audience_of(faces: Sequence[Face]) -> Audience:
    """Counts the faces of one image and takes the mean of their probabilities."""
    heads = [face.head for face in faces if face.head is not None]
    mean = np.full(NUM_EMOTIONS, np.nan, np.float32)
    if faces:
        mean = np.mean([face.probabilities for face in faces], axis=0, dtype=np.float32)
    return Audience(
        faces=len(faces),
        with_head=len(heads),
        looking=sum(head.looking_at_camera > LOOKING for head in heads),
        probabilities=mean,
    )
