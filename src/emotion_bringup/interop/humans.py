"""Faces as REP-155 (ROS4HRI) has them: needs the package hri_msgs.

Source: https://www.ros.org/reps/rep-0155.html. Where hri_msgs for ROS 2 is newer than the text (a
region is `NormalizedRegionOfInterest2D`), the messages and libhri, their reader, are followed.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from hri_msgs.msg import (
    Expression,
    FacialLandmarks,
    IdsList,
    NormalizedPointOfInterest2D,
    NormalizedRegionOfInterest2D,
)
from std_msgs.msg import Header

from emotion_perception.labels import Emotion
from emotion_perception.types import Face, Landmarks

EXPRESSIONS: Final[Mapping[Emotion, str]] = {
    Emotion.ANGRY: Expression.ANGRY,
    Emotion.DISGUST: Expression.DISGUSTED,
    Emotion.FEAR: Expression.SCARED,
    Emotion.HAPPY: Expression.HAPPY,
    Emotion.SAD: Expression.SAD,
    Emotion.SURPRISE: Expression.SURPRISED,
    Emotion.NEUTRAL: Expression.NEUTRAL,
}
"""REP-155's name of every class."""

# In the order of `types.Landmarks`; the picture's left is the person's right.
_LANDMARKS = (
    FacialLandmarks.RIGHT_PUPIL,
    FacialLandmarks.LEFT_PUPIL,
    FacialLandmarks.NOSE,
    FacialLandmarks.MOUTH_OUTER_RIGHT,
    FacialLandmarks.MOUTH_OUTER_LEFT,
)
_NUM_LANDMARKS = 70


def ids_message(header: Header, ids: Sequence[str]) -> IdsList:
    """The faces that are seen now."""
    return IdsList(header=header, ids=list(ids))


def region_message(
    header: Header, face: Face, width: int, height: int
) -> NormalizedRegionOfInterest2D:
    """The face's box in units of the image's width and height, 0..1, with the detector's score."""
    box = face.box.clipped(width, height)
    return NormalizedRegionOfInterest2D(
        header=header,
        xmin=box.x / width,
        ymin=box.y / height,
        xmax=(box.x + box.width) / width,
        ymax=(box.y + box.height) / height,
        c=float(face.score),
    )


def expression_message(header: Header, face: Face) -> Expression:
    """The strongest expression and its confidence.

    REP-155 has no name for an uncertain one; the confidence says it. Valence and arousal are not
    estimated and NaN.
    """
    strongest = Emotion(int(np.argmax(face.probabilities)))
    return Expression(
        header=header,
        expression=EXPRESSIONS[strongest],
        valence=math.nan,
        arousal=math.nan,
        confidence=float(face.confidence),
    )


def landmarks_message(header: Header, face: Face, width: int, height: int) -> FacialLandmarks:
    """The five landmarks in units of the image's width and height, with the detector's score.

    The others, and those outside the image, have the confidence 0.
    """
    points = [NormalizedPointOfInterest2D() for _ in range(_NUM_LANDMARKS)]
    if face.landmarks is not None:
        _fill_points(points, face.landmarks / (width, height), float(face.score))
    return FacialLandmarks(header=header, landmarks=points, height=height, width=width)


def _fill_points(
    points: Sequence[NormalizedPointOfInterest2D], landmarks: Landmarks, score: float
) -> None:
    for index, (x, y) in zip(_LANDMARKS, landmarks.tolist(), strict=True):
        if 0.0 <= x <= 1.0 and 0.0 <= y <= 1.0:
            points[index].x, points[index].y, points[index].c = x, y, score
