"""Several processes that train one network, each on its share of every batch."""

from __future__ import annotations

from typing import Any

import torch
from lightning import Callback
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from training.errors import TrainingError

# 2**32 over the golden ratio: spreads the seeds of any number of processes over the 32 bits that
# torch's generator for the CPU looks at (it drops all higher ones).
_SEED_STRIDE = 0x9E3779B1


def check(devices: int, batch_size: int, validation_images: int) -> None:
    """Refuses a number of devices that the machine or the recipe does not allow.

    Args:
        devices: Processes asked for, one for each GPU, or any number on a machine without one.
        batch_size: Images per step in all processes together.
        validation_images: Images of PublicTest.

    Raises:
        TrainingError: There are fewer GPUs, the batch does not divide, or a process would have
            nothing to validate on.
    """
    if devices < 1:
        raise TrainingError(f'--devices must be at least 1, not {devices}')
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpus and devices > gpus:
        raise TrainingError(f'--devices {devices} is more than the {gpus} GPUs of this machine')
    if batch_size % devices:
        raise TrainingError(
            f'train.batch_size {batch_size} counts the images of all processes and must be a '
            f'multiple of --devices {devices}'
        )
    if validation_images < devices:
        raise TrainingError(
            f'PublicTest has {validation_images} images, and each of {devices} processes needs '
            'one to validate on: give data with more'
        )


def trainer_options(devices: int) -> dict[str, Any]:
    """What Lightning's Trainer must be told for a number of devices.

    On GPUs the batch norms see the whole batch (SyncBatchNorm); that has no version for the CPU,
    where each process normalises by its own share and `share_statistics` keeps the running ones
    equal. Buffers are not broadcast at each step: so they are equal already.
    """
    if devices == 1:
        return {'accelerator': 'auto', 'devices': 1}
    gpu = torch.cuda.is_available()
    return {
        'accelerator': 'cuda' if gpu else 'cpu',
        'devices': devices,
        'strategy': DDPStrategy(broadcast_buffers=False),
        'sync_batchnorm': gpu,
        'use_distributed_sampler': False,  # the batches are dealt by `batches.DataModule`
    }


def is_first() -> bool:
    """Whether this process writes and prints for all; in a single process always."""
    return int(getattr(rank_zero_only, 'rank', 0)) == 0


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """Seed of the augmentations and the dropout of one step in one process.

    It depends on its arguments alone, so a resumed run goes on where the killed one was.

    Args:
        seed: Seed of the run.
        step: Steps done in the run.
        rank: Number of the process; 0 draws what a single process draws.
    """
    return seed * 1_000_003 + step + rank * _SEED_STRIDE


def mean(values: Tensor) -> Tensor:
    """The mean over all processes, the same in each; in a single process the values themselves.

    Every process must call it, with the same shape. No gradient passes.
    """
    if not _many():
        return values
    total = values.detach().clone()
    distributed.all_reduce(total)
    return total / distributed.get_world_size()


def _many() -> bool:
    return distributed.is_available() and distributed.is_initialized()


@torch.no_grad()
def share_statistics(network: nn.Module) -> None:
    """Replaces the running statistics of plain batch norms by their mean over all processes.

    The mean is that of the whole batch; the variance lacks the small part that lies between the
    processes' means.
    """
    if not _many():
        return
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm)]
    values = [
        value
        for norm in norms
        if not isinstance(norm, nn.SyncBatchNorm)
        for value in (norm.running_mean, norm.running_var)
        if value is not None
    ]
    if not values:
        return
    shared = torch.split(mean(torch.cat(values)), [len(value) for value in values])
    for value, part in zip(values, shared, strict=True):
        value.copy_(part)


class SharedStatistics(Callback):
    """Keeps the batch norms of all processes alike; to stand before what averages the weights."""

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Shares the running statistics after every step."""
        share_statistics(pl_module.network)
