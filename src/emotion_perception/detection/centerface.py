"""CenterFace: a small anchor-free face detector with five landmarks.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019. For every
4x4 cell of its input the network tells how likely a face is centred there, the logarithm of the
face's size, the centre's offset inside the cell, and the landmarks relative to the face's box.
"""

import copy
from collections.abc import Sequence
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.detection.base import (
    STREAM_MAX_SIDE,
    closest,
    moved,
    roi_around,
    select_faces,
    wanted_scale,
)
from emotion_perception.detection.centerface_graph import (
    INPUT_NAME,
    OUTPUT_NAMES,
    load_centerface_graph,
)
from emotion_perception.detection.network_input import SIZE_MULTIPLE, NetworkInput, scaled
from emotion_perception.detection.pyramid import TILE, search_at
from emotion_perception.inference.onnx_session import OnnxNetwork, ProviderSettings, create_session
from emotion_perception.inference.provider_options import InputShapes
from emotion_perception.types import BgrImage, Box, Detection

Float32Array = npt.NDArray[np.float32]

_STRIDE: Final = 4
_NMS_OVERLAP: Final = 0.3
# A side is squeezed by so much at most to make it a multiple, instead of being padded: the network
# takes it as it takes an image moved by a pixel, and padding would cost its share of the time.
_MAX_SQUEEZE: Final = 0.07
# Side of the smallest face, in pixels of the network's input, that scores 0.7 (measured on a
# portrait scaled down step by step: 0.54 at 16 pixels of height, 0.70 at 22, 0.88 at 58).
_DETECTABLE_FACE: Final = 24.0
# Side of a known face's surroundings in pixels of the network's input; the face has half of it.
# At 64 pixels scores fall by 0.11 in the mean, 128 cost half as much again and gain nothing.
_NEAR_SIDE: Final = 96
# Largest batch that TensorRT prepares for; more are looked for in several.
_MOST_NEAR: Final = 8
# Usual is a camera's 4:3.
_INPUT_SHAPES: Final = InputShapes(
    INPUT_NAME,
    smallest=(1, 3, SIZE_MULTIPLE, SIZE_MULTIPLE),
    usual=(1, 3, 352, STREAM_MAX_SIDE),
    largest=(_MOST_NEAR, 3, TILE, TILE),
)


class CenterFaceDetector:
    """CenterFace on ONNX Runtime.

    Attributes:
        name: 'centerface'.
        provider: The execution provider really in use.
    """

    name: str = 'centerface'

    def __init__(self, providers: ProviderSettings | None = None) -> None:
        """Loads the network.

        Args:
            providers: Which hardware to use; the default chooses by itself.

        Raises:
            DetectorError: The weights are missing or damaged.
            ProviderError: Strict mode did not get the provider it asked for.
        """
        settings = providers or ProviderSettings()
        session = create_session(load_centerface_graph(), settings, _INPUT_SHAPES)
        self._network = OnnxNetwork(session, OUTPUT_NAMES, settings.gpu.device_id)
        self.provider = self._network.provider
        self._input = NetworkInput()
        # The first run allocates memory and, on a GPU, builds kernels: not on a live frame.
        self._network.run(np.zeros(_INPUT_SHAPES.usual, np.float32))

    def detect(
        self,
        image: BgrImage,
        score_threshold: float,
        min_face_size: int,
        max_side: int = STREAM_MAX_SIDE,
    ) -> list[Detection]:
        """See `base.FaceDetector.detect`."""
        if image.size == 0:
            return []
        height, width = image.shape[:2]

        def search(part: BgrImage, size: tuple[int, int]) -> list[Detection]:
            outputs = self._network.run(self._input.fill(part, size))
            scale = (part.shape[1] / size[0], part.shape[0] / size[1])
            return decode(outputs, score_threshold, scale)

        found = search_at(search, image, input_size(width, height, min_face_size, max_side))
        return select_faces(found, score_threshold, min_face_size)

    def detect_near(
        self, image: BgrImage, faces: Sequence[Box], score_threshold: float
    ) -> list[Detection | None]:
        """See `base.FaceDetector.detect_near`; up to eight surroundings make one batch."""
        found: list[Detection | None] = []
        for start in range(0, len(faces), _MOST_NEAR):
            found += self._detect_near(image, faces[start : start + _MOST_NEAR], score_threshold)
        return found

    def _detect_near(
        self, image: BgrImage, faces: Sequence[Box], score_threshold: float
    ) -> list[Detection | None]:
        batch = np.zeros((len(faces), 3, _NEAR_SIDE, _NEAR_SIDE), np.float32)
        places = [_fill(planes, image, face) for planes, face in zip(batch, faces, strict=True)]
        maps = self._network.run(batch)
        found: list[Detection | None] = []
        for index, (face, (left, top, scale)) in enumerate(zip(faces, places, strict=True)):
            here = decode([each[index : index + 1] for each in maps], score_threshold, scale)
            found.append(closest((moved(each, left, top) for each in here), face))
        return found

    def clone(self) -> 'CenterFaceDetector':
        """See `base.FaceDetector.clone`; it shares the weights."""
        other = copy.copy(self)
        other._network = self._network.clone()
        other._input = NetworkInput()
        return other


def _fill(
    planes: Float32Array, image: BgrImage, face: Box
) -> tuple[float, float, tuple[float, float]]:
    """Writes the surroundings of a face into planes [3, side, side] of zeros.

    Returns:
        Column and row of the image where the planes begin, and how many pixels of the image
        each of theirs is wide and high.
    """
    around = roi_around(face)
    inside, left, top = around.inside(image)
    if inside.size == 0:
        return left, top, (1.0, 1.0)
    zoom = _NEAR_SIDE / around.side
    height, width = inside.shape[:2]
    columns = _stretch(left - around.left, width, zoom)
    rows = _stretch(top - around.top, height, zoom)
    small = scaled(inside, (len(columns), len(rows)))
    target = planes[:, rows.start : rows.stop, columns.start : columns.stop]
    target[:] = small[:, :, ::-1].transpose(2, 0, 1)  # red, green, blue
    scale = width / len(columns), height / len(rows)
    return left - columns.start * scale[0], top - rows.start * scale[1], scale


def _stretch(start: int, length: int, zoom: float) -> range:
    """Pixels that a stretch of pixels becomes; at least one."""
    first = min(round(start * zoom), _NEAR_SIDE - 1)
    return range(first, max(round((start + length) * zoom), first + 1))


def input_size(width: int, height: int, min_face_size: int, max_side: int) -> tuple[int, int]:
    """Size to which an image is scaled before it is padded to multiples of 32.

    A side that is little longer than a multiple of 32 becomes that multiple.

    Args:
        width: Width of the image in pixels, > 0.
        height: Height of the image in pixels, > 0.
        min_face_size: Smallest wanted face in pixels of the image.
        max_side: Bound of the longer side of the result; `NO_BOUND` sets none.

    Returns:
        (width, height): as small as the smallest wanted face allows; each side in proportion or up
        to 7 % shorter.
    """
    scale = wanted_scale(width, height, min_face_size, _DETECTABLE_FACE, max_side)
    return _squeezed(round(width * scale)), _squeezed(round(height * scale))


def _squeezed(length: int) -> int:
    excess = length % SIZE_MULTIPLE
    fits = excess <= length * _MAX_SQUEEZE
    return length - excess if fits and length >= SIZE_MULTIPLE else max(length, 1)


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
