"""Endless seeded order of the training images, cut into epochs and batches."""

from __future__ import annotations

from collections.abc import Iterator

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from emotion_perception.inference.preprocessing import correct_exposure
from training.config import EXPOSURE, Recipe
from training.dataset.data import Split

_VALIDATION = 128  # images per batch, of any size that fits into memory

Batch = tuple[Tensor, Tensor]


def order(count: int, start: int, length: int, seed: int) -> NDArray[np.int64]:
    """A stretch of the endless order in which every pass over the data is freshly shuffled.

    It depends on its arguments alone, so a resumed run goes on where the killed one was.

    Args:
        count: Images in the split.
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


class BatchDataset(IterableDataset[Batch]):
    """Batches of one epoch; whole batches only when shuffled.

    Args:
        split: Images and labels.
        batch_size: Images per batch, in all parts together.
        seed: Seed of the shuffle; None keeps the file's order.
        epoch_images: Images per epoch; None for as many as the split has.
        targets: float32 `[n, c]` to yield in place of the labels, or None.
        part: Which of the parts to yield, from 0.
        parts: Processes that share each batch; a shuffled batch must divide by it. Together the
            parts yield what a single one would, and no image twice.

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
        part: int = 0,
        parts: int = 1,
    ) -> None:
        super().__init__()
        self.split, self.seed = split, seed
        self.part, self.parts, self.part_size = part, parts, max(1, batch_size // parts)
        self.targets = split.labels if targets is None else targets
        images = epoch_images or len(split)
        self.images = images - images % batch_size if seed is not None else len(split)
        self.epoch = 0

    def __len__(self) -> int:
        own = len(range(self.part, self.images, self.parts))
        return -(-own // self.part_size)

    def __iter__(self) -> Iterator[Batch]:
        """Yields uint8 `[n, 48, 48]` and int64 `[n]` labels or float32 `[n, c]` targets.

        Underexposed images are corrected, as the runtime corrects them.
        """
        positions = (
            np.arange(self.images)
            if self.seed is None
            else order(len(self.split), self.epoch * self.images, self.images, self.seed)
        )
        own = positions[self.part :: self.parts]
        for begin in range(0, len(own), self.part_size):
            chosen = own[begin : begin + self.part_size]
            images = correct_exposure(self.split.images[chosen], EXPOSURE)
            yield torch.from_numpy(images), torch.from_numpy(self.targets[chosen])


class DataModule(lightning.LightningDataModule):
    """Training and validation batches, dealt among the processes of the run.

    Args:
        recipe: The run.
        training: Images to train on.
        validation: Images to validate on.
        targets: float32 `[n, c]` to train on in place of the labels, or None.
    """

    def __init__(
        self,
        recipe: Recipe,
        training: Split,
        validation: Split,
        targets: NDArray[np.float32] | None = None,
    ) -> None:
        super().__init__()
        self.recipe, self.training, self.validation = recipe, training, validation
        self.targets = targets

    def train_dataloader(self) -> DataLoader[Batch]:
        """This process's part of the shuffled batches."""
        part, parts = self._part()
        batches = BatchDataset(
            self.training,
            self.recipe.train.batch_size,
            seed=self.recipe.seed,
            epoch_images=self.recipe.train.epoch_images,
            targets=self.targets,
            part=part,
            parts=parts,
        )
        return DataLoader(batches, batch_size=None)

    def val_dataloader(self) -> DataLoader[Batch]:
        """This process's part of the validation images, in the file's order."""
        part, parts = self._part()
        batches = BatchDataset(self.validation, _VALIDATION, part=part, parts=parts)
        return DataLoader(batches, batch_size=None)

    def _part(self) -> tuple[int, int]:
        if self.trainer is None:
            return 0, 1
        return self.trainer.global_rank, self.trainer.world_size
