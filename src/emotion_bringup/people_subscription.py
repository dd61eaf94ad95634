"""What people_node tells of the faces, for nodes that show it on images."""

from typing import Any, Final

import numpy as np
from rclpy.node import Node

from emotion_bringup import qos
from emotion_bringup.callback_groups import forget_destroyed
from emotion_bringup.conversion import faces_from_message, stamp_to_ns
from emotion_bringup.graph import AUDIENCE, TARGET
from emotion_bringup.parameters import value_of
from emotion_msgs.msg import Audience, FaceEmotionArray
from emotion_perception.types import NS_PER_S, Face, iou_matrix

# What is told of an image comes after its result: that of an earlier image is shown, unless it is
# older than this.
_LONGEST_AGE_NS: Final = NS_PER_S // 2
_SAME_FACE_IOU: Final = 0.3


class PeopleSubscription:
    """Listens on demand to the target and the audience; knows the newest of each."""

    def __init__(self, node: Node) -> None:
        """Stores the node; `listen` subscribes.

        Args:
            node: Has the parameter `mode`.
        """
        self._node = node
        self._subscriptions: list[Any] = []
        self._newest: dict[str, Any] = {}

    def listen(self, wanted: bool) -> None:
        """Starts or stops to listen."""
        if wanted and not self._subscriptions:
            topics = ((FaceEmotionArray, TARGET), (Audience, AUDIENCE))
            self._subscriptions = [self._subscribe(*each) for each in topics]
        elif not wanted and self._subscriptions:
            for subscription in self._subscriptions:
                self._node.destroy_subscription(subscription)
            self._subscriptions = []
            self._newest.clear()
            forget_destroyed(self._node)

    def target(self, stamp_ns: int, faces: list[Face]) -> int | None:
        """Track id of the face that is the target; None where nobody is, or it is not known.

        The target keeps the track id with which it became one, so it is found by its place.

        Args:
            stamp_ns: Of the image.
            faces: In the image.
        """
        told = self._fresh(TARGET, stamp_ns)
        if told is None or not told.faces or not faces:
            return None
        (target,) = faces_from_message(told)
        overlaps = iou_matrix([face.box for face in faces], [target.box])[:, 0]
        best = int(np.argmax(overlaps))
        return faces[best].track_id if overlaps[best] >= _SAME_FACE_IOU else None

    def audience(self, stamp_ns: int) -> str:
        """How many faces there are and how many look into the camera; empty where not known.

        Args:
            stamp_ns: Of the image.
        """
        told = self._fresh(AUDIENCE, stamp_ns)
        if told is None:
            return ''
        faces = f'{told.faces} {"face" if told.faces == 1 else "faces"}'
        return f'{faces}, {told.looking} looking' if told.faces_with_pose else faces

    def _subscribe(self, message_type: type, topic: str) -> Any:
        return self._node.create_subscription(
            message_type,
            topic,
            lambda message: self._newest.update({topic: message}),
            qos.emotions(value_of(self._node, 'mode')),
            qos_overriding_options=qos.overridable(),
        )

    def _fresh(self, topic: str, stamp_ns: int) -> Any:
        told = self._newest.get(topic)
        if told is None or abs(stamp_ns - stamp_to_ns(told.header.stamp)) > _LONGEST_AGE_NS:
            return None
        return told
