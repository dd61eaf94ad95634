"""Logit adjustment: what it does to predictions, and the curve by which its strength is chosen."""

from pathlib import Path

import numpy as np
import pytest

from training.cli import main
from training.dataset import data, ferplus
from training.errors import TrainingError
from training.scoring import adjustment

MODEL = Path(__file__).parents[2] / 'models/emotion_alexnet.onnx'
SHARES = np.array([0.1, 0.02, 0.05, 0.26, 0.13, 0.12, 0.32])


def votes_of(labels, count=10) -> np.ndarray:
    """All annotators agree."""
    votes = np.zeros((len(labels), 10), np.int64)
    votes[np.arange(len(labels)), np.asarray(ferplus.FER2013_COLUMNS)[labels]] = count
    return votes


@pytest.fixture(scope='module')
def calibrated():
    """Logits of a perfectly calibrated network on classes that overlap, and the labels."""
    rng = np.random.default_rng(4)
    labels = rng.choice(7, 6000, p=SHARES)
    evidence = rng.normal(size=(6000, 7)) + 1.5 * np.eye(7)[labels]
    return 1.5 * evidence + np.log(SHARES), labels


def test_at_full_strength_the_shares_are_gone(calibrated):
    logits, _ = calibrated
    adjusted = adjustment.adjust(logits, SHARES, 1.0)
    np.testing.assert_allclose(adjusted + np.log(SHARES), logits)
    np.testing.assert_array_equal(adjustment.adjust(logits, SHARES, 0.0), logits)


def test_a_calibrated_network_has_its_best_mean_recall_near_full_strength(calibrated):
    logits, labels = calibrated
    points = adjustment.curve(logits, votes_of(labels), SHARES, (0.0, 0.5, 1.0, 2.0))
    assert adjustment.best(points).strength == 1.0
    assert points[2].mean_recall > points[0].mean_recall + 0.05
    # What is right most often is what knows the shares.
    assert max(points, key=lambda point: point.accuracy.value).strength == 0.0
    assert points[0].accuracy.count == 6000
    expected = [np.mean(logits[labels == each].argmax(axis=1) == each) for each in range(7)]
    np.testing.assert_allclose(points[0].recalls, expected)


def test_the_strength_is_chosen_for_the_predictions_with_the_bonus(calibrated):
    logits, labels = calibrated
    alone = adjustment.choose(logits, votes_of(labels), SHARES).strength
    half = -0.5 * np.log(SHARES)  # what half of the strength would add
    beside = adjustment.choose(logits, votes_of(labels), SHARES, half).strength
    assert beside == pytest.approx(alone - 0.5)


def test_of_equal_strengths_the_weakest_is_chosen():
    labels = np.arange(7)
    points = adjustment.curve(50 * np.eye(7), votes_of(labels), SHARES)
    assert {point.mean_recall for point in points} == {1.0}
    assert adjustment.best(points).strength == 0.0


def test_confidence_is_compared_with_the_share_of_the_votes():
    # Seven of ten annotators say Happy, which the network thinks 70 % likely.
    votes = np.zeros((4, 10), np.int64)
    votes[:, ferplus.COLUMNS.index('happiness')] = 7
    votes[:, ferplus.COLUMNS.index('neutral')] = 3
    probabilities = np.full((4, 7), 0.3 / 6)
    probabilities[:, 3] = 0.7
    assert adjustment.votes_ece(np.log(probabilities), votes) == pytest.approx(0, abs=1e-9)
    votes[:, ferplus.COLUMNS.index('neutral')] = 1  # a single vote does not count
    assert adjustment.votes_ece(np.log(probabilities), votes) == pytest.approx(0.3)


def test_images_without_votes_for_the_classes_are_left_out():
    votes = np.concatenate([votes_of([3]), np.zeros((1, 10), np.int64)])
    votes[1, ferplus.COLUMNS.index('NF')] = 10
    logits = np.log(np.array([[0.01] * 3 + [0.94] + [0.01] * 3] * 2))
    assert adjustment.votes_ece(logits, votes) == pytest.approx(0.06)


@pytest.fixture
def votes_file(tmp_path, made_rows) -> Path:
    path = tmp_path / 'votes.csv'
    lines = [','.join(['Usage', 'Image name', *ferplus.COLUMNS])]
    for row in votes_of([label for label, _, _ in made_rows]):
        lines.append(','.join(['x', 'x.png', *map(str, row)]))
    path.write_text('\n'.join(lines) + '\n')
    return path


def test_the_shares_are_those_of_the_votes_in_training(made_csv, votes_file, tmp_path):
    dataset = data.load(made_csv, tmp_path / 'cache')
    training = dataset['Training']
    votes = ferplus.votes_for(votes_file, dataset)
    shares = adjustment.priors(training, votes)
    np.testing.assert_allclose(shares, np.bincount(training.labels, minlength=7) / len(training))


def test_the_command_prints_the_curve(made_csv, votes_file, tmp_path, capsys):
    words = ['--data', str(made_csv), '--cache', str(tmp_path / 'cache'), '--threads', '1']
    words += ['--ferplus', str(votes_file), '--model', str(MODEL)]
    assert main(['adjust', *words]) == 0
    printed = capsys.readouterr().out
    assert 'Shares of the votes in Training: Angry 0.1429, ' in printed
    # The made classes are equally frequent: nothing changes.
    assert 'at strength 0 (n = 21, PublicTest' in printed
    strengths, thresholds = printed.split('As an export would balance them (strength 0, bonus none')
    assert len([line for line in strengths.splitlines() if line.startswith('| 0')]) == 10
    named = [line.split(' | ')[1] for line in thresholds.splitlines() if line.startswith('| 0')]
    assert named[0] == '100.0%'
    assert len(named) == 8


def test_a_bonus_is_read_from_a_command_line_and_added():
    bonus = adjustment.read_bonus(['Happy=1.5', 'Fear=-0.5'])
    assert bonus.tolist() == [0, 0, -0.5, 1.5, 0, 0, 0]
    logits = np.zeros((2, 7))
    given = adjustment.adjust(logits, SHARES, 1.0, bonus)
    np.testing.assert_allclose(given - adjustment.adjust(logits, SHARES, 1.0), [bonus, bonus])
    for wrong in ('Joy=1', 'Happy', 'Happy=much'):
        with pytest.raises(TrainingError, match='such as Happy'):
            adjustment.read_bonus([wrong])


def test_the_balanced_temperature_is_the_least_sure_one_that_is_right():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 7, 4000)
    said = labels.copy()
    wrong = rng.random(len(labels)) < 0.2
    said[wrong] = rng.integers(0, 7, wrong.sum())
    # Sure of what is right in 83 of 100: log(0.83 / (0.17 / 6)) nats, here only 0.75 times as much.
    logits = 0.75 * np.log(0.83 / (0.17 / 6)) * np.eye(7)[said]
    assert adjustment.temperature(logits, votes_of(labels)) == pytest.approx(0.8, abs=0.06)
