"""Low-rank factors of a fully connected layer, by singular value decomposition."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import TrainingError


@dataclass(frozen=True)
class Factors:
    """Two thin matrices whose product stands for a large one.

    Attributes:
        first: float32 `[rank, inputs]`, applied to the input.
        second: float32 `[outputs, rank]`, applied to what `first` gives.
        energy: Kept share of the squared Frobenius norm, 0..1; one less the squared relative
            error.
    """

    first: Tensor
    second: Tensor
    energy: float


def factorise(weight: Tensor, rank: int) -> Factors:
    """The product of two matrices of a given rank that is nearest to a weight matrix.

    With W = U S V^T the halves are sqrt(S) V^T and U sqrt(S), cut after `rank` singular values:
    no matrix of that rank is nearer in the Frobenius norm (Eckart & Young 1936). The root on both
    sides gives the halves equal norms, so that one learning rate suits both.

    Args:
        weight: float32 `[outputs, inputs]`.
        rank: Singular values kept, 1..min(outputs, inputs).

    Raises:
        TrainingError: The matrix has no such rank.
    """
    largest = min(weight.shape)
    if not 1 <= rank <= largest:
        raise TrainingError(
            f'model.fc_ranks: a {weight.shape[0]}x{weight.shape[1]} layer has ranks of 1 to '
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
