"""Statistics of repeated measurements."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Distribution:
    """Summary of a sample, in the sample's unit.

    Attributes:
        count: Number of values.
        minimum: Smallest value: what the machine can do when nothing disturbs it.
        p50: Median.
        p95: 95th percentile.
        p99: 99th percentile; with less than a hundred values it is close to the largest.
        mean: Arithmetic mean.
    """

    count: int
    minimum: float
    p50: float
    p95: float
    p99: float
    mean: float


def describe(values: Sequence[float]) -> Distribution:
    """Summarises a sample.

    Args:
        values: At least one finite value.

    Raises:
        ValueError: There is no value.
    """
    if not len(values):
        raise ValueError('A sample without values has no distribution.')
    sample = np.asarray(values, np.float64)
    p50, p95, p99 = np.percentile(sample, [50, 95, 99]).tolist()
    return Distribution(len(sample), float(sample.min()), p50, p95, p99, float(sample.mean()))


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Slope of the straight line that fits best (least squares), in units of y per unit of x.

    Fewer than two different x determine no line: the result is 0.
    """
    xs, ys = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if len(xs) < 2 or np.ptp(xs) == 0:
        return 0.0
    centred = xs - xs.mean()
    return float(centred @ (ys - ys.mean()) / (centred @ centred))
