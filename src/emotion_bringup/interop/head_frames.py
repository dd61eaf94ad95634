"""The frames `face_<id>` and `gaze_<id>` of REP-155 on /tf: needs the package tf2_msgs."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from geometry_msgs.msg import Quaternion, Transform, TransformStamped, Vector3
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Header

from emotion_bringup import qos
from emotion_bringup.interop.packages import require_messages
from emotion_bringup.parameters import value_of
from emotion_perception.heads.head_pose import Rotation, gaze_axes, quaternion
from emotion_perception.types import Face, Head, head_axes

_TOPIC = '/tf'


class HeadFrames:
    """Publishes where heads are and where they look, while somebody listens to /tf."""

    def __init__(
        self, node: LifecycleNode, on_demand: Callable[[], None], *, is_one_of_several: bool = False
    ) -> None:
        """Stores the node; the publisher is made on demand.

        Args:
            node: Has the parameters `publish_tf` and `frame_prefix`.
            on_demand: Called when a subscriber comes or goes.
            is_one_of_several: Whether there are other cameras in this process: without a prefix of
                its own, the namespace of the node is one.

        Attributes:
            prefix: What the names of the frames begin with.
        """
        self._node = node
        self._on_demand = on_demand
        namespace = node.get_namespace().strip('/')
        automatic = f'{namespace}/' if is_one_of_several and namespace else ''
        self.prefix: str = value_of(node, 'frame_prefix') or automatic
        self._message: Any = None
        self._publisher: Any = None

    @property
    def subscribers(self) -> int:
        """Number of subscribers of /tf, while frames are published."""
        return self._publisher.get_subscription_count() if self._publisher is not None else 0

    def open(self) -> None:
        """Creates the publisher, if it is wanted.

        Raises:
            MessagePackageError: tf2_msgs is not usable.
        """
        if not value_of(self._node, 'publish_tf'):
            return
        require_messages('tf2_msgs', 'TFMessage')
        self._message = importlib.import_module('tf2_msgs.msg').TFMessage
        self._publisher = self._node.create_lifecycle_publisher(
            self._message,
            _TOPIC,
            qos.TF,
            event_callbacks=PublisherEventCallbacks(matched=lambda _: self._on_demand()),
            qos_overriding_options=qos.overridable(),
        )

    def publish(self, header: Header, faces: Sequence[Face]) -> None:
        """Publishes the frames of the heads whose position is known, if somebody listens.

        Args:
            header: Of the image; its frame is the parent of all.
            faces: Of the image.
        """
        if not self.subscribers:
            return
        frames = [frame for face in faces for frame in _frames_of(header, face, self.prefix)]
        if frames:
            self._publisher.publish(self._message(transforms=frames))

    def close(self) -> None:
        """Ends the publisher; without one it does nothing."""
        if self._publisher is not None:
            self._node.destroy_lifecycle_publisher(self._publisher)
        self._publisher = None


def _frames_of(header: Header, face: Face, prefix: str) -> Iterator[TransformStamped]:
    head = face.head
    if head is None or not np.isfinite(head.position).all():
        return
    yield _frame(header, f'{prefix}face_f{face.track_id}', head, head_axes(head.rotation))
    yield _frame(header, f'{prefix}gaze_f{face.track_id}', head, gaze_axes(head.gaze))


def _frame(header: Header, name: str, head: Head, axes: Rotation) -> TransformStamped:
    place = dict(zip('xyz', head.position.tolist(), strict=True))
    turn = dict(zip('xyzw', quaternion(axes), strict=True))
    transform = Transform(translation=Vector3(**place), rotation=Quaternion(**turn))
    return TransformStamped(header=header, child_frame_id=name, transform=transform)
