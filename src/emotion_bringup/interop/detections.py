"""Faces as vision_msgs: needs the package vision_msgs, 4.1 or newer."""

from collections.abc import Sequence

import numpy as np
from std_msgs.msg import Header
from vision_msgs.msg import (
    BoundingBox2D,
    Detection2D,
    Detection2DArray,
    LabelInfo,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
    Point2D,
    Pose2D,
    VisionClass,
)

from emotion_perception.types import Box, Face


def detections_message(
    header: Header, width: int, height: int, faces: Sequence[Face]
) -> Detection2DArray:
    """All faces of one image.

    Args:
        header: The image's header, passed on unchanged to the array and to each of its elements.
        width: Width of the image in pixels.
        height: Height of the image in pixels.
        faces: Its faces; may be empty.
    """
    return Detection2DArray(
        header=header, detections=[_detection(header, face, width, height) for face in faces]
    )


def label_info_message(header: Header, labels: Sequence[str], threshold: float) -> LabelInfo:
    """What `class_id` means.

    Args:
        header: Header of the message.
        labels: Class names; the position is the class index.
        threshold: Confidence threshold in use, 0..1.
    """
    return LabelInfo(
        header=header,
        class_map=[
            VisionClass(class_id=index, class_name=name) for index, name in enumerate(labels)
        ],
        threshold=threshold,
    )


def _detection(header: Header, face: Face, width: int, height: int) -> Detection2D:
    return Detection2D(
        header=header,
        results=_hypotheses(face),
        bbox=_bounding_box(face.box.clipped(width, height)),
        id=str(face.track_id),
    )


def _hypotheses(face: Face) -> list[ObjectHypothesisWithPose]:
    """All classes, the strongest first: many viewers show the first one only."""
    order = np.argsort(-face.probabilities, kind='stable').tolist()
    return [
        ObjectHypothesisWithPose(
            hypothesis=ObjectHypothesis(class_id=str(index), score=float(face.probabilities[index]))
        )
        for index in order
    ]


def _bounding_box(box: Box) -> BoundingBox2D:
    x, y = box.center
    return BoundingBox2D(
        center=Pose2D(position=Point2D(x=float(x), y=float(y)), theta=0.0),
        size_x=float(box.width),
        size_y=float(box.height),
    )
