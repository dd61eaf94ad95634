"""The networks, loaded once and shared by all visitors of the page."""

from threading import Lock

from emotion_perception.api import analyse_still
from emotion_perception.networks import Networks
from emotion_perception.pipeline import EmotionPipeline
from emotion_perception.types import BgrImage, Face
from emotion_viewers.web.chosen import Chosen


class PageNetworks:
    """Processes images for any number of threads; one at a time, because a detector has buffers."""

    def __init__(self, networks: Networks) -> None:
        classifier = networks.classifier
        self.default_labels = classifier.label_set
        self._networks = {
            labels: networks._replace(classifier=classifier.predicting(labels))
            for labels in classifier.manifest.calibrations
        }
        self._lock = Lock()

    @property
    def label_sets(self) -> tuple[str, ...]:
        """What the classifier can predict, of `labels.LABEL_SETS`."""
        return tuple(self._networks)

    def still(self, image: BgrImage, chosen: Chosen) -> list[Face]:
        """The faces of an image that belongs to no stream, largest first.

        Args:
            image: uint8 [height, width, 3], BGR.
            chosen: Thresholds and labels.
        """
        with self._lock:
            return analyse_still(image, self._chosen(chosen), chosen.settings)

    def stream(self, chosen: Chosen) -> 'Stream':
        """A new stream, with tracks and smoothing of its own."""
        return Stream(EmotionPipeline(self._chosen(chosen), chosen.for_streams()), self._lock)

    def _chosen(self, chosen: Chosen) -> Networks:
        return self._networks[chosen.label_set or self.default_labels]


class Stream:
    """The images of one video or one webcam."""

    def __init__(self, pipeline: EmotionPipeline, lock: Lock) -> None:
        self._pipeline = pipeline
        self._lock = lock
        self.label_set = pipeline.classifier.label_set

    def process(self, image: BgrImage, stamp_ns: int, chosen: Chosen | None = None) -> list[Face]:
        """The faces of the next image, largest first.

        Args:
            image: uint8 [height, width, 3], BGR.
            stamp_ns: Its time in nanoseconds.
            chosen: New thresholds from this image on; the labels stay.
        """
        with self._lock:
            if chosen is not None:
                self._pipeline.settings = chosen.for_streams()
            return self._pipeline.process(image, stamp_ns)
