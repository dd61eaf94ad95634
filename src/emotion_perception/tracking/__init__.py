"""Identity and steadiness over time: tracks, motion between detections, smoothing."""

from emotion_perception.tracking.flow import FlowPropagator
from emotion_perception.tracking.smoothing import smoothing_weight
from emotion_perception.tracking.tracker import FaceTracker, Track

__all__ = ['FaceTracker', 'FlowPropagator', 'Track', 'smoothing_weight']
