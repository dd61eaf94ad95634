"""Two ways to classify the same images: which is better, and by how much for certain."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.scoring.metrics import Share

RESAMPLES = 10_000
SEED = 0


@dataclass(frozen=True)
class Comparison:
    """Right and wrong predictions of two ways on the same images.

    Attributes:
        both: Images that both predict right.
        only_first: Images that only the first predicts right.
        only_second: Images that only the second predicts right.
        count: All images.
    """

    both: int
    only_first: int
    only_second: int
    count: int

    @property
    def first(self) -> Share:
        """Accuracy of the first way."""
        return Share(self.both + self.only_first, self.count)

    @property
    def second(self) -> Share:
        """Accuracy of the second way."""
        return Share(self.both + self.only_second, self.count)

    @property
    def gain(self) -> float:
        """Accuracy of the second less that of the first, -1..1; NaN without images."""
        return (self.only_second - self.only_first) / self.count if self.count else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Paired percentile bootstrap, 95 %, of the gain; the same numbers at every call.

        Resampling images is drawing how many of them favour one way or the other, which is
        multinomial: no image needs to be touched.
        """
        if not self.count:
            return math.nan, math.nan
        shares = np.array([self.only_first, self.only_second]) / self.count
        drawn = np.random.default_rng(SEED).multinomial(
            self.count, [*shares, max(0.0, 1 - shares.sum())], RESAMPLES
        )
        low, high = np.quantile((drawn[:, 1] - drawn[:, 0]) / self.count, (0.025, 0.975))
        return float(low), float(high)

    @property
    def p_value(self) -> float:
        """McNemar's exact two-sided test that both ways are equally good."""
        discordant = self.only_first + self.only_second
        fewer = min(self.only_first, self.only_second)
        tail = sum(math.comb(discordant, k) for k in range(fewer + 1))
        return min(1.0, 2 * tail / (1 << discordant))


def compare(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Comparison:
    """Counts the images that both, only one or neither way predicts right.

    Args:
        first: bool `[n]`, whether the first way is right.
        second: bool `[n]`, the same images by the second way.
    """
    return Comparison(
        int((first & second).sum()),
        int((first & ~second).sum()),
        int((~first & second).sum()),
        len(first),
    )
