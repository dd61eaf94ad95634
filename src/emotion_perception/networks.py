"""The networks of a pipeline, on one choice of hardware."""

import os
from pathlib import Path
from typing import NamedTuple

from emotion_perception.detection.base import FaceDetector
from emotion_perception.detection.factory import create_detector
from emotion_perception.files.resources import default_model_path
from emotion_perception.heads.networks import HeadNetworks
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import ProviderSettings


class Networks(NamedTuple):
    """What a pipeline runs.

    Attributes:
        detector: Finds the faces; keeps buffers, so that one thread at a time may use it.
        classifier: Tells their emotions.
        heads: To follow faces, and for `head_pose` and `gaze`; loaded when they are needed. None
            takes those of the process, on what hardware there is.
    """

    detector: FaceDetector
    classifier: EmotionClassifier
    heads: HeadNetworks | None = None


def load_networks(
    model: str | os.PathLike[str] | None = None,
    detector: str = 'centerface',
    providers: ProviderSettings | None = None,
    labels: str = '',
) -> Networks:
    """Loads detector and classifier.

    Args:
        model: ONNX file with its manifest beside it; None or empty takes the shipped one.
        detector: `centerface`, `haar`, or the path of a YuNet ONNX file.
        providers: Which hardware all of them may use; None takes what there is.
        labels: Whose labels to predict; empty takes the default of the model.

    Raises:
        ModelError: The model is missing or damaged, or knows no such labels.
        DetectorError: The detector is unknown or cannot be loaded.
        ProviderError: Hardware that is strictly wanted is not available.
    """
    path = Path(model).expanduser() if model else default_model_path()
    classifier = EmotionClassifier(path, providers, labels)
    return Networks(create_detector(detector, providers), classifier, HeadNetworks(providers))
