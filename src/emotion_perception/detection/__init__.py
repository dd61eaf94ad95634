"""Face detectors behind one protocol: CenterFace (default), OpenCV's Haar cascade, YuNet."""

from emotion_perception.detection.base import FaceDetector
from emotion_perception.detection.factory import create_detector

__all__ = ['FaceDetector', 'create_detector']
