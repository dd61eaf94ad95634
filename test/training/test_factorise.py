"""Low-rank factors: exact at full rank, the nearest possible below it."""

import pytest

pytest.importorskip('torch', reason='training needs torch, the runtime does not')

import torch

from training.errors import TrainingError
from training.factorise import factorise


@pytest.fixture
def weight() -> torch.Tensor:
    return torch.randn(40, 90, generator=torch.Generator().manual_seed(1))


def test_full_rank_is_exact(weight):
    factors = factorise(weight, 40)
    assert (factors.first.shape, factors.second.shape) == ((40, 90), (40, 40))
    torch.testing.assert_close(factors.second @ factors.first, weight, atol=1e-5, rtol=1e-4)
    assert factors.energy == pytest.approx(1)


@pytest.mark.parametrize('rank', [1, 7, 30])
def test_error_is_the_least_possible(weight, rank):
    factors = factorise(weight, rank)
    error = torch.linalg.matrix_norm(weight - factors.second @ factors.first)
    # Eckart & Young: the root of the sum of the squares of the singular values left out.
    values = torch.linalg.svdvals(weight.double())
    least = values[rank:].square().sum().sqrt()
    assert error.item() == pytest.approx(least.item(), rel=1e-5)
    share = (values[:rank].square().sum() / values.square().sum()).item()
    assert factors.energy == pytest.approx(share, rel=1e-5)


def test_halves_have_equal_norms(weight):
    factors = factorise(weight, 12)
    assert factors.first.norm().item() == pytest.approx(factors.second.norm().item(), rel=1e-5)


@pytest.mark.parametrize('rank', [0, 41])
def test_impossible_rank(weight, rank):
    with pytest.raises(TrainingError, match=f'40x90 layer has ranks of 1 to 40, not {rank}'):
        factorise(weight, rank)


def test_empty_layer_keeps_all_of_nothing():
    assert factorise(torch.zeros(4, 5), 2).energy == 1
