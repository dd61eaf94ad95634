"""The networks of several emotion nodes in one process: what they want alike is loaded once."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, Semaphore
from typing import Final
from weakref import WeakKeyDictionary, WeakValueDictionary

from rclpy.node import Node

from emotion_bringup.networks import model_path, providers_of
from emotion_bringup.parameters import value_of
from emotion_perception.detection.base import FaceDetector
from emotion_perception.detection.factory import create_detector
from emotion_perception.detection.search_turns import SearchTurns
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.heads.networks import HeadNetworks
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.networks import Networks

# Every camera has a thread of its own, in which its networks run: a second thread for one image
# costs half as much CPU time again (measured), which the other cameras need.
_THREADS: Final = 1
# An image that has waited for longer is late: a newer one is better.
_PATIENCE_S: Final = 0.2


class TooBusyError(EmotionPerceptionError):
    """An image is left out: other cameras' take so long that a newer one will be there."""


class SharedNetworks:
    """Loads for each node what its parameters ask for, or takes what another one has loaded.

    Attributes:
        search_turns: To search whole images for new faces.
    """

    def __init__(self) -> None:
        # More images at once than there are cores would all be late, and each needs memory.
        self._turns = Semaphore(len(os.sched_getaffinity(0)))
        self.search_turns = SearchTurns()
        self._lock = Lock()
        # All nodes hold the networks of heads as they are: the others are freed with these.
        self._heads: WeakValueDictionary[object, HeadNetworks] = WeakValueDictionary()
        self._loaded: WeakKeyDictionary[HeadNetworks, tuple[EmotionClassifier, FaceDetector]] = (
            WeakKeyDictionary()
        )

    @contextmanager
    def turn(self, *, is_live: bool) -> Iterator[None]:
        """In it an image is processed.

        Args:
            is_live: Whether a newer image is better than one that has waited for long.

        Raises:
            TooBusyError: It does not come in time.
        """
        if not self._turns.acquire(timeout=_PATIENCE_S if is_live else None):
            raise TooBusyError('Other cameras take all the time there is.')
        try:
            yield
        finally:
            self._turns.release()

    def load(self, node: Node) -> Networks:
        """As `networks.networks_of`; nodes whose labels alone differ share the networks too.

        Args:
            node: Has the parameters that say which, and where to run them.

        Raises:
            EmotionPerceptionError: A file is missing or damaged, or hardware that is strictly
                wanted.
        """
        path, providers = model_path(node), providers_of(node, _THREADS)
        wanted = path, _changed_ns(path), value_of(node, 'detector'), providers
        with self._lock:
            heads = self._heads.get(wanted)
            if heads is None:
                heads = HeadNetworks(providers)
                loaded = EmotionClassifier(path, providers), create_detector(wanted[2], providers)
                self._heads[wanted], self._loaded[heads] = heads, loaded
            classifier, detector = self._loaded[heads]
        labels = value_of(node, 'labels') or classifier.manifest.default_labels
        # A detector keeps buffers: each node has its own, on the same session.
        return Networks(detector.clone(), classifier.predicting(labels), heads)


def _changed_ns(path: Path) -> int:
    """When a file was last written: a node that configures anew takes the file that is there."""
    return path.stat().st_mtime_ns if path.is_file() else 0
