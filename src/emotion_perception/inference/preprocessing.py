"""From an aligned grey face to the network's input: one definition for training and runtime.

FER-2013 images are 48x48 grey pixels. A sharp camera crop holds detail that the network has never
seen, so the runtime first brings every face to the same 48x48 pixels and only then enlarges it, as
training does.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Uint8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Exposure:
    """Which faces are underexposed, and the grey values that these are brought to.

    One FER-2013 image in fifty is as dark or as flat as that; the network has learnt to read the
    others, and loses those of a dim room. Measured: docs/training.md.

    Attributes:
        min_mean: A face with a smaller mean is dark, 0..255.
        min_std: A face with a smaller standard deviation is flat, 0..255.
        mean: Mean of a corrected face, 0..255.
        std: Standard deviation of a corrected face, > 0.
    """

    min_mean: float = 50.0
    min_std: float = 25.0
    mean: float = 128.0
    std: float = 55.0


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a grey face becomes the network's input; read from the model's manifest.

    Attributes:
        face_size: Side of the aligned grey face, in pixels (48 for FER-2013).
        input_size: Side of the network's input, in pixels (227 for AlexNet).
        mean: Grey mean of the training split after division by 255, 0..1.
        std: Grey standard deviation of the training split after division by 255, > 0.
        exposure: Correction of underexposed faces; None for none.
    """

    face_size: int = 48
    input_size: int = 227
    mean: float = 0.0
    std: float = 1.0
    exposure: Exposure | None = None

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> 'Preprocessing':
        """Reads the `preprocessing` object of a manifest.

        Raises:
            TypeError: It has an unknown key.
        """
        fields = dict(document)
        if fields.get('exposure') is not None:
            fields['exposure'] = Exposure(**fields['exposure'])
        return Preprocessing(**fields)


def correct_exposure(faces: Uint8Array, exposure: Exposure | None) -> Uint8Array:
    """Stretches dark and flat faces to the grey values of well-lit ones; others stay as they are.

    Args:
        faces: uint8 [N, s, s], grey, 0..255.
        exposure: Which faces, and what they become; None leaves all.

    Returns:
        uint8 [N, s, s]; `faces` itself where nothing was to be corrected.
    """
    if exposure is None:
        return faces
    means, stds = _moments(faces)
    underexposed = np.flatnonzero((means < exposure.min_mean) | (stds < exposure.min_std))
    if not len(underexposed):
        return faces
    corrected: Uint8Array = faces.copy()
    for index in underexposed:
        # A plain face has no contrast to stretch.
        gain = exposure.std / max(stds[index], 1.0)
        stretched = (faces[index] - means[index]) * gain + exposure.mean
        corrected[index] = np.clip(np.rint(stretched), 0, 255)
    return corrected


def _moments(faces: Uint8Array) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Means and standard deviations of the grey values, float64 [N] each."""
    found = [cv2.meanStdDev(np.ascontiguousarray(face)) for face in faces]
    means, stds = np.asarray(found, np.float64).reshape(-1, 2).T
    return means, stds


def preprocess_faces(faces: Uint8Array, spec: Preprocessing) -> Float32Array:
    """Turns aligned grey faces into one input batch.

    The resize is bilinear with half-pixel centres and clamped edges: `cv2.INTER_LINEAR`, the same
    as torch's `grid_sample(align_corners=False, padding_mode='border')`.

    Underexposed faces are corrected first, where the model's preprocessing says so.

    Args:
        faces: uint8 [N, face_size, face_size], grey, 0..255.
        spec: The model's preprocessing.

    Returns:
        float32 [N, 3, input_size, input_size], C-contiguous: three times the normalised grey plane.
    """
    size = spec.input_size
    batch = np.empty((len(faces), 3, size, size), np.float32)
    scale, offset = 1.0 / (255.0 * spec.std), -spec.mean / spec.std
    for face, planes in zip(correct_exposure(faces, spec.exposure), batch, strict=True):
        plane = np.multiply(face, scale, dtype=np.float32) + np.float32(offset)
        # Normalising before the resize is the same (both are affine) and touches 48x48 pixels only.
        planes[:] = cv2.resize(plane, (size, size), interpolation=cv2.INTER_LINEAR)
    return batch
