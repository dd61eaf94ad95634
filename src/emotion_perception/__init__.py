"""Facial emotions of every person in an image, video, camera or rosbag; without ROS.

    >>> from emotion_perception import predict_emotion
    >>> faces = predict_emotion('photo.jpg')

Importing this package loads nothing heavy; its names are loaded when they are first used.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emotion_perception.api import predict_emotion
    from emotion_perception.errors import EmotionPerceptionError
    from emotion_perception.labels import EMOTION_NAMES, Emotion
    from emotion_perception.recognizer import EmotionRecognizer, EmotionResult, FrameResult
    from emotion_perception.types import BgrImage, Box, Detection, Face, Frame, Landmarks

    __version__: str

# From version 1.29 on ONNX Runtime tells Microsoft about every session and keeps an identifier of
# the machine in ~/.cache. Nothing leaves a robot unasked. The variable counts when ONNX Runtime is
# imported, which only modules below this package do.
os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')

__all__ = [
    'EMOTION_NAMES',
    'BgrImage',
    'Box',
    'Detection',
    'Emotion',
    'EmotionPerceptionError',
    'EmotionRecognizer',
    'EmotionResult',
    'Face',
    'Frame',
    'FrameResult',
    'Landmarks',
    '__version__',
    'predict_emotion',
]

_MODULES = {
    'predict_emotion': 'api',
    'EmotionPerceptionError': 'errors',
    'EMOTION_NAMES': 'labels',
    'Emotion': 'labels',
    **dict.fromkeys(('EmotionRecognizer', 'EmotionResult', 'FrameResult'), 'recognizer'),
    **dict.fromkeys(('BgrImage', 'Box', 'Detection', 'Face', 'Frame', 'Landmarks'), 'types'),
}


def __getattr__(name: str) -> Any:
    if name == '__version__':
        return _version()
    if name not in _MODULES:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    return getattr(import_module(f'{__name__}.{_MODULES[name]}'), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version('emotion_bringup')
    except metadata.PackageNotFoundError:
        return 'unknown'
