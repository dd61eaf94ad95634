"""Endless seeded order of the training pictures, cut into epochs and batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from .data import Split

Batch = tuple[Tensor, Tensor]


def order(count: int, start: int, length: int, seed: int) -> NDArray[np.int64]:
    """A stretch of the endless order in which every pass over the data is freshly shuffled.

    It depends on its arguments alone, so a resumed run goes on where the killed one was.

    Args:
        count: Pictures in the split.
        start: First position of the stretch.
        length: Positions in the stretch.
        seed: Seed of the run.

    Returns:
        int64 `[length]`, each 0..count-1.
    """
    first, last = start // count, (start + length - 1) // count
    passes = [
        np.random.default_rng([seed, number]).permutation(count)
        for number in range(first, last + 1)
    ]
    offset = start - first * count
    return np.concatenate(passes)[offset : offset + length]


class Batches(IterableDataset[Batch]):
    """Batches of one epoch; whole batches only when shuffled.

    Args:
        split: Pictures and labels.
        batch_size: Pictures per batch.
        seed: Seed of the shuffle; None keeps the file's order.
        epoch_images: Pictures per epoch; None for as many as the split has.
        targets: float32 `[n, 7]` to yield in place of the labels, or None.

    Attributes:
        epoch: Which stretch of the order to yield, counted from 0.
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        *,
        seed: int | None = None,
        epoch_images: int | None = None,
        targets: NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__()
        self.split, self.batch_size, self.seed = split, batch_size, seed
        self.targets = split.labels if targets is None else targets
        images = epoch_images or len(split)
        self.images = images - images % batch_size if seed is not None else len(split)
        self.epoch = 0

    def __len__(self) -> int:
        return -(-self.images // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        """Yields uint8 `[n, 48, 48]` and int64 `[n]` labels or float32 `[n, 7]` targets."""
        positions = (
            np.arange(self.images)
            if self.seed is None
            else order(len(self.split), self.epoch * self.images, self.images, self.seed)
        )
        for begin in range(0, self.images, self.batch_size):
            chosen = positions[begin : begin + self.batch_size]
            yield (
                torch.from_numpy(self.split.images[chosen]),
                torch.from_numpy(self.targets[chosen]),
            )
