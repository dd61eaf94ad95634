"""From an image to its faces and their emotions: detect, track, align, classify, smooth."""

import logging
from collections.abc import Sequence

import numpy as np

from emotion_perception.detection.base import FaceDetector
from emotion_perception.detection.search_turns import SearchTurns
from emotion_perception.detection.stream import StreamDetector
from emotion_perception.heads import networks as head_networks
from emotion_perception.heads.calibration import CameraCalibration
from emotion_perception.heads.estimator import HeadEstimator
from emotion_perception.heads.following import MeshFollower
from emotion_perception.inference.alignment import align_faces
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.preprocessing import Float32Array
from emotion_perception.networks import Networks
from emotion_perception.settings.tables import PipelineSettings
from emotion_perception.tracking.tracker import FaceTracker, Track, smooth, smoothing_weight
from emotion_perception.types import NS_PER_S, BgrImage, Box, Detection, Face, Head

__all__ = ['EmotionPipeline', 'PipelineSettings', 'largest_faces']

_LOGGER = logging.getLogger(__name__)


class EmotionPipeline:
    """Finds, tracks and classifies the faces of one stream. Not thread-safe: one caller."""

    def __init__(
        self,
        networks: Networks,
        settings: PipelineSettings | None = None,
        *,
        in_background: bool = False,
        search_turns: SearchTurns | None = None,
    ) -> None:
        """Starts a stream.

        Args:
            networks: The detector is used by this stream alone.
            settings: May be replaced at any time.
            in_background: With `detect_every_n`, whole frames are searched in another thread and
                delay no result. For live streams: what is found depends on the machine's speed.
            search_turns: Shared by live streams that take turns to search whole images.

        Raises:
            ModelError: A network that follows faces is missing or damaged.

        Attributes:
            camera: Calibration of the camera at the images' size; gives heads their positions.
        """
        self.settings = settings or PipelineSettings()
        self._networks = networks
        self._tracker = FaceTracker()
        heads = networks.heads or head_networks.default_networks()
        if in_background and self.settings.detect_every_n != 1:
            heads.prepare()
        self._stream_detector = StreamDetector(
            networks.detector, MeshFollower(heads), in_background, search_turns
        )
        self.camera: CameraCalibration | None = None
        self._heads = HeadEstimator(heads)
        self._last_stamp_ns: int | None = None
        self._told_of_jump = False

    @property
    def classifier(self) -> EmotionClassifier:
        """The classifier in use."""
        return self._networks.classifier

    @property
    def detector(self) -> FaceDetector:
        """The detector in use."""
        return self._networks.detector

    def reset(self) -> None:
        """Forgets all tracks and motion: the next image starts a new stream."""
        self._tracker.reset()
        self._stream_detector.reset()
        self._heads.reset()
        self._last_stamp_ns = None

    def close(self) -> None:
        """Ends what runs in the background."""
        self._stream_detector.close()

    def process(self, image: BgrImage, stamp_ns: int) -> list[Face]:
        """Processes one image.

        A stamp before the last one (a looped bag, a reset clock) starts a new stream: tracks and
        smoothing are forgotten.

        Args:
            image: uint8 [height, width, 3], BGR; not modified.
            stamp_ns: Its time in nanoseconds.

        Returns:
            Its faces, largest first; empty when there is none.
        """
        settings = self.settings
        if self._last_stamp_ns is not None and stamp_ns < self._last_stamp_ns:
            # Once: two cameras on one topic make time go back with every other image.
            level = logging.DEBUG if self._told_of_jump else logging.WARNING
            _LOGGER.log(level, 'Time went back: tracks and smoothing start anew.')
            self._told_of_jump = True
            self.reset()
        self._last_stamp_ns = stamp_ns
        known = [track.predicted(stamp_ns) for track in self._tracker.current]
        found = self._stream_detector.find(image, stamp_ns, known, settings)
        detections = largest_faces(_inside(found, image), settings)
        tracks = self._tracker.update(detections, stamp_ns)
        probabilities = self._classify(image, detections)
        heads = self._estimate_heads(image, stamp_ns, tracks, settings)
        height, width = image.shape[:2]
        return [
            _face(
                track,
                _update_emotion(track, row, stamp_ns, settings),
                head,
                settings,
                width,
                height,
            )
            for track, row, head in zip(tracks, probabilities, heads, strict=True)
        ]

    def _estimate_heads(
        self, image: BgrImage, stamp_ns: int, tracks: Sequence[Track], settings: PipelineSettings
    ) -> list[Head | None]:
        if not settings.wants_heads:
            self._heads.reset()
            return [None] * len(tracks)
        faces = [(track.track_id, track.detection) for track in tracks]
        return self._heads.estimate(image, stamp_ns, faces, self.camera, gaze=settings.gaze)

    def _classify(self, image: BgrImage, detections: Sequence[Detection]) -> Float32Array:
        manifest = self.classifier.manifest
        faces = align_faces(
            image,
            detections,
            manifest.framing,
            manifest.preprocessing.face_size,
            self.detector.name,
        )
        return self.classifier.classify(faces)


def largest_faces(detections: Sequence[Detection], settings: PipelineSettings) -> list[Detection]:
    """Drops faces that are too small and keeps the largest ones, largest first."""
    minimum = settings.min_face_size
    wanted = [d for d in detections if min(d.box.width, d.box.height) >= minimum]
    wanted.sort(key=lambda detection: detection.box.area, reverse=True)
    return wanted[: settings.max_faces] if settings.max_faces else wanted


def _inside(detections: Sequence[Detection], image: BgrImage) -> list[Detection]:
    """Drops faces of which nothing is in the image (a face tracked out of view)."""
    height, width = image.shape[:2]
    return [d for d in detections if d.box.clipped(width, height).area >= 1.0]


def _update_emotion(
    track: Track, probabilities: Float32Array, stamp_ns: int, settings: PipelineSettings
) -> Float32Array:
    elapsed_s = (stamp_ns - track.classified_ns) / NS_PER_S
    weight = smoothing_weight(elapsed_s, settings.smoothing)
    track.probabilities = smooth(track.probabilities, probabilities, weight)
    track.classified_ns = stamp_ns
    return track.probabilities


def _face(
    track: Track,
    probabilities: Float32Array,
    head: Head | None,
    settings: PipelineSettings,
    width: int,
    height: int,
) -> Face:
    strongest = int(np.argmax(probabilities))
    confidence = float(probabilities[strongest])
    box: Box = track.detection.box.clipped(width, height)
    return Face(
        track_id=track.track_id,
        box=box,
        score=track.detection.score,
        landmarks=track.detection.landmarks,
        emotion_id=strongest if confidence >= settings.confidence_threshold else None,
        confidence=confidence,
        probabilities=probabilities,
        change=track.baseline.change(probabilities, track.classified_ns),
        head=head,
    )
