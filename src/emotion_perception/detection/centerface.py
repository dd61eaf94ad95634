"""CenterFace: a small anchor-free face detector with five landmarks.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019. For every
4x4 cell of its input the network answers how likely a face is centred there, the logarithm of the
face's size, the centre's offset inside the cell, and the landmarks relative to the face's box.
"""

import math
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.detection.base import DEFAULT_MAX_SIDE, select_faces
from emotion_perception.detection.centerface_graph import (
    INPUT_NAME,
    OUTPUT_NAMES,
    load_centerface_graph,
)
from emotion_perception.onnx_session import ProviderSettings, active_provider, create_session
from emotion_perception.types import BgrImage, Box, Detection

Float32Array = npt.NDArray[np.float32]
Uint8Array = npt.NDArray[np.uint8]

_STRIDE: Final = 4
_SIZE_MULTIPLE: Final = 32
_NMS_OVERLAP: Final = 0.3
# Side of the smallest face, in pixels of the network's input, that scores 0.7 (measured on a
# portrait scaled down step by step: 0.54 at 16 pixels of height, 0.70 at 22, 0.88 at 58).
_DETECTABLE_FACE: Final = 24.0


class CenterFaceDetector:
    """CenterFace on ONNX Runtime.

    Attributes:
        name: 'centerface'.
        provider: The execution provider really in use.
    """

    name: str = 'centerface'

    def __init__(
        self, providers: ProviderSettings | None = None, *, max_side: int = DEFAULT_MAX_SIDE
    ) -> None:
        """Loads the network.

        Args:
            providers: Which hardware to use; the default chooses by itself.
            max_side: Longest side of the network's input in pixels, >= 32. Larger finds smaller
                faces; the time grows with its square.

        Raises:
            DetectorError: The weights are missing or damaged.
            ProviderError: Strict mode did not get the provider it asked for.
        """
        self._session = create_session(load_centerface_graph(), providers or ProviderSettings())
        self.provider = active_provider(self._session)
        self._max_side = max(max_side, _SIZE_MULTIPLE)
        self._canvas: Uint8Array = np.zeros((0, 0, 3), np.uint8)

    def detect(
        self, image: BgrImage, score_threshold: float, min_face_size: int
    ) -> list[Detection]:
        """See `base.FaceDetector.detect`."""
        if image.size == 0:
            return []
        height, width = image.shape[:2]
        size = input_size(width, height, min_face_size, self._max_side)
        blob = self._make_blob(image, size)
        outputs = self._session.run(list(OUTPUT_NAMES), {INPUT_NAME: blob})
        scale = (width / size[0], height / size[1])
        detections = decode(outputs, score_threshold, scale)
        return select_faces(detections, score_threshold, min_face_size)

    def _make_blob(self, image: BgrImage, size: tuple[int, int]) -> Float32Array:
        """Resizes into the top left corner of a padded canvas; the faces keep their proportions."""
        width, height = size
        shape = (_round_up(height), _round_up(width), 3)
        if self._canvas.shape != shape:
            self._canvas = np.zeros(shape, np.uint8)
        corner = self._canvas[:height, :width]
        method = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LINEAR
        cv2.resize(image, size, dst=corner, interpolation=method)
        # An earlier picture of nearly the same size may have left pixels in the padding.
        self._canvas[:, width:] = 0
        self._canvas[height:] = 0
        return np.asarray(cv2.dnn.blobFromImage(self._canvas, swapRB=True), np.float32)


def input_size(width: int, height: int, min_face_size: int, max_side: int) -> tuple[int, int]:
    """Size to which a picture is scaled before it is padded to multiples of 32.

    Args:
        width: Width of the picture in pixels, > 0.
        height: Height of the picture in pixels, > 0.
        min_face_size: Smallest wanted face in pixels of the picture.
        max_side: Bound of the longer side of the answer.

    Returns:
        (width, height): as small as the smallest wanted face allows, proportions kept.
    """
    scale = _DETECTABLE_FACE / max(min_face_size, 1)
    longest = max(width, height)
    scale = min(scale, max_side / longest)
    return max(round(width * scale), 1), max(round(height * scale), 1)


def decode(
    outputs: list[Float32Array], score_threshold: float, scale: tuple[float, float]
) -> list[Detection]:
    """Turns the network's four maps into faces, overlapping ones reduced to the best.

    Args:
        outputs: Score [1, 1, h, w]; log (height, width) [1, 2, h, w]; offset (y, x) [1, 2, h, w];
            landmarks (y, x) five times in units of the face's size [1, 10, h, w].
        score_threshold: Smallest score, 0..1.
        scale: (x, y) source pixels per network pixel.

    Returns:
        Faces in source pixels, in no particular order.
    """
    score, log_size, offset, points = (output[0] for output in outputs)
    rows, columns = np.nonzero(score[0] >= score_threshold)
    if rows.size == 0:
        return []
    scores = score[0, rows, columns]
    sizes = np.exp(log_size[:, rows, columns]) * _STRIDE
    centers = (np.stack((rows, columns)) + offset[:, rows, columns] + 0.5) * _STRIDE
    corners = centers - sizes / 2
    landmarks = points[:, rows, columns].reshape(5, 2, -1) * sizes + corners
    # From (y, x, face) to one row of (x, y) for each face, in source pixels.
    boxes = np.concatenate((corners[::-1].T * scale, sizes[::-1].T * scale), axis=1)
    landmarks_xy = np.ascontiguousarray(landmarks[:, ::-1].transpose(2, 0, 1) * scale, np.float32)
    kept = cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), score_threshold, _NMS_OVERLAP)
    return [
        Detection(Box(*boxes[face].tolist()), float(scores[face]), landmarks_xy[face])
        for face in np.asarray(kept, np.intp).ravel()
    ]


def _round_up(length: int) -> int:
    return math.ceil(length / _SIZE_MULTIPLE) * _SIZE_MULTIPLE
