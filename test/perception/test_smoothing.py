import math

import numpy as np
import pytest

from emotion_perception.tracking.tracker import (
    SmoothedProbabilities,
    smooth,
    smoothing_weight,
)

HAPPY = np.array([0, 0, 0, 1, 0, 0, 0], np.float32)
SAD = np.array([0, 0, 0, 0, 1, 0, 0], np.float32)


def after(seconds, steps, tau=0.3):
    """Probabilities of a face that turns from happy to sad and is seen `steps` times."""
    state = HAPPY
    for _ in range(steps):
        state = smooth(state, SAD, smoothing_weight(seconds / steps, tau))
    return state


def test_after_one_time_constant_63_percent_are_followed():
    assert smoothing_weight(0.3, 0.3) == pytest.approx(1 - 1 / math.e)


@pytest.mark.parametrize('steps', [2, 3, 10, 100])
def test_the_result_does_not_depend_on_the_frame_rate(steps):
    np.testing.assert_allclose(after(0.5, steps), after(0.5, 1), atol=1e-6)


@pytest.mark.parametrize('elapsed', [0.0, 0.01, 5.0])
def test_a_time_constant_of_zero_switches_smoothing_off(elapsed):
    assert smoothing_weight(elapsed, 0.0) == 1.0
    np.testing.assert_array_equal(smooth(HAPPY, SAD, 1.0), SAD)


def test_the_sum_stays_one():
    random = np.random.default_rng(1)
    state = None
    for row in random.dirichlet(np.ones(7), 500).astype(np.float32):
        state = smooth(state, row, smoothing_weight(0.033, 0.3))
        assert state.dtype == np.float32
        assert state.sum() == pytest.approx(1.0, abs=1e-5)
        assert (state >= 0).all()


def test_the_first_sample_is_taken_as_it_is():
    np.testing.assert_array_equal(smooth(None, SAD, 0.1), SAD)


def test_no_time_and_time_that_goes_back_change_nothing():
    assert smoothing_weight(0.0, 0.3) == 0.0
    assert smoothing_weight(-1.0, 0.3) == 0.0
    np.testing.assert_array_equal(smooth(HAPPY, SAD, 0.0), HAPPY)


def test_inputs_are_not_changed():
    previous, current = HAPPY.copy(), SAD.copy()
    smooth(previous, current, 0.5)
    np.testing.assert_array_equal(previous, HAPPY)
    np.testing.assert_array_equal(current, SAD)


# --- one face over time --------------------------------------------------------------------------

SECOND = 1_000_000_000


def test_a_face_is_followed_by_its_stamps():
    face = SmoothedProbabilities()
    np.testing.assert_array_equal(face.update(HAPPY, 5 * SECOND, 0.3), HAPPY)
    smoothed = face.update(SAD, 5 * SECOND + SECOND * 3 // 10, 0.3)
    np.testing.assert_allclose(smoothed, smooth(HAPPY, SAD, 1 - 1 / math.e), atol=1e-6)


def test_time_that_goes_back_starts_a_new_stream():
    face = SmoothedProbabilities()
    face.update(HAPPY, 5 * SECOND, 0.3)
    np.testing.assert_array_equal(face.update(SAD, 4 * SECOND, 0.3), SAD)


def test_without_smoothing_every_image_counts_alone():
    face = SmoothedProbabilities()
    face.update(HAPPY, SECOND, 0.0)
    np.testing.assert_array_equal(face.update(SAD, SECOND + 1, 0.0), SAD)
