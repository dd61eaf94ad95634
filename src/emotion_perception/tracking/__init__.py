"""Identity and steadiness over time: following, tracks, smoothing."""

from emotion_perception.tracking.follower import FaceFollower
from emotion_perception.tracking.smoothing import smoothing_weight
from emotion_perception.tracking.tracker import FaceTracker, Track

__all__ = ['FaceFollower', 'FaceTracker', 'Track', 'smoothing_weight']
