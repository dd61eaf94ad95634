"""Where frames come from: cameras, streams, videos, images, bags and a synthetic clip."""

from emotion_perception.sources.base import FrameSource, SourceOptions, StampKind
from emotion_perception.sources.camera import Reconnecting
from emotion_perception.sources.demo import DemoSource
from emotion_perception.sources.factory import is_live, open_source
from emotion_perception.sources.playback import paced

__all__ = [
    'DemoSource',
    'FrameSource',
    'Reconnecting',
    'SourceOptions',
    'StampKind',
    'is_live',
    'open_source',
    'paced',
]
