"""YuNet through OpenCV's `FaceDetectorYN`, from a weights file that the user names."""

import copy
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.detection.base import (
    STREAM_MAX_SIDE,
    detect_in_crops,
    select_faces,
    wanted_scale,
)
from emotion_perception.detection.network_input import scaled
from emotion_perception.detection.pyramid import search_at
from emotion_perception.errors import DetectorError
from emotion_perception.limits import MAX_MODEL_BYTES
from emotion_perception.types import BgrImage, Box, Detection

_NMS_OVERLAP: Final = 0.3
_TOP_K: Final = 5000
# The model zoo promises faces of about 10 to 300 pixels; below 16 the landmarks become coarse.
_DETECTABLE_FACE: Final = 16.0
# What `_run` does, whose own message is the better one where OpenCV refuses.
_TRY: Final = """
import sys, cv2, numpy
network = cv2.FaceDetectorYN.create(sys.argv[1], '', (64, 64))
try:
    network.detect(numpy.zeros((64, 64, 3), numpy.uint8))
except cv2.error:
    pass
"""
_TRY_TIMEOUT_S: Final = 60.0
_FIELDS: Final = 15  # x, y, width, height, five landmarks (x, y), score


class YuNetDetector:
    """YuNet (Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", 2023); five landmarks.

    Attributes:
        name: 'yunet'.
    """

    name: str = 'yunet'

    def __init__(self, model: Path) -> None:
        """Loads the network.

        Args:
            model: A `face_detection_yunet_*.onnx` file of the OpenCV model zoo.

        Raises:
            DetectorError: The file is missing or is not a YuNet network that OpenCV can load.
        """
        if not model.is_file():
            raise DetectorError(
                f'Detector file {model} does not exist: set `detector` to a YuNet .onnx file.'
            )
        self._path = model
        if not _can_be_tried(model):
            raise DetectorError(
                f'Detector file {model} is not a YuNet network that OpenCV {cv2.__version__} can '
                'load: download it again (a Git LFS pointer is not the file).'
            )
        self._network = self._open()
        # A network that is none is found out now, not on a live frame.
        self._run(np.zeros((64, 64, 3), np.uint8), 0.5)

    def detect(
        self,
        image: BgrImage,
        score_threshold: float,
        min_face_size: int,
        max_side: int = STREAM_MAX_SIDE,
    ) -> list[Detection]:
        """See `base.FaceDetector.detect`.

        Raises:
            DetectorError: The network's outputs are not YuNet's.
        """
        if image.size == 0:
            return []
        height, width = image.shape[:2]
        scale = min(1.0, wanted_scale(width, height, min_face_size, _DETECTABLE_FACE, max_side))
        size = max(round(width * scale), 1), max(round(height * scale), 1)

        def search(part: BgrImage, size: tuple[int, int]) -> list[Detection]:
            rows = self._run(scaled(part, size), score_threshold)
            rows[:, :14:2] *= part.shape[1] / size[0]
            rows[:, 1:14:2] *= part.shape[0] / size[1]
            return [_to_detection(row) for row in rows]

        found = search_at(search, image, size)
        return select_faces(found, score_threshold, min_face_size)

    def detect_near(
        self, image: BgrImage, faces: Sequence[Box], score_threshold: float
    ) -> list[Detection | None]:
        """See `base.FaceDetector.detect_near`."""
        return detect_in_crops(self, image, faces, score_threshold)

    def clone(self) -> 'YuNetDetector':
        """See `base.FaceDetector.clone`."""
        other = copy.copy(self)
        other._network = self._open()
        return other

    def _open(self) -> cv2.FaceDetectorYN:
        return cv2.FaceDetectorYN.create(str(self._path), '', (320, 320), 0.5, _NMS_OVERLAP, _TOP_K)

    def _run(self, image: BgrImage, score_threshold: float) -> npt.NDArray[np.float32]:
        """Rows of `_FIELDS` numbers in pixels of `image`."""
        self._network.setInputSize((image.shape[1], image.shape[0]))
        self._network.setScoreThreshold(score_threshold)
        try:
            _, rows = self._network.detect(image)
            rows = np.empty((0, _FIELDS), np.float32) if rows is None else np.asarray(rows)
            rows = rows.astype(np.float32, copy=False).reshape(-1, _FIELDS)
        except (cv2.error, ValueError, TypeError, MemoryError) as error:
            raise DetectorError(
                f'Detector file {self._path} does not respond as a YuNet network: name a '
                'face_detection_yunet_*.onnx file of the OpenCV model zoo.'
            ) from error
        return rows[np.isfinite(rows).all(axis=1)]


def _can_be_tried(model: Path) -> bool:
    """Loads a file in another process first: damaged ones make OpenCV's reader crash."""
    try:
        if model.stat().st_size > MAX_MODEL_BYTES:
            return False
        done = subprocess.run(
            [sys.executable, '-c', _TRY, str(model)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TRY_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _to_detection(row: npt.NDArray[np.float32]) -> Detection:
    # OpenCV lists the person's right eye and right mouth corner first: the image's left ones, so
    # the order is already that of `types.Landmarks`.
    landmarks = row[4:14].reshape(5, 2).copy()
    return Detection(Box(*row[:4].tolist()), float(np.clip(row[14], 0.0, 1.0)), landmarks)
