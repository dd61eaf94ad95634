"""The one-line Python API."""

import os
from dataclasses import replace
from functools import cache
from pathlib import Path
from threading import Lock

import numpy as np

from emotion_perception.detection import FaceDetector, create_detector
from emotion_perception.detection.base import NO_BOUND
from emotion_perception.errors import ImageFormatError
from emotion_perception.files import resources
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import leave
from emotion_perception.networks import Networks
from emotion_perception.pipeline import EmotionPipeline, PipelineSettings
from emotion_perception.sources.image_files import read_image_file
from emotion_perception.types import BgrImage, Face

# A detector keeps buffers between calls, so that one thread at a time may use it.
_lock = Lock()


def predict_emotion(image: BgrImage | str | os.PathLike[str], labels: str = '') -> list[Face]:
    """Finds the faces of an image and their emotions, with the shipped model.

    Detector and model are loaded with the first call and kept. Calls do not influence each other,
    and any thread may call.

    >>> from emotion_perception import predict_emotion
    >>> for face in predict_emotion('party.jpg'):
    ...     print(face.emotion, round(face.confidence, 2), face.box)

    `EmotionRecognizer` does more: models and thresholds of one's own, streams, drawing.

    Args:
        image: uint8 [height, width, 3] in BGR order (as from `cv2.imread`), or the path of an
            image file.
        labels: Whose labels to predict: `balanced` (the default), for cameras; `ferplus`, those of
            the ten annotators of FER+; or `fer2013`, those the data set was published with.

    Returns:
        Its faces, largest first; empty when there is none.

    Raises:
        SourceError: The image file cannot be read or is damaged.
        ImageFormatError: The array is no BGR image.
        ModelError: The model is missing or damaged, or knows no such labels.
    """
    pixels = image if isinstance(image, np.ndarray) else read_image_file(Path(image))
    check_image(pixels)
    with _lock:
        networks = Networks(_detector(), _classifier(labels))
        return analyse_still(pixels, networks, PipelineSettings())


def analyse_still(
    image: BgrImage,
    networks: Networks,
    settings: PipelineSettings,
) -> list[Face]:
    """Processes one image that belongs to no stream: nothing is tracked or smoothed.

    Args:
        image: uint8 [height, width, 3], BGR.
        networks: Find the faces and tell their emotions.
        settings: Thresholds; what concerns time is ignored.
    """
    still = replace(settings, smoothing=0.0, detect_every_n=1, max_detection_side=NO_BOUND)
    return EmotionPipeline(networks, still).process(image, 0)


@cache
def _detector() -> FaceDetector:
    return create_detector('centerface')


@cache
def _classifier(label_set: str) -> EmotionClassifier:
    return EmotionClassifier(resources.default_model_path(), label_set=label_set)


def check_image(image: BgrImage) -> None:
    """Checks that an array is an image.

    Raises:
        ImageFormatError: It is not uint8 [height, width, 3].
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ImageFormatError(
            f'The image is {image.dtype} {list(image.shape)}: '
            'convert it to uint8 [height, width, 3] in BGR order first.'
        )


def _start_anew() -> None:
    """A forked process has neither the thread that held the lock nor those of the networks."""
    global _lock, _detector, _classifier  # noqa: PLW0603
    leave(_detector, _classifier)
    _lock = Lock()
    _detector = cache(_detector.__wrapped__)
    _classifier = cache(_classifier.__wrapped__)


if hasattr(os, 'register_at_fork'):  # not on Windows
    os.register_at_fork(after_in_child=_start_anew)
