"""Percentiles, slopes, and alternating measurements."""

import numpy as np
import pytest

from benchmarks.distribution import describe, slope
from benchmarks.timing import Stopwatch, measure


def test_describes_a_sample():
    found = describe(range(101))

    assert (found.count, found.minimum, found.p50, found.p95, found.p99, found.mean) == (
        101,
        0.0,
        50.0,
        95.0,
        99.0,
        50.0,
    )


def test_a_single_value_is_all_its_percentiles():
    found = describe([7.0])

    assert found.minimum == found.p50 == found.p95 == found.p99 == found.mean == 7.0


def test_an_empty_sample_is_refused():
    with pytest.raises(ValueError, match='without values'):
        describe([])


def test_slope_of_a_noisy_line():
    x = np.arange(200.0)
    noise = np.random.default_rng(0).normal(0, 0.1, 200)

    assert slope(x, 3 - 0.5 * x + noise) == pytest.approx(-0.5, abs=1e-3)


@pytest.mark.parametrize(('x', 'y'), [([], []), ([1.0], [2.0]), ([3.0, 3.0], [1.0, 9.0])])
def test_too_little_for_a_line_has_no_slope(x, y):
    assert slope(x, y) == 0.0


def test_stopwatch_returns_the_result_and_keeps_the_order():
    watch = Stopwatch()

    assert watch.run('second', lambda: 2) == 2
    assert watch.run('first', lambda: 1) == 1
    watch.run('second', lambda: 2)

    timings = watch.timings()
    assert list(timings) == ['second', 'first']
    assert timings['second'].wall.count == timings['second'].cpu.count == 2


def test_functions_alternate_and_every_other_round_goes_backwards():
    calls = []
    times = measure(
        {'a': lambda: calls.append('a'), 'b': lambda: calls.append('b')}, rounds=3, block=2
    )

    warm_up = 'aabb'
    assert ''.join(calls) == warm_up + 'aabb' + 'bbaa' + 'aabb'
    assert list(times) == ['a', 'b']
    assert times['a'].wall.count == times['b'].wall.count == 6
