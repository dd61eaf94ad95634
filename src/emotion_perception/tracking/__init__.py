"""Identity and steadiness over time: tracks and smoothing."""

from emotion_perception.tracking.tracker import FaceTracker, Track, smoothing_weight

__all__ = ['FaceTracker', 'Track', 'smoothing_weight']
