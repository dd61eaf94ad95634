"""Smoothing of class probabilities along a track, independent of the frame rate."""

import math

import numpy as np
import numpy.typing as npt

from emotion_perception.types import NS_PER_S

Probabilities = npt.NDArray[np.float32]


def smoothing_weight(elapsed_s: float, time_constant_s: float) -> float:
    """Weight of the newest sample in a first-order low-pass filter.

    The exact discretisation `1 - exp(-dt / tau)`: halving the frame rate changes the weight of a
    frame, not the speed at which the label follows the face.

    Args:
        elapsed_s: Time since the last sample in seconds, >= 0.
        time_constant_s: Time in seconds after which 63 % of a change is followed; 0 switches the
            smoothing off.

    Returns:
        Weight of the new sample, 0..1.
    """
    if time_constant_s <= 0:
        return 1.0
    return 1.0 - math.exp(-max(elapsed_s, 0.0) / time_constant_s)


def smooth(previous: Probabilities | None, current: Probabilities, weight: float) -> Probabilities:
    """Moves `previous` towards `current` by `weight`; a convex mean, so the sum stays 1.

    Args:
        previous: float32 [7], or None on the first sample of a track.
        current: float32 [7], this frame's probabilities.
        weight: Weight of `current`, 0..1.

    Returns:
        float32 [7].
    """
    if previous is None:
        return current
    return np.asarray(previous + np.float32(weight) * (current - previous), np.float32)


class SmoothedProbabilities:
    """Probabilities of one face over time."""

    def __init__(self) -> None:
        """Starts without a state: the first ones are taken as they are."""
        self._probabilities: Probabilities | None = None
        self._stamp_ns = 0

    def update(
        self, current: Probabilities, stamp_ns: int, time_constant_s: float
    ) -> Probabilities:
        """Takes the next ones and returns the smoothed ones.

        Args:
            current: float32 [7].
            stamp_ns: Time of their image in nanoseconds. Where it lies before the last one, a new
                stream starts.
            time_constant_s: As of `smoothing_weight`.

        Returns:
            float32 [7].
        """
        if stamp_ns < self._stamp_ns:
            self._probabilities = None
        weight = smoothing_weight((stamp_ns - self._stamp_ns) / NS_PER_S, time_constant_s)
        self._stamp_ns = stamp_ns
        self._probabilities = smooth(self._probabilities, current, weight)
        return self._probabilities
