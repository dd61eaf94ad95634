"""The networks of several emotion nodes in one process: what they want alike is loaded once."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock, Semaphore
from typing import Final
from weakref import WeakValueDictionary

from rclpy.node import Node

from emotion_bringup.networks import Networks, model_path, providers_of
from emotion_bringup.parameters import value_of
from emotion_perception.detection.base import STREAM_MAX_SIDE
from emotion_perception.detection.factory import create_detector
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.heads.networks import HeadNetworks
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.types import BgrImage, Box, Detection

# Every camera has a thread of its own, in which its networks run: a second thread for one image
# costs half as much CPU time again (measured), which the other cameras need.
_THREADS: Final = 1
# After a longer pause (`detection.stream`) a whole image is searched: cameras that waited for each
# other for longer would never again come to what is quicker, to look where faces were.
_PATIENCE_S: Final = 0.2


class TooBusyError(EmotionPerceptionError):
    """An image is left out: other cameras' take so long that a newer one will be there."""


class SharedNetworks:
    """Loads for each node what its parameters ask for, or takes what another one has loaded."""

    def __init__(self) -> None:
        # More images at once than there are cores would all be late, and each needs memory.
        self._turns = Semaphore(len(os.sched_getaffinity(0)))
        self._lock = Lock()
        # Freed with the last node that uses it.
        self._loaded: WeakValueDictionary[object, _Loaded] = WeakValueDictionary()

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
            _SharedDetector(loaded),
            loaded.classifier.predicting(labels),
            loaded.heads,
        )


class _Loaded:
    """Networks in use.

    Attributes:
        classifier: Its session is shared.
        detector: Is cloned for each node, which shares the session.
        heads: May be used by all.
        turn_in_background: To search a whole image for which no result waits: two searches at once
            would need the memory of both.
    """

    def __init__(self, model: Path, detector: str, providers: ProviderSettings) -> None:
        self.classifier = EmotionClassifier(model, providers)
        self.detector = create_detector(detector, providers)
        self.heads = HeadNetworks(providers)
        self.turn_in_background = Lock()


class _SharedDetector:
    """Searches in the background in turn with the other cameras; see `base.FaceDetector`.

    There a search is left out while that of another camera goes on, for a result may
    come to wait for it: then it finds the faces that are known.
    """

    def __init__(self, loaded: _Loaded, foreground: '_SharedDetector | None' = None) -> None:
        """Takes the networks.

        Args:
            loaded: Kept as long as it is used.
            foreground: Of the same camera, for the one that searches in the background.
        """
        self._loaded = loaded
        self._foreground = foreground
        self._detector = loaded.detector.clone()
        self._known: list[Detection] = []
        self.name = self._detector.name

    def detect(
        self,
        image: BgrImage,
        score_threshold: float,
        min_face_size: int,
        max_side: int = STREAM_MAX_SIDE,
    ) -> list[Detection]:
        arguments = image, score_threshold, min_face_size, max_side
        if self._foreground is None:
            return self._detector.detect(*arguments)
        if not self._loaded.turn_in_background.acquire(blocking=False):
            return self._foreground._known
        try:
            return self._detector.detect(*arguments)
        finally:
            self._loaded.turn_in_background.release()

    def detect_near(
        self, image: BgrImage, faces: Sequence[Box], score_threshold: float
    ) -> list[Detection | None]:
        found = self._detector.detect_near(image, faces, score_threshold)
        self._known = [face for face in found if face is not None]
        return found

    def clone(self) -> '_SharedDetector':
        """What a stream takes to search in the background."""
        return _SharedDetector(self._loaded, self)


def _changed_ns(path: Path) -> int:
    """When a file was last written: a node that configures anew takes the file that is there."""
    return path.stat().st_mtime_ns if path.is_file() else 0
