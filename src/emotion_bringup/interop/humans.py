"""Faces as REP-155 (ROS4HRI) has them: needs the package hri_msgs.

Source: https://www.ros.org/reps/rep-0155.html, and hri_msgs 2.3.2.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from hri_msgs.msg import (
    EngagementLevel,
    Expression,
    FacialLandmarks,
    Gaze,
    IdsList,
    NormalizedPointOfInterest2D,
    NormalizedRegionOfInterest2D,
)
from rclpy.exceptions import InvalidTopicNameException
from rclpy.validate_topic_name import validate_topic_name
from std_msgs.msg import Header

from emotion_bringup.parameters import ParameterError
from emotion_perception.heads.turned_square import Points
from emotion_perception.inference.affect import affect_of
from emotion_perception.labels import Emotion
from emotion_perception.tracking.tracker import Probabilities
from emotion_perception.types import Face

EXPRESSIONS: Final[Mapping[Emotion, str]] = {
    Emotion.ANGRY: Expression.ANGRY,
    Emotion.DISGUST: Expression.DISGUSTED,
    Emotion.FEAR: Expression.SCARED,
    Emotion.HAPPY: Expression.HAPPY,
    Emotion.SAD: Expression.SAD,
    Emotion.SURPRISE: Expression.SURPRISED,
    Emotion.NEUTRAL: Expression.NEUTRAL,
}
"""The name that hri_msgs has for every class."""

# In the order of `types.Landmarks`; the image's left is the person's right.
_LANDMARKS = (
    FacialLandmarks.RIGHT_PUPIL,
    FacialLandmarks.LEFT_PUPIL,
    FacialLandmarks.NOSE,
    FacialLandmarks.MOUTH_OUTER_RIGHT,
    FacialLandmarks.MOUTH_OUTER_LEFT,
)
_NUM_LANDMARKS = 70


def faces_topic(humans_topic: str) -> str:
    """Where the faces are below the parameter `humans_topic`.

    Raises:
        ParameterError: It is no name of a topic.
    """
    topic = f'{humans_topic}/faces'
    try:
        validate_topic_name(topic)
    except InvalidTopicNameException as error:
        raise ParameterError(
            f'humans_topic must be the name of a topic, such as /humans, not {humans_topic!r}.'
        ) from error
    return topic


def gazing_topic(humans_topic: str) -> str:
    """Where it is told who looks at whom, below the parameter `humans_topic`."""
    return f'{humans_topic}/interactions/gazing'


def gaze_message(header: Header, face_id: str) -> Gaze:
    """A face looks at the robot, which has the empty id."""
    return Gaze(header=header, sender=face_id, receiver='')


def engagement_message(header: Header, level: int) -> EngagementLevel:
    """How far a person is engaged with the robot."""
    return EngagementLevel(header=header, level=int(level))


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


def expression_message(header: Header, probabilities: Probabilities) -> Expression:
    """The strongest expression and its confidence.

    There is no name for an uncertain one; the confidence says it. Valence and arousal are derived
    from the probabilities.

    Args:
        header: Header of the face's image.
        probabilities: float32 [7], in FER-2013 order.
    """
    strongest = Emotion(int(np.argmax(probabilities)))
    return Expression(
        header=header,
        expression=EXPRESSIONS[strongest],
        **affect_of(probabilities)._asdict(),
        confidence=float(probabilities[strongest]),
    )


def landmarks_message(
    header: Header, face: Face, width: int, height: int, all_landmarks: Points | None = None
) -> FacialLandmarks:
    """The landmarks in units of the image's width and height, with the detector's score.

    Args:
        header: Header of the face's image.
        face: The face.
        width: Width of the image in pixels.
        height: Height of the image in pixels.
        all_landmarks: Float [70, 2] in pixels; None takes the five that the detector found. The
            others, and those outside the image, have the confidence 0.
    """
    message = [NormalizedPointOfInterest2D() for _ in range(_NUM_LANDMARKS)]
    if all_landmarks is not None:
        _fill_points(message, range(_NUM_LANDMARKS), all_landmarks / (width, height), face.score)
    elif face.landmarks is not None:
        _fill_points(message, _LANDMARKS, face.landmarks / (width, height), face.score)
    return FacialLandmarks(header=header, landmarks=message, height=height, width=width)


def _fill_points(
    message: Sequence[NormalizedPointOfInterest2D],
    indices: Sequence[int],
    shares: npt.NDArray[np.floating[Any]],
    score: float,
) -> None:
    for index, (x, y) in zip(indices, shares.tolist(), strict=True):
        if 0.0 <= x <= 1.0 and 0.0 <= y <= 1.0:
            message[index].x, message[index].y, message[index].c = x, y, float(score)
