"""Detector and classifier, loaded once and shared by all visitors of the page."""

from threading import Lock

from emotion_perception.api import analyse_still
from emotion_perception.detection import FaceDetector
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.pipeline import EmotionPipeline, PipelineSettings
from emotion_perception.types import BgrImage, Face


class Networks:
    """Processes images for any number of threads; one at a time, because a detector has buffers."""

    def __init__(self, detector: FaceDetector, classifier: EmotionClassifier) -> None:
        self._detector = detector
        self._classifier = classifier
        self._lock = Lock()

    def still(self, image: BgrImage, settings: PipelineSettings) -> list[Face]:
        """The faces of an image that belongs to no stream, largest first.

        Args:
            image: uint8 [height, width, 3], BGR.
            settings: Thresholds.
        """
        with self._lock:
            return analyse_still(image, self._detector, self._classifier, settings)

    def stream(self, settings: PipelineSettings) -> 'Stream':
        """A new stream, with tracks and smoothing of its own."""
        return Stream(EmotionPipeline(self._detector, self._classifier, settings), self._lock)


class Stream:
    """The images of one video or one webcam."""

    def __init__(self, pipeline: EmotionPipeline, lock: Lock) -> None:
        self._pipeline = pipeline
        self._lock = lock

    def process(
        self, image: BgrImage, stamp_ns: int, settings: PipelineSettings | None = None
    ) -> list[Face]:
        """The faces of the next image, largest first.

        Args:
            image: uint8 [height, width, 3], BGR.
            stamp_ns: Its time in nanoseconds.
            settings: New thresholds from this image on.
        """
        with self._lock:
            if settings is not None:
                self._pipeline.settings = settings
            return self._pipeline.process(image, stamp_ns)
