"""Scores against values worked out by hand or by definition."""

import numpy as np
import pytest

from training.scoring import metrics


def test_wilson_interval():
    # Published example: 81 of 263 gives 0.2553 to 0.3662 (Newcombe 1998).
    low, high = metrics.Share(81, 263).interval
    assert (low, high) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))
    assert metrics.Share(0, 10).interval[0] == pytest.approx(0, abs=1e-12)


def test_class_scores_of_a_small_confusion():
    matrix = metrics.confusion(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0]), 3)
    assert matrix.tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 0]]
    first, second, absent = metrics.class_scores(matrix)
    assert (first.precision, first.recall, first.support) == (0.5, 0.5, 2)
    assert second.f1 == pytest.approx(2 / 3)
    assert absent.f1 == 0
    assert metrics.macro_f1([first, second, absent]) == pytest.approx((0.5 + 2 / 3) / 2)


def test_temperature_undoes_overconfidence():
    rng = np.random.default_rng(0)
    true = rng.normal(size=(4000, 7)) * 2
    shares = np.exp(metrics.log_softmax(true))
    labels = np.array([rng.choice(7, p=row / row.sum()) for row in shares])
    temperature = metrics.fit_temperature(true * 3, labels)
    assert temperature == pytest.approx(3, rel=0.06)
    assert metrics.nll(true * 3, labels, temperature) < metrics.nll(true * 3, labels)
    before = metrics.reliability(true * 3, labels)
    after = metrics.reliability(true * 3, labels, temperature)
    assert after.ece < 0.03 < before.ece
    assert after.counts.sum() == 4000


def test_nll_of_even_logits():
    assert metrics.nll(np.zeros((5, 7)), np.arange(5)) == pytest.approx(np.log(7))
