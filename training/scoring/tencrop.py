"""Ten-crop: the mean prediction for four corners and the centre of an image, each also mirrored."""

from __future__ import annotations

import numpy as np

from emotion_perception.inference.preprocessing import Preprocessing
from emotion_perception.labels import FER2013
from training.dataset.data import SIDE, Images
from training.scoring import metrics, predict

# The usual crop of 48-pixel faces; it shows the network faces 9 % larger.
CROP = 44


def crops(images: Images) -> list[Images]:
    """The ten views of all images.

    Args:
        images: uint8 `[n, 48, 48]`.

    Returns:
        Ten times uint8 `[n, 44, 44]`, C-contiguous.
    """
    room = SIDE - CROP
    corners = [(0, 0), (0, room), (room, 0), (room, room), (room // 2, room // 2)]
    straight = [images[:, top : top + CROP, left : left + CROP] for top, left in corners]
    mirrored = [view[:, :, ::-1] for view in straight]
    return [np.ascontiguousarray(view) for view in (*straight, *mirrored)]


def probabilities(run: predict.Predictor, images: Images, spec: Preprocessing) -> metrics.Floats:
    """Mean of the ten softmax predictions; every view goes through the runtime's preprocessing.

    Args:
        run: Predictor.
        images: uint8 `[n, 48, 48]`.
        spec: Preprocessing; enlarges the crop instead of the whole image.

    Returns:
        float64 `[n, 7]`, rows sum to 1.
    """
    each = [
        np.exp(
            metrics.log_softmax(
                predict.predict_logits(run, view, spec, f'crop {number} of 10')[FER2013]
            )
        )
        for number, view in enumerate(crops(images), 1)
    ]
    return np.asarray(np.mean(each, axis=0))
