"""Notices when no image arrives and says what usually helps."""

from rclpy.node import Node

_NS_PER_S = 1e9


class ImageWatch:
    """Warns once per silence on an image topic."""

    def __init__(self, node: Node, topic: str, timeout_s: float) -> None:
        """Starts counting now.

        Args:
            node: Node whose logger and graph are used.
            topic: Fully resolved topic.
            timeout_s: Seconds of silence after which the warning comes.
        """
        self._node = node
        self._topic = topic
        self._timeout_ns = round(timeout_s * _NS_PER_S)
        self.restart(0)

    def restart(self, now_ns: int) -> None:
        """Counts from now on, after an image or when listening starts."""
        self._last_ns = now_ns
        self._warned = False

    def silence(self, now_ns: int) -> str:
        """The sentence to show while no image comes; empty while all is well.

        Args:
            now_ns: Steady time in nanoseconds.
        """
        waited_ns = now_ns - self._last_ns
        if waited_ns < self._timeout_ns:
            return ''
        sentence = f'No image on {self._topic} for {waited_ns / _NS_PER_S:.0f} s: {self._cure()}'
        if not self._warned:
            self._node.get_logger().warning(sentence)
            self._warned = True
        return sentence

    def _cure(self) -> str:
        publishers = self._node.count_publishers(self._topic)
        if not publishers:
            return 'nobody publishes it; start the camera or remap the topic `image`.'
        return (
            f'{publishers} publisher(s) are there, so images are lost on the way; set '
            'FASTDDS_DEFAULT_PROFILES_FILE to config/fastdds.xml for the camera too, and compare '
            'the reliability of both sides with `ros2 topic info -v`.'
        )
