"""PublicTest in a dim room: what is left of the accuracy when images are darkened and noisy."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from emotion_perception.inference.preprocessing import Preprocessing
from emotion_perception.labels import FER2013, FERPLUS
from training.dataset import ferplus
from training.dataset.data import Images, Split
from training.scoring import metrics, predict
from training.scoring.metrics import Share

BRIGHTNESSES = (1.0, 0.3, 0.1)
SEED = 0


@dataclass(frozen=True)
class Noise:
    """Noise of a sensor, normal and independent from pixel to pixel, in grey values of 0..255.

    Attributes:
        read: Standard deviation in the dark.
        shot: Variance per grey value of light.
    """

    read: float
    shot: float


NOISES = {'none': Noise(0, 0), 'some': Noise(1, 0.05), 'strong': Noise(2, 0.1)}


@dataclass(frozen=True)
class DarkScores:
    """Accuracies in one light.

    Attributes:
        brightness: Factor on the grey values.
        noise: Key of `NOISES`.
        corrected: Whether underexposed faces were corrected, as the model's preprocessing says.
        original: On the original labels.
        ferplus: On the seven FER+ classes with a majority; None without votes.
    """

    brightness: float
    noise: str
    corrected: bool
    original: Share
    ferplus: Share | None

    def document(self) -> dict[str, Any]:
        """The scores as plain JSON values, shares as `[hits, count]`."""
        return {
            **dataclasses.asdict(self),
            'original': [self.original.hits, self.original.count],
            'ferplus': None if self.ferplus is None else [self.ferplus.hits, self.ferplus.count],
        }


def darken(images: Images, brightness: float, noise: Noise) -> Images:
    """The same images in less light, in whole grey values; seeded, so always the same.

    Args:
        images: uint8 `[n, 48, 48]`.
        brightness: Factor on the grey values, 0..1.
        noise: Added after it.

    Returns:
        uint8 `[n, 48, 48]`.
    """
    light = images.astype(np.float32) * np.float32(brightness)
    if noise.read or noise.shot:
        rng = np.random.default_rng(SEED)
        deviation = np.sqrt(noise.read**2 + noise.shot * light)
        light += rng.standard_normal(images.shape, np.float32) * deviation
    dark: Images = np.clip(np.rint(light), 0, 255).astype(np.uint8)
    return dark


def score(model: predict.Opened, split: Split, votes: NDArray[np.int64] | None) -> list[DarkScores]:
    """Scores a model on a split in every brightness and noise.

    Args:
        model: From `predict.open_model`.
        split: The images.
        votes: All votes of FER+, int64 `[rows, 10]`, or None.

    Returns:
        First as the model's preprocessing says, then, if it corrects the exposure, without that.
    """
    own = None if votes is None else votes[split.rows]
    return [
        _score(model, spec, split, own, brightness, noise)
        for spec in _preprocessings(model.spec)
        for noise in NOISES
        for brightness in BRIGHTNESSES
    ]


def _preprocessings(spec: Preprocessing) -> Iterator[Preprocessing]:
    yield spec
    if spec.exposure is not None:
        yield dataclasses.replace(spec, exposure=None)


def _score(
    model: predict.Opened,
    spec: Preprocessing,
    split: Split,
    votes: NDArray[np.int64] | None,
    brightness: float,
    noise: str,
) -> DarkScores:
    dark = darken(np.asarray(split.images), brightness, NOISES[noise])
    what = f'{split.name} at brightness {brightness:g}, noise {noise}'
    given = predict.predict_logits(model.run, dark, spec, what)
    voted = None
    if votes is not None:
        rows, labels = ferplus.labelled(votes)
        voted = metrics.accuracy(given.get(FERPLUS, given[FER2013])[rows], labels)
    return DarkScores(
        brightness,
        noise,
        spec.exposure is not None,
        metrics.accuracy(given[FER2013], split.labels),
        voted,
    )
