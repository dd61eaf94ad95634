"""Notices when no image arrives; says why where that can be seen, else what may be behind it."""

import contextlib
import os
from pathlib import Path

from rclpy.node import Node

from emotion_bringup.distributions import PORT_NAMES, profile_variables
from emotion_perception.types import NS_PER_S


class ImageWatch:
    """Warns once per silence on an image topic, and says when it is over."""

    def __init__(self, node: Node, topic: str, type_name: str, timeout_s: float) -> None:
        """Starts counting now.

        Args:
            node: Node whose logger and graph are used.
            topic: Fully resolved topic.
            type_name: Message type that is subscribed to, such as sensor_msgs/msg/Image.
            timeout_s: Seconds of silence after which the warning comes.
        """
        self._node = node
        self._topic = topic
        self._type_name = type_name
        self._timeout_ns = round(timeout_s * NS_PER_S)
        self.restart(0)

    def restart(self, now_ns: int) -> None:
        """Counts from now on: listening starts."""
        self._last_ns = now_ns
        self._warned = self._heard = False
        self._repeats = 0

    def arrived(self, now_ns: int) -> None:
        """Counts from this image on.

        Args:
            now_ns: Steady time in nanoseconds.
        """
        if self._warned:
            waited_s = (now_ns - self._last_ns) / NS_PER_S
            self._node.get_logger().info(f'Images on {self._topic} again, after {waited_s:.0f} s.')
        self.restart(now_ns)
        self._heard = True

    def repeated(self) -> None:
        """Notes an image with the stamp of the last one: it does not end a silence."""
        self._repeats += 1

    def silence(self, now_ns: int) -> str:
        """The sentence to show while no image comes; empty while all is well.

        Args:
            now_ns: Steady time in nanoseconds.
        """
        waited_ns = now_ns - self._last_ns
        if waited_ns < self._timeout_ns:
            return ''
        what = 'No new image' if self._repeats else 'No image'
        sentence = f'{what} on {self._topic} for {waited_ns / NS_PER_S:.0f} s: {self._cure()}'
        if not self._warned:
            self._node.get_logger().warning(sentence)
            self._warned = True
        return sentence

    def _cure(self) -> str:
        publishers = self._node.count_publishers(self._topic)
        if not publishers:
            return 'nobody publishes it; start the camera or remap the topic `image`.'
        if self._repeats:
            return (
                f'{self._repeats} images repeated the stamp of the last one, so the camera stands '
                'still or does not stamp its images; restart or correct it.'
            )
        if self._heard:
            return (
                f'{publishers} publisher(s) are there but have fallen silent; look at the camera '
                'and its cable, or restart it.'
            )
        return self._known_cause() or (
            f'{publishers} publisher(s) are there, but none of their images has come; why is not '
            'known. `ros2 topic hz` says whether they publish anything, `ros2 topic info -v` '
            'whether their QoS matches. Images that are too large for the transport are lost '
            'unless the camera too is started with '
            f'{" and ".join(profile_variables(os.environ))} set to config/fastdds.xml.'
        )

    def _known_cause(self) -> str:
        """What can be seen from here; empty when nothing can."""
        types = {each.topic_type for each in self._node.get_publishers_info_by_topic(self._topic)}
        if types and self._type_name not in types:
            return (
                f'{" and ".join(sorted(types))} is published there, not {self._type_name}; set '
                '`image_transport`, or remap the topic `image` to one of that type.'
            )
        owners = foreign_owners()
        if owners:
            return (
                'none of its images has come, and processes of another user (uid '
                f'{", ".join(map(str, owners))}) have shared memory of DDS here, which cannot be '
                'read across users: run camera and nodes as one user, in containers too.'
            )
        return ''


def foreign_owners(folder: Path = Path('/dev/shm')) -> list[int]:
    """User ids of others whose processes have shared-memory ports of Fast DDS on this machine.

    Args:
        folder: Where Fast DDS keeps them.
    """
    mine, owners = os.getuid(), set()
    for name in PORT_NAMES:
        for port in folder.glob(f'{name}*'):
            with contextlib.suppress(OSError):  # it has gone meanwhile
                owners.add(port.stat().st_uid)
    return sorted(owners - {mine})
