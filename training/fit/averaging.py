"""The averaged weights of a run: Lightning's callback, with an average that forgets its start."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor

# `AveragedModel` copies the weights of the first step when this counter is 0.
_FIRST = 1


class AveragedWeights(WeightAveraging):
    """Exponential moving average of weights and batch statistics, updated after every step.

    Validation and checkpoints see the average, `current_model_state` of a checkpoint holds the
    weights to go on with. Lightning's `EMAWeightAveraging` is not enough: its one decay would keep
    the random start in the average of a short run, and mix the weights of two image sizes. This
    one begins quickly, and anew at each size and each cycle of the learning rate.

    Args:
        decay: Share of the average that a step leaves, 0..1, once the average has warmed up.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(avg_fn=partial(moved, decay))

    def setup(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Copies the weights that the run starts with, as the first average."""
        # Lightning moves the module to its device only later, and would leave the average behind.
        pl_module.to(trainer.strategy.root_device)
        super().setup(trainer, pl_module, stage)
        self._restart()

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Restarts the average with a size or cycle: weights from before have no useful mean."""
        epoch = trainer.current_epoch
        if epoch > 0 and pl_module.recipe.train.begins_at(epoch):
            self._restart()

    def _restart(self) -> None:
        """Forgets the past quickly from now on."""
        if self._average_model is not None:
            self._average_model.n_averaged.fill_(_FIRST)


def moved(decay: float, average: Tensor, current: Tensor, steps: Tensor | int) -> Tensor:
    """One step of the average of a tensor; counters are copied.

    Args:
        decay: Share of the average that stays, once it has warmed up.
        average: The present average, of any shape.
        current: The value after the step, of the same shape.
        steps: Steps since the last restart with this one, at least 1.
    """
    if not torch.is_floating_point(average):
        return current
    count = int(steps)
    # An early average must forget the random start quickly.
    return average.lerp(current, 1 - min(decay, (1 + count) / (10 + count)))
