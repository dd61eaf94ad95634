"""Notices when no image arrives and says what usually helps."""

import os

from rclpy.node import Node

from emotion_bringup.distributions import profile_variables
from emotion_perception.types import NS_PER_S


class ImageWatch:
    """Warns once per silence on an image topic, and says when it is over."""

    def __init__(self, node: Node, topic: str, timeout_s: float) -> None:
        """Starts counting now.

        Args:
            node: Node whose logger and graph are used.
            topic: Fully resolved topic.
            timeout_s: Seconds of silence after which the warning comes.
        """
        self._node = node
        self._topic = topic
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
        return (
            f'{publishers} publisher(s) are there, but none of their images has come. They may be '
            'too large for the transport: start the camera too with '
            f'{" and ".join(profile_variables(os.environ))} set to config/fastdds.xml. Or the two '
            'sides do not match: compare them with `ros2 topic info -v`.'
        )
