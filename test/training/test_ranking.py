"""AUC, ROC, reject curve, paired comparison and ten-crop against small known cases."""

import math

import numpy as np
import pytest

from emotion_perception.inference.preprocessing import Preprocessing
from emotion_perception.labels import FER2013
from training.scoring import paired, ranking, tencrop


def test_auc_of_small_known_cases():
    positive = np.array([True, True, False, False])
    assert ranking.auc(np.array([0.9, 0.8, 0.2, 0.1]), positive) == 1
    assert ranking.auc(np.array([0.1, 0.2, 0.8, 0.9]), positive) == 0
    # Of the four pairs three are in order; with the tie, half of one more is lost.
    assert ranking.auc(np.array([0.8, 0.4, 0.5, 0.1]), positive) == 0.75
    assert ranking.auc(np.array([0.8, 0.4, 0.4, 0.1]), positive) == 0.875
    assert ranking.auc(np.full(4, 0.5), positive) == 0.5
    assert math.isnan(ranking.auc(np.ones(2), np.ones(2, bool)))


def test_auc_is_the_area_under_the_curve():
    rng = np.random.default_rng(1)
    positive = rng.random(300) < 0.3
    # Rounded, so that there are ties.
    scores = np.round(rng.random(300) + 0.4 * positive, 2)
    wrong, right = ranking.roc(scores, positive)
    assert (wrong[0], right[0], wrong[-1], right[-1]) == (0, 0, 1, 1)
    area = float((np.diff(wrong) * (right[1:] + right[:-1]) / 2).sum())
    assert ranking.auc(scores, positive) == pytest.approx(area, abs=1e-12)


def test_mean_auc_leaves_out_absent_classes():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1]])
    areas = ranking.class_aucs(probabilities, np.array([0, 1, 1]))
    assert areas[:2] == (1, 1)
    assert math.isnan(areas[2])
    assert ranking.mean_auc(areas) == 1
    assert math.isnan(ranking.mean_auc((math.nan,)))


def test_reject_curve_counts_equal_confidence_together():
    curve = ranking.reject_curve(
        np.array([0.5, 0.9, 0.7, 0.7]), np.array([False, True, False, True])
    )
    assert curve.coverage.tolist() == [0.25, 0.75, 1]
    assert curve.accuracy.tolist() == pytest.approx([1, 2 / 3, 0.5])
    assert curve.at(1.0) == (1, 0.5, 0.5)
    assert curve.at(0.5) == (0.75, pytest.approx(2 / 3), 0.7)


def test_paired_comparison():
    first = np.array([True] * 6 + [True] * 9 + [False] * 1 + [False] * 4)
    second = np.array([True] * 6 + [False] * 9 + [True] * 1 + [False] * 4)
    found = paired.compare(first, second)
    assert (found.both, found.only_first, found.only_second, found.count) == (6, 9, 1, 20)
    assert (found.first.hits, found.second.hits) == (15, 7)
    assert found.gain == pytest.approx(-0.4)
    # Binomial: 2 * (1 + 10) / 2^10.
    assert found.p_value == pytest.approx(22 / 1024)
    assert found.interval == found.interval
    assert -0.7 < found.interval[0] < -0.4 < found.interval[1] < 0


def test_paired_interval_is_near_the_normal_one():
    found = paired.Comparison(5000, 600, 500, 10_000)
    half = 1.96 * math.sqrt(600 + 500 - 100**2 / 10_000) / 10_000
    assert found.interval == (
        pytest.approx(-0.01 - half, abs=5e-4),
        pytest.approx(-0.01 + half, abs=5e-4),
    )


def test_comparison_of_nothing_is_not_a_number():
    nothing = paired.compare(np.zeros(0, bool), np.zeros(0, bool))
    assert math.isnan(nothing.gain)
    assert math.isnan(nothing.interval[0])
    assert nothing.p_value == 1


def test_ten_crops_are_corners_centre_and_mirrors():
    image = np.arange(48 * 48, dtype=np.int64).reshape(1, 48, 48).astype(np.uint8)
    views = tencrop.crops(image)
    assert [view.shape for view in views] == [(1, 44, 44)] * 10
    np.testing.assert_array_equal(views[0][0], image[0, :44, :44])
    np.testing.assert_array_equal(views[3][0], image[0, 4:, 4:])
    np.testing.assert_array_equal(views[4][0], image[0, 2:46, 2:46])
    np.testing.assert_array_equal(views[9], views[4][:, :, ::-1])


def test_ten_crop_averages_probabilities():
    calls = []

    def run(faces):
        assert faces.shape[1:] == (3, 227, 227)
        calls.append(len(faces))
        # Nine views are sure of class 0, one of class 1.
        sure = 1 if len(calls) == 1 else 0
        scores = np.where(np.arange(7) == sure, 50, 0)[None].repeat(len(faces), 0)
        return {FER2013: scores.astype(np.float32)}

    images = np.zeros((2, 48, 48), np.uint8)
    mean = tencrop.probabilities(run, images, Preprocessing(mean=0.5, std=0.25))
    assert len(calls) == 10
    np.testing.assert_allclose(mean[:, :2], [[0.9, 0.1]] * 2, atol=1e-9)
