"""The Python API: made once, then asked for images, lists of them, or whole streams."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias
from weakref import WeakSet

import numpy as np
from PIL import Image

from emotion_perception.api import analyse_still, check_image
from emotion_perception.drawing import DEFAULT_STYLE, OverlayStyle, draw_faces
from emotion_perception.encodings.photos import upright_bgr
from emotion_perception.errors import ImageFormatError
from emotion_perception.inference.onnx_session import ProviderSettings, leave
from emotion_perception.labels import EMOTION_NAMES, emotion_name
from emotion_perception.networks import Networks, load_networks
from emotion_perception.outputs.results import head_record
from emotion_perception.pipeline import EmotionPipeline
from emotion_perception.settings.setting import Value, by_name
from emotion_perception.settings.tables import FACES, STREAM, PipelineSettings, search_interval
from emotion_perception.sources import SourceOptions, open_source
from emotion_perception.sources.image_files import read_image_file
from emotion_perception.types import BgrImage, Box, Face, Frame, Head, Landmarks

ImageLike: TypeAlias = 'BgrImage | str | os.PathLike[str] | Image.Image'
"""uint8 [height, width, 3] in BGR order, the path of an image file, or a Pillow image."""


@dataclass(frozen=True, slots=True)
class EmotionResult:
    """One face of an image and its emotion.

    Attributes:
        emotion: Name of the strongest emotion; 'Uncertain' below the confidence threshold.
        confidence: Its probability, calibrated, 0..1.
        probabilities: Of all seven, by name in FER-2013's order; their sum is 1.
        box: Face box in pixels of the image; may reach beyond it.
        score: Detector confidence, 0..1.
        landmarks: float32 [5, 2], or None where the detector gives none.
        track_id: Stable while a face of a stream stays in view; counts up from 1.
        head: Where its head is and where it looks, with the settings `head_pose` or `gaze`; None
            without them and where it is not seen.
    """

    emotion: str
    confidence: float
    probabilities: Mapping[str, float]
    box: Box
    score: float
    landmarks: Landmarks | None
    track_id: int
    head: Head | None = None

    def to_dict(self) -> dict[str, Any]:
        """All of it in plain types, as JSON takes them."""
        return {
            'emotion': self.emotion,
            'confidence': self.confidence,
            'probabilities': dict(self.probabilities),
            'box': asdict(self.box),
            'score': self.score,
            'landmarks': None if self.landmarks is None else self.landmarks.tolist(),
            'track_id': self.track_id,
            'head': None if self.head is None else head_record(self.head),
        }

    def to_row(self) -> dict[str, Any]:
        """One flat row of a table: `pandas.DataFrame(result.to_row() for result in results)`."""
        return {
            'track_id': self.track_id,
            **asdict(self.box),
            'score': self.score,
            'emotion': self.emotion,
            'confidence': self.confidence,
            **self.probabilities,
        }


@dataclass(frozen=True, slots=True)
class FrameResult:
    """One image of a stream and its faces.

    Attributes:
        image: uint8 [height, width, 3], BGR.
        stamp_ns: Time of acquisition in nanoseconds since the epoch; of a video, since its start.
        index: Running number in the stream, from 0.
        faces: Largest first; empty when there is none.
    """

    image: BgrImage
    stamp_ns: int
    index: int
    faces: list[EmotionResult]


class EmotionRecognizer:
    """Finds the faces of images and their emotions.

    Construct it once: that loads the networks. Any thread may call it, and so may a forked process,
    which loads its own networks with its first call; a stream is not to be taken along.

    >>> from emotion_perception import EmotionRecognizer
    >>> recognizer = EmotionRecognizer(confidence_threshold=0.4)
    >>> for face in recognizer.predict('party.jpg'):
    ...     print(face.emotion, round(face.confidence, 2), face.probabilities['Happy'])

    Args:
        model: ONNX file with its manifest beside it; None takes the shipped one.
        labels: Whose labels to predict: `balanced` (the default), `ferplus` or `fer2013`.
        detector: `centerface`, `haar`, or the path of a YuNet ONNX file.
        providers: Which hardware ONNX Runtime may use; None takes what there is.
        settings: Thresholds and the like, as `emotion video --help` describes them, such as
            `confidence_threshold`, `min_face_size`, `max_faces` and, for streams, `smoothing`.

    Raises:
        ModelError: The model is missing or damaged, or knows no such labels.
        DetectorError: The detector cannot be loaded.
        ProviderError: Hardware that is strictly wanted is not available.
        ValueError: A setting is unknown or out of its range.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        labels: str = '',
        detector: str = 'centerface',
        providers: ProviderSettings | None = None,
        **settings: Value,
    ) -> None:
        self._settings = _checked(settings)
        self._load = partial(load_networks, model, detector, providers, labels)
        self._networks: Networks | None = self._load()
        # A detector keeps buffers between calls, so that one thread at a time may use it.
        self._lock = Lock()
        _alive.add(self)

    def predict(self, image: ImageLike) -> list[EmotionResult]:
        """The faces of one image, largest first.

        Raises:
            SourceError: The image file cannot be read or is damaged.
            ImageFormatError: It is no image that can be used.
        """
        pixels = _pixels(image)
        with self._lock:
            if self._networks is None:  # this process was forked
                self._networks = self._load()
            faces = analyse_still(pixels, self._networks, self._settings)
        return [_result(face) for face in faces]

    def predict_batch(self, images: Iterable[ImageLike]) -> list[list[EmotionResult]]:
        """The faces of each image, in order; raises what `predict` raises."""
        return [self.predict(image) for image in images]

    def stream(
        self, source: str | os.PathLike[str] | Iterable[Frame], **options: Any
    ) -> Iterator[FrameResult]:
        """The faces of every image of a stream, tracked and smoothed over time.

        Args:
            source: '0' or '/dev/video0' (a camera), an address, a video, a folder, a rosbag or
                'demo'; or frames of your own.
            options: Of `sources.SourceOptions`, such as `frame_rate` or `topic`.

        Raises:
            SourceError: The source cannot be opened or read.
        """
        # Networks of its own: a stream may last for days, and other threads may call meanwhile.
        pipeline = EmotionPipeline(self._load(), self._settings)
        if not isinstance(source, str | os.PathLike):
            yield from _followed(pipeline, source)
            return
        with open_source(os.fspath(source), SourceOptions(**options)) as frames:
            yield from _followed(pipeline, frames)

    def annotate(
        self,
        image: ImageLike,
        results: Iterable[EmotionResult] | None = None,
        style: OverlayStyle = DEFAULT_STYLE,
    ) -> BgrImage:
        """A copy of an image with boxes, names and probabilities drawn onto it.

        Args:
            image: The image.
            results: What to draw; None predicts it.
            style: What is drawn.

        Returns:
            uint8 [height, width, 3], BGR.
        """
        pixels = _pixels(image)
        found = self.predict(pixels) if results is None else results
        return draw_faces(pixels, [_face(result) for result in found], style)


_alive: WeakSet[EmotionRecognizer] = WeakSet()


def _start_anew() -> None:
    """A forked process has neither the threads that held the locks nor those of the networks."""
    for recognizer in _alive:
        leave(recognizer._networks)
        recognizer._networks, recognizer._lock = None, Lock()


if hasattr(os, 'register_at_fork'):  # not on Windows
    os.register_at_fork(after_in_child=_start_anew)


def _followed(pipeline: EmotionPipeline, frames: Iterable[Frame]) -> Iterator[FrameResult]:
    for frame in frames:
        faces = pipeline.process(frame.image, frame.stamp_ns)
        results = [_result(face) for face in faces]
        yield FrameResult(frame.image, frame.stamp_ns, frame.index, results)


def _checked(settings: Mapping[str, Value]) -> PipelineSettings:
    rows = by_name((*FACES, *STREAM))
    values: dict[str, Any] = {}
    for name, value in settings.items():
        if name not in rows:
            raise ValueError(f'{name} is no setting: use {", ".join(rows)}.')
        values[name] = rows[name].fitting(value)
        problem = rows[name].problem(values[name])
        if problem:
            raise ValueError(f'{name} {problem}.')
    every_n = values.get('detect_every_n', 0)
    values['detect_every_n'] = search_interval(every_n, live=False, blurred=False)
    return PipelineSettings(**values)


def _pixels(image: ImageLike) -> BgrImage:
    if isinstance(image, Image.Image):
        return upright_bgr(image)
    if isinstance(image, str | os.PathLike):
        return read_image_file(Path(image).expanduser())
    if not isinstance(image, np.ndarray):
        raise ImageFormatError(
            f'A {type(image).__name__} is no image: give a path, a uint8 array [height, width, 3] '
            'in BGR order or a Pillow image.'
        )
    check_image(image)
    return image


def _result(face: Face) -> EmotionResult:
    values = map(float, face.probabilities)
    return EmotionResult(
        emotion_name(face.emotion_id),
        float(face.confidence),
        dict(zip(EMOTION_NAMES, values, strict=True)),
        face.box,
        float(face.score),
        face.landmarks,
        face.track_id,
        face.head,
    )


def _face(result: EmotionResult) -> Face:
    probabilities = np.array([result.probabilities[name] for name in EMOTION_NAMES], np.float32)
    known = EMOTION_NAMES.index(result.emotion) if result.emotion in EMOTION_NAMES else None
    return Face(
        result.track_id,
        result.box,
        result.score,
        result.landmarks,
        known,
        result.confidence,
        probabilities,
        head=result.head,
    )
