"""Per cent is the same wherever it is shown: of a face's own number and of its JSON's."""

import math

import numpy as np
import pytest

from emotion_perception.types import PROBABILITY_DIGITS, whole_percent


@pytest.mark.parametrize(
    ('probability', 'percent'),
    [(0.0, 0), (1.0, 100), (0.865, 87), (0.86502, 87), (0.86494, 86), (0.005, 1), (0.145, 15)],
)
def test_halves_are_rounded_up_once_there_are_four_decimals(probability, percent):
    assert whole_percent(probability) == percent


def test_what_is_drawn_is_what_the_json_gives():
    for probability in np.random.default_rng(0).random(20_000):
        as_written = round(float(probability), PROBABILITY_DIGITS)
        assert whole_percent(probability) == whole_percent(as_written)


@pytest.mark.parametrize(
    ('odd', 'percent'), [(math.nan, 0), (-0.2, 0), (1.3, 100), (math.inf, 100)]
)
def test_what_is_no_probability_stays_within_bounds(odd, percent):
    assert whole_percent(odd) == percent
