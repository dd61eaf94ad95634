"""Soft targets, mixup and the losses, each against a value worked out by hand or by torch."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from training.config import AugmentConfig, DataConfig, DistillConfig, OptimConfig, TrainConfig
from training.dataset import augment, data, targets
from training.errors import TrainingError
from training.fit import losses


@pytest.fixture
def scores() -> torch.Tensor:
    return torch.randn(5, 7, generator=torch.Generator().manual_seed(1))


LABELS = torch.tensor([0, 3, 3, 6, 1])


def test_votes_are_mixed_with_the_hard_label():
    votes = np.array(
        [
            # neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, NF
            [0, 0, 0, 2, 6, 0, 1, 0, 0, 1],  # single votes do not count
            [0, 0, 0, 0, 0, 0, 0, 8, 2, 0],  # nothing FER-2013 has a class for
        ]
    )
    half = targets.soft(votes, np.array([0, 4]), 0.5)
    np.testing.assert_allclose(half[0], [0.5 + 0.375, 0, 0, 0, 0.125, 0, 0], atol=1e-6)
    np.testing.assert_allclose(half[1], np.eye(7)[4])
    assert half.dtype == np.float32
    only = targets.soft(votes, np.array([3, 4]), 1.0)
    np.testing.assert_allclose(only[0], [0.75, 0, 0, 0, 0.25, 0, 0], atol=1e-6)


def test_votes_join_by_the_row_of_the_file(made_csv, tmp_path):
    dataset = data.load(made_csv, tmp_path)
    votes = np.zeros((112, 10), np.int64)
    votes[:, 0] = 10  # all neutral
    votes[9] = np.eye(10)[6] * 10  # fear
    split = dataset['Training'].select(np.array([9, 2]))
    found = targets.with_votes(dataset, split, votes, 1.0)
    assert found.argmax(axis=1).tolist() == [2, 6]
    assert targets.with_votes(dataset, split, None, 0.0) is None
    apart = targets.with_votes(dataset, split, votes, 0.3, apart=True)
    assert apart.dtype == np.float32
    np.testing.assert_array_equal(apart[:, :7], np.eye(7)[split.labels])
    np.testing.assert_array_equal(apart[:, 7:], found)
    with pytest.raises(TrainingError, match='give --ferplus'):
        targets.with_votes(dataset, split, None, 0.3)
    with pytest.raises(TrainingError, match=r'set data\.ferplus above 0'):
        targets.with_votes(dataset, split, votes, 0.0)
    with pytest.raises(TrainingError, match='111 rows, the data set 112'):
        targets.with_votes(dataset, split, votes[1:], 0.3)


@pytest.mark.parametrize('smoothing', [0.0, 0.1])
@pytest.mark.parametrize('weighted', [False, True])
def test_soft_cross_entropy_of_one_hot_targets_is_that_of_labels(scores, smoothing, weighted):
    weight = torch.arange(1, 8).float() if weighted else None
    hard = F.cross_entropy(scores, LABELS, weight=weight, label_smoothing=smoothing)
    for wanted in (LABELS, losses.one_hot(LABELS)):
        torch.testing.assert_close(losses.cross_entropy(scores, wanted, weight, smoothing), hard)


def test_soft_cross_entropy_is_least_at_the_target():
    wanted = torch.tensor([[0.5, 0.25, 0.25, 0, 0, 0, 0]])
    fitting = losses.cross_entropy(torch.log(wanted + 1e-9), wanted)
    assert fitting.item() == pytest.approx(1.5 * np.log(2), abs=1e-4)
    assert losses.cross_entropy(torch.zeros(1, 7), wanted) > fitting


def test_distillation_is_zero_for_the_teachers_own_scores(scores):
    taught = (scores / 3).softmax(dim=1)
    assert losses.distillation(scores, taught, 3.0).item() == pytest.approx(0, abs=1e-5)
    assert losses.distillation(scores.flip(1), taught, 3.0) > 0.1


def test_mixup_blends_images_and_targets_alike():
    # A image that shows its own target: both must be blended by the same weight.
    wanted = losses.one_hot(LABELS)
    faces = wanted[:, None, None, :].expand(-1, 1, 7, -1).contiguous()
    mixed, blend = augment.mixup(faces, wanted, 1.0, torch.Generator().manual_seed(5))
    torch.testing.assert_close(mixed[:, 0, 0], blend)
    torch.testing.assert_close(blend.sum(dim=1), torch.ones(5))
    assert not torch.equal(blend, wanted)
    again, _ = augment.mixup(faces, wanted, 1.0, torch.Generator().manual_seed(5))
    assert torch.equal(again, mixed)
    same, target = augment.mixup(faces, wanted, 0.0, torch.Generator())
    assert same is faces
    assert target is wanted


@pytest.mark.parametrize(
    ('make', 'message'),
    [
        (lambda: DataConfig(ferplus=1.5), r'data\.ferplus must be between 0 and 1, not 1\.5'),
        (lambda: AugmentConfig(mixup=-1.0), r'augment\.mixup must be at least 0'),
        (lambda: OptimConfig(plateau_factor=2.0), r'optim\.plateau_factor must be between'),
        (lambda: TrainConfig(patience=0), r'train\.patience must be at least 1'),
        (lambda: DistillConfig(temperature=0.0), r'distill\.temperature must be at least'),
    ],
)
def test_senseless_values_are_refused(make, message):
    with pytest.raises(TrainingError, match=message):
        make()
