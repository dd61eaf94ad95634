"""The networks of several emotion nodes in one process: what they want alike is loaded once."""

import os
from collections.abc import Sequence
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Final
from weakref import WeakValueDictionary

from rclpy.node import Node

from emotion_bringup.networks import Networks, model_path, providers_of
from emotion_bringup.parameters import value_of
from emotion_perception.detection.base import STREAM_MAX_SIDE
from emotion_perception.detection.factory import create_detector
from emotion_perception.heads.networks import HeadNetworks
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.types import BgrImage, Box, Detection

# Every camera has a thread of its own, in which its networks run: a second thread for one image
# costs half as much CPU time again (measured), which the other cameras need.
_THREADS: Final = 1


class SharedNetworks:
    """Loads for each node what its parameters ask for, or takes what another one has loaded."""

    def __init__(self) -> None:
        self._lock = Lock()
        # Freed with the last node that uses it.
        self._loaded: WeakValueDictionary[object, _Loaded] = WeakValueDictionary()

    def load(self, node: Node) -> Networks:
        """As `networks.load_networks`; nodes whose labels alone differ share the networks too.

        Args:
            node: Has the parameters that say which, and where to run them.

        Raises:
            EmotionPerceptionError: A file is missing or damaged, or hardware that is strictly
                wanted.
        """
        path, providers = model_path(node), providers_of(node, _THREADS)
        wanted = path, _changed_ns(path), value_of(node, 'detector'), providers
        with self._lock:
            loaded = self._loaded.get(wanted) or _Loaded(path, wanted[2], providers)
            self._loaded[wanted] = loaded
        labels = value_of(node, 'labels') or loaded.classifier.manifest.default_labels
        return (
            _SharedDetector(loaded, loaded.turns),
            loaded.classifier.predicting(labels),
            loaded.heads,
        )


class _Loaded:
    """Networks in use.

    Attributes:
        classifier: Its session is shared.
        detector: Is cloned for each node, which shares the session.
        heads: May be used by all.
        turns: To search a whole image for a result that waits for it. More of them than there are
            cores would be no quicker, and each needs memory.
        turn_in_background: To search one for which no result waits.
    """

    def __init__(self, model: Path, detector: str, providers: ProviderSettings) -> None:
        self.classifier = EmotionClassifier(model, providers)
        self.detector = create_detector(detector, providers)
        self.heads = HeadNetworks(providers)
        self.turns = BoundedSemaphore(os.cpu_count() or 1)
        self.turn_in_background = BoundedSemaphore()


class _SharedDetector:
    """A detector that waits for its turn to search a whole image; see `base.FaceDetector`."""

    def __init__(self, loaded: _Loaded, turns: BoundedSemaphore) -> None:
        self._loaded = loaded  # kept as long as it is used
        self._turns = turns
        self._detector = loaded.detector.clone()
        self.name = self._detector.name

    def detect(
        self,
        image: BgrImage,
        score_threshold: float,
        min_face_size: int,
        max_side: int = STREAM_MAX_SIDE,
    ) -> list[Detection]:
        with self._turns:
            return self._detector.detect(image, score_threshold, min_face_size, max_side)

    def detect_near(
        self, image: BgrImage, faces: Sequence[Box], score_threshold: float
    ) -> list[Detection | None]:
        return self._detector.detect_near(image, faces, score_threshold)

    def clone(self) -> '_SharedDetector':
        """What a stream takes to search in the background."""
        return _SharedDetector(self._loaded, self._loaded.turn_in_background)


def _changed_ns(path: Path) -> int:
    """When a file was last written: a node that configures anew takes the file that is there."""
    return path.stat().st_mtime_ns if path.is_file() else 0
