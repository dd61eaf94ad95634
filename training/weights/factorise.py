"""Cheaper forms of trained layers: low-rank factors by SVD, filters for a grey plane."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from training.errors import TrainingError


@dataclass(frozen=True)
class Factors:
    """Two thin layers that one after the other stand for a large one.

    Attributes:
        first: float32 `[rank, inputs]`, applied to the input; of a convolution `[rank, inputs, k,
            1]`.
        second: float32 `[outputs, rank]`, applied to what `first` gives; of a convolution
            `[outputs, rank, 1, k]`.
        energy: Kept share of the squared Frobenius norm, 0..1; one less the squared relative
            error.
    """

    first: Tensor
    second: Tensor
    energy: float


def factorise(weight: Tensor, rank: int, key: str = 'model.fc_ranks') -> Factors:
    """The product of two matrices of a given rank that is nearest to a weight matrix.

    With W = U S V^T the halves are sqrt(S) V^T and U sqrt(S), cut after `rank` singular values:
    no matrix of that rank is nearer in the Frobenius norm (Eckart & Young 1936). The root on both
    sides gives the halves equal norms, so that one learning rate suits both.

    Args:
        weight: float32 `[outputs, inputs]`.
        rank: Singular values kept, 1..min(outputs, inputs).
        key: What the recipe calls the rank, for the message.

    Raises:
        TrainingError: The matrix has no such rank.
    """
    largest = min(weight.shape)
    if not 1 <= rank <= largest:
        raise TrainingError(
            f'{key}: a {weight.shape[0]}x{weight.shape[1]} layer has ranks of 1 to '
            f'{largest}, not {rank}'
        )
    left, values, right = torch.linalg.svd(weight.detach().float(), full_matrices=False)
    root = values[:rank].sqrt()
    total = float(values.square().sum())
    kept = float(values[:rank].square().sum())
    return Factors(
        first=(root[:, None] * right[:rank]).contiguous(),
        second=(left[:, :rank] * root).contiguous(),
        energy=kept / total if total > 0 else 1.0,
    )


def factorise_convolution(weight: Tensor, rank: int) -> Factors:
    """The vertical and the horizontal convolution that together are nearest to a square one.

    The filters, read as a matrix from (input channel, row) to (output channel, column), are cut
    to a rank as any matrix (Jaderberg et al. 2014, scheme 2; Tai et al. 2016).

    Args:
        weight: float32 `[outputs, inputs, k, k]`.
        rank: Channels between the two, 1..k min(outputs, inputs).

    Raises:
        TrainingError: The filters have no such rank.
    """
    outputs, inputs, rows, columns = weight.shape
    matrix = weight.permute(0, 3, 1, 2).reshape(outputs * columns, inputs * rows)
    factors = factorise(matrix, rank, 'model.conv_ranks')
    return Factors(
        first=factors.first.reshape(rank, inputs, rows, 1),
        second=factors.second.reshape(outputs, columns, rank).permute(0, 2, 1)[:, :, None, :],
        energy=factors.energy,
    )


def grey_blocks(weight: Tensor, block: int) -> Tensor:
    """Filters for blocks of one grey plane that do what filters of equal colour channels did.

    Args:
        weight: float32 `[outputs, 3, k, k]` of a convolution whose stride is the block.
        block: Side of a block in pixels.

    Returns:
        float32 `[outputs, block * block, b, b]`, b the blocks that hold k pixels; the rows and
        columns past k are zero.
    """
    outputs, _, side, _ = weight.shape
    blocks = -(-side // block)
    missing = blocks * block - side
    grey = F.pad(weight.sum(dim=1), (0, missing, 0, missing))
    split = grey.reshape(outputs, blocks, block, blocks, block)
    return split.permute(0, 2, 4, 1, 3).reshape(outputs, block * block, blocks, blocks)


def fold_grid(weight: Tensor, channels: int, inputs: int) -> Tensor:
    """Weights for maps of another side that do what others did for theirs.

    Args:
        weight: float32 `[outputs, channels * g * g]`.
        channels: Number of maps.
        inputs: channels * s * s of the other maps, g a multiple of s or smaller.

    Returns:
        float32 `[outputs, inputs]`. Smaller maps stand for the same enlarged: each weight is the
        sum over the pixels that one has become. Larger ones stand for their means at the old side
        (`AdaptiveAvgPool2d`). The same weights where the side is the same, or the channels are not.
    """
    old, new = (math.isqrt(count // channels) for count in (weight.shape[1], inputs))
    if weight.shape[1] != channels * old**2 or inputs != channels * new**2 or old == new:
        return weight
    if old < new:
        pixels = torch.eye(new**2, device=weight.device).reshape(-1, 1, new, new)
        means = F.adaptive_avg_pool2d(pixels, old).flatten(1)
        return (weight.reshape(-1, channels, old**2) @ means.T).flatten(1)
    times = old // max(new, 1)
    if old != times * new:
        return weight
    return weight.reshape(-1, channels, new, times, new, times).sum(dim=(3, 5)).flatten(1)


def product(first: Tensor, second: Tensor) -> Tensor:
    """The one layer that two halves stand for, fully connected or convolutional."""
    if first.ndim == 2:
        return second @ first
    return torch.einsum('orc,rih->oihc', second.squeeze(2), first.squeeze(3))
