"""The depth images that are aligned to the images a node reads."""

from collections import deque
from typing import Final

from rclpy.node import Node
from sensor_msgs.msg import Image

from emotion_bringup import qos
from emotion_bringup.conversion import depth_from_message, stamp_to_ns
from emotion_bringup.fallback_subscription import FallbackSubscription
from emotion_bringup.parameter_tables import REPLAY
from emotion_bringup.parameters import value_of
from emotion_perception.errors import ImageFormatError
from emotion_perception.heads.depth import DepthImage
from emotion_perception.types import NS_PER_S, rate_of

# Live images that are kept for the image that they belong to.
_LIVE_LIMIT: Final = 6
_STAMPS: Final = 10


class DepthSubscription:
    """Listens on demand to the topic `depth` and finds the depth image of an image.

    Attributes:
        unmatched: Images for which there was none.
    """

    def __init__(self, node: Node) -> None:
        """Stores the node; `listen` subscribes.

        Args:
            node: Has the parameter `mode`.
        """
        self._node = node
        mode: str = value_of(node, 'mode')
        self._topic = node.resolve_topic_name('depth')
        profiles = qos.depth_in(mode), qos.image_fallback(mode)
        self._subscription = FallbackSubscription(
            node, Image, self._topic, self._store, profiles, self._warn_of_fallback
        )
        self._images: deque[tuple[int, Image]] = deque(
            maxlen=None if mode == REPLAY else _LIVE_LIMIT
        )
        self._stamps: deque[int] = deque(maxlen=_STAMPS)
        self._told = ''
        self.unmatched = 0

    @property
    def is_listening(self) -> bool:
        """Whether there is a subscription."""
        return self._subscription.is_listening

    def listen(self, wanted: bool) -> None:
        """Starts or stops to listen."""
        if wanted and not self.is_listening:
            self._subscription.start()
        elif not wanted and self.is_listening:
            self._subscription.stop()
            self._images.clear()
            self._stamps.clear()

    def image(self, stamp_ns: int, width: int, height: int) -> DepthImage | None:
        """The depth image nearest in time, not further away than half the period of depth images.

        It never waits. Call it when the faces are found: a depth image often comes a little after
        the image that it belongs to, and has come by then.

        Args:
            stamp_ns: Of the image.
            width: Of the image, in pixels; a depth image of another size is told once.
            height: Of the image, in pixels.

        Returns:
            None where there is none that can be used.
        """
        self._take_what_has_come()
        nearest = min(self._images, key=lambda one: abs(one[0] - stamp_ns), default=None)
        if nearest is None or abs(nearest[0] - stamp_ns) > self._tolerance_ns():
            self.unmatched += 1
            return None
        while self._images[0] is not nearest:  # the next image is later
            self._images.popleft()
        return self._read(nearest[1], width, height)

    def _read(self, message: Image, width: int, height: int) -> DepthImage | None:
        try:
            depth = depth_from_message(message)
            if depth.shape != (height, width):
                raise ImageFormatError(
                    f'They have {message.width}x{message.height} pixels and the images '
                    f'{width}x{height}: remap `depth` to the depth that is aligned to these images.'
                )
        except ImageFormatError as error:
            self._refuse(str(error))
            return None
        self._told = ''
        return depth

    def _refuse(self, cause: str) -> None:
        if cause != self._told:
            self._told = cause
            self._node.get_logger().error(f'Depth images of {self._topic} are not used. {cause}')

    def _tolerance_ns(self) -> float:
        """Half a period; 0 before two images have come: they must be of the very same moment."""
        rate = rate_of(self._stamps)
        return 0.0 if rate is None else NS_PER_S / rate / 2

    def _take_what_has_come(self) -> None:
        """Takes what the executor has not yet: it is busy with the image."""
        subscription = self._subscription.subscription
        if subscription is None:
            return
        handle = subscription.handle
        with handle:
            while (taken := handle.take_message(Image, False)) is not None:
                self._store(taken[0])

    def _warn_of_fallback(self) -> None:
        self._node.get_logger().warning(
            f'A publisher of {self._topic} does not offer the reliability asked for: listening '
            'best effort, depth images may be lost.'
        )

    def _store(self, message: Image) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        if self._stamps and stamp_ns < self._stamps[-1]:  # a bag that begins again
            self._images.clear()
            self._stamps.clear()
        self._images.append((stamp_ns, message))
        self._stamps.append(stamp_ns)
