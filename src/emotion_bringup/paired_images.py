"""Images and their results, for nodes that show or pass both on."""

import time
from collections.abc import Callable
from typing import Any

from rclpy.executors import Executor
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter
from std_msgs.msg import Empty

from emotion_bringup import qos
from emotion_bringup.callback_groups import forget_destroyed
from emotion_bringup.conversion import stamp_to_ns
from emotion_bringup.graph import FULL_SEARCH
from emotion_bringup.image_subscription import ImageMessage, ImageSubscription
from emotion_bringup.matching import StampMatcher
from emotion_bringup.parameter_tables import REPLAY
from emotion_bringup.parameters import value_of
from emotion_bringup.results_subscription import ResultsSubscription
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.settings.tables import BLUR_FACES

# Live images waiting for their result: half a second at 30 Hz.
_LIVE_LIMIT = 15
# What a file still sends has come when nothing has come for this long.
_QUIET_S = 0.5


class PairedImages:
    """Listens to `emotions`, and to `image` where images are wanted, paired by exact stamps.

    Attributes:
        received: Messages of both topics so far.
    """

    def __init__(
        self,
        node: Node,
        on_pair: Callable[[ImageMessage, FaceEmotionArray], None],
        on_result: Callable[[FaceEmotionArray], None] = lambda _: None,
    ) -> None:
        """Stores the callbacks; the subscriptions are made on demand.

        Args:
            node: Has the parameters `mode` and `image_transport`, and may have `blur_faces`.
            on_pair: Called with an image and its result, as soon as both are there.
            on_result: Called with every result, after `on_pair` where its image is there.
        """
        self._node = node
        self._on_result = on_result
        self._on_pair = on_pair
        self._mode: str = value_of(node, 'mode')
        limit = None if self._mode == REPLAY else _LIVE_LIMIT
        self._matcher: StampMatcher[ImageMessage, FaceEmotionArray] = StampMatcher(limit)
        self._images = ImageSubscription(node, self._receive_image)
        self._results = ResultsSubscription(node, self._receive_result)
        self._full_search: Any = None
        node.add_post_set_parameters_callback(self._on_parameters)
        self._lonely_reports = 0
        self.received = 0

    @property
    def is_listening(self) -> bool:
        """Whether results are listened to, or will be as soon as they have a publisher."""
        return self._results.is_listening

    @property
    def dropped(self) -> int:
        """Images and results that waited in vain for each other."""
        return self._matcher.dropped

    @property
    def rest(self) -> str:
        """What a file does not hold, as the end of a sentence; empty where all has been paired."""
        images, results = self._matcher.alone
        if not images and not results:
            return ''
        return f', without {images} images that had no result and {results} results without image'

    @property
    def waiting(self) -> int:
        """Images and results that still wait for each other."""
        return len(self._matcher)

    def listen(self, *, results: bool, images: bool) -> None:
        """Subscribes to what is wanted and to nothing else.

        Args:
            results: Whether results are wanted.
            images: Whether images with their results are wanted.
        """
        # First, so that it is known where results are wanted.
        self._follow_blurring(images)
        if (results or images) and not self.is_listening:
            self._results.start()
        elif not (results or images) and self.is_listening:
            self._results.stop()
        if images and not self._images.is_listening:
            self._images.start()
        elif not images and self._images.is_listening:
            self._images.stop()
            self._matcher.clear()

    def forget_unmatched(self) -> None:
        """Without an emotion node images get no result; to be called once a second.

        They must not fill the memory.
        """
        is_lonely = self._images.is_listening and not self._results.publishers
        # Twice in a row: at the start an image may come before the emotion node is discovered.
        self._lonely_reports = self._lonely_reports + 1 if is_lonely else 0
        if self._lonely_reports > 1:
            self._matcher.forget_all()

    def drain(self, executor: Executor) -> None:
        """Receives what is still on its way, until nothing more comes."""
        quiet_since, seen = time.monotonic(), self.received
        while time.monotonic() - quiet_since < _QUIET_S:
            executor.spin_once(timeout_sec=_QUIET_S)
            if self.received != seen:
                quiet_since, seen = time.monotonic(), self.received

    def _on_parameters(self, changes: list[RosParameter]) -> None:
        # A subscription that is made declares parameters too.
        if any(change.name == BLUR_FACES.name for change in changes):
            self._follow_blurring(self._images.is_listening)

    def _follow_blurring(self, is_listening: bool) -> None:
        """Asks for full searches while the node hides the faces that are found."""
        wanted = is_listening and self._node.has_parameter(BLUR_FACES.name)
        wanted = wanted and value_of(self._node, BLUR_FACES.name)
        if wanted and self._full_search is None:
            self._full_search = self._node.create_subscription(
                Empty, FULL_SEARCH, lambda _: None, qos.FULL_SEARCH
            )
        elif not wanted and self._full_search is not None:
            self._node.destroy_subscription(self._full_search)
            self._full_search = None
            forget_destroyed(self._node)

    def _receive_image(self, message: ImageMessage) -> None:
        self.received += 1
        pair = self._matcher.add_left(stamp_to_ns(message.header.stamp), message)
        if pair is not None:
            self._on_pair(*pair)

    def _receive_result(self, message: FaceEmotionArray) -> None:
        self.received += 1
        if self._images.is_listening:
            pair = self._matcher.add_right(stamp_to_ns(message.header.stamp), message)
            if pair is not None:
                self._on_pair(*pair)
        self._on_result(message)
