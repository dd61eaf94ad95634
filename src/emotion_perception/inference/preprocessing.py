"""From an aligned grey face to the network's input: one definition for training and runtime.

FER-2013 images are 48x48 grey pixels. A sharp camera crop holds detail that the network has never
seen, so the runtime first brings every face to the same 48x48 pixels and only then enlarges it, as
training does.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Uint8Array = npt.NDArray[np.uint8]
Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """How a grey face becomes the network's input; read from the model's manifest.

    Attributes:
        face_size: Side of the aligned grey face, in pixels (48 for FER-2013).
        input_size: Side of the network's input, in pixels (227 for AlexNet).
        mean: Grey mean of the training split after division by 255, 0..1.
        std: Grey standard deviation of the training split after division by 255, > 0.
    """

    face_size: int = 48
    input_size: int = 227
    mean: float = 0.0
    std: float = 1.0


def preprocess_faces(faces: Uint8Array, spec: Preprocessing) -> Float32Array:
    """Turns aligned grey faces into one input batch.

    The resize is bilinear with half-pixel centres and clamped edges: `cv2.INTER_LINEAR`, the same
    as torch's `grid_sample(align_corners=False, padding_mode='border')`.

    Args:
        faces: uint8 [N, face_size, face_size], grey, 0..255.
        spec: The model's preprocessing.

    Returns:
        float32 [N, 3, input_size, input_size], C-contiguous: three times the normalised grey plane.
    """
    size = spec.input_size
    batch = np.empty((len(faces), 3, size, size), np.float32)
    scale, offset = 1.0 / (255.0 * spec.std), -spec.mean / spec.std
    for face, planes in zip(faces, batch, strict=True):
        plane = np.multiply(face, scale, dtype=np.float32) + np.float32(offset)
        # Normalising before the resize is the same (both are affine) and touches 48x48 pixels only.
        planes[:] = cv2.resize(plane, (size, size), interpolation=cv2.INTER_LINEAR)
    return batch
