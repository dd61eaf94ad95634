"""Low-rank factors: exact at full rank, the nearest possible below it."""

import pytest
import torch

from training.errors import TrainingError
from training.weights.factorise import factorise, factorise_convolution, fold_grid, product


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


@pytest.fixture
def filters() -> torch.Tensor:
    return torch.randn(12, 10, 5, 5, generator=torch.Generator().manual_seed(2))


def test_a_convolution_of_full_rank_is_exact(filters):
    factors = factorise_convolution(filters, 50)
    assert (factors.first.shape, factors.second.shape) == ((50, 10, 5, 1), (12, 50, 1, 5))
    torch.testing.assert_close(
        product(factors.first, factors.second), filters, atol=1e-5, rtol=1e-4
    )
    assert factors.energy == pytest.approx(1)


def test_two_thin_convolutions_compute_what_their_product_does(filters):
    factors = factorise_convolution(filters, 7)
    maps = torch.randn(2, 10, 9, 8, generator=torch.Generator().manual_seed(3))
    vertical = torch.nn.functional.conv2d(maps, factors.first, padding=(2, 0))
    found = torch.nn.functional.conv2d(vertical, factors.second, padding=(0, 2))
    square = product(factors.first, factors.second)
    expected = torch.nn.functional.conv2d(maps, square, padding=2)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    error = (filters - square).square().sum() / filters.square().sum()
    assert factors.energy == pytest.approx(1 - error.item(), rel=1e-4)


def test_impossible_rank_of_a_convolution(filters):
    with pytest.raises(
        TrainingError, match='conv_ranks: a 60x50 layer has ranks of 1 to 50, not 51'
    ):
        factorise_convolution(filters, 51)


def test_empty_layer_keeps_all_of_nothing():
    assert factorise(torch.zeros(4, 5), 2).energy == 1


def test_weights_for_larger_maps_see_their_means_at_the_old_side():
    weight, maps = torch.randn(5, 2 * 3 * 3), torch.randn(6, 2, 4, 4)
    means = torch.nn.functional.adaptive_avg_pool2d(maps, 3).flatten(1)
    larger = fold_grid(weight, 2, 2 * 4 * 4)
    torch.testing.assert_close(maps.flatten(1) @ larger.T, means @ weight.T)


@pytest.mark.parametrize('inputs', [2 * 3 * 3, 3 * 4 * 4, 2 * 2 * 2])
def test_weights_for_maps_that_cannot_be_converted_stay(inputs):
    weight = torch.randn(5, 2 * 3 * 3)
    assert torch.equal(fold_grid(weight, 2, inputs), weight)
