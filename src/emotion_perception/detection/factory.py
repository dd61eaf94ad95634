"""Makes a detector from the name that a user gives."""

from pathlib import Path
from typing import Final

from emotion_perception.detection.base import FaceDetector
from emotion_perception.detection.centerface import CenterFaceDetector
from emotion_perception.detection.haar import HaarDetector
from emotion_perception.detection.yunet import YuNetDetector
from emotion_perception.errors import DetectorError
from emotion_perception.inference.onnx_session import ProviderSettings

DETECTOR_NAMES: Final = ('centerface', 'haar')
"""Detectors that need no file."""


def create_detector(spec: str, providers: ProviderSettings | None = None) -> FaceDetector:
    """Makes a face detector.

    Args:
        spec: 'centerface', 'haar', or the path of a YuNet .onnx file.
        providers: Which hardware ONNX Runtime may use (CenterFace only).

    Returns:
        The detector, ready to run.

    Raises:
        DetectorError: The name is unknown or the detector cannot be loaded.
        ProviderError: Strict mode did not get the provider it asked for.
    """
    name = spec.strip()
    if name.lower() == 'centerface':
        return CenterFaceDetector(providers)
    if name.lower() == 'haar':
        return HaarDetector()
    if name.lower().endswith('.onnx'):
        return YuNetDetector(Path(name).expanduser())
    raise DetectorError(
        f"Unknown detector '{spec}': set `detector` to {', '.join(DETECTOR_NAMES)} or the path of "
        'a YuNet .onnx file.'
    )
