"""Identity and steadiness over time: tracks and smoothing."""

from emotion_perception.tracking.smoothing import smoothing_weight
from emotion_perception.tracking.tracker import FaceTracker, Track

__all__ = ['FaceTracker', 'Track', 'smoothing_weight']
