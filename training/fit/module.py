"""The Lightning module: one training step, validation, the schedule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import lightning
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR, ReduceLROnPlateau

from emotion_perception.labels import FER2013, FERPLUS, NUM_EMOTIONS
from training.config import OptimConfig, Recipe
from training.dataset import augment
from training.dataset.batches import Batch
from training.fit import losses, processes
from training.models import build, channels_last, logits_by_label_set, planes


def rate_factor(epochs: float, recipe: Recipe) -> float:
    """Factor on `OptimConfig.lr` after so many epochs."""
    highest, progress = recipe.train.cycle_at(epochs)
    factor = learning_rate(progress, recipe.optim)
    return factor if highest is None else factor * highest / recipe.optim.lr


def learning_rate(progress: float, config: OptimConfig) -> float:
    """Factor on the highest learning rate of a cycle: a linear rise, then one cosine.

    Args:
        progress: Finished part of the cycle's work, 0..1.
        config: Warm-up share and final factor.
    """
    if progress < config.warmup:
        return (progress + 1e-3) / (config.warmup + 1e-3)
    rest = min(1.0, (progress - config.warmup) / max(1e-9, 1 - config.warmup))
    return config.final_lr + (1 - config.final_lr) * (1 + math.cos(math.pi * rest)) / 2


class Teacher(Protocol):
    """What distillation needs; `teachers.Teachers` is one."""

    def probabilities(self, faces: Tensor) -> dict[str, Tensor]:
        """Softened probabilities by label set of faces float32 `[n, 1, s, s]` in 0..1."""


class Classifier(lightning.LightningModule):
    """Trains one network by one recipe.

    Args:
        recipe: The run.
        mean: Mean grey value of the Training split, 0..1.
        std: Standard deviation of the same.
        class_weights: float32 `[7]` or None for equal weights.
        teacher: Teaches besides the targets, or None.
        taught: Label sets of the teachers' predictions that stand beside the targets, seven more
            columns for each.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        recipe: Recipe,
        mean: float,
        std: float,
        class_weights: Tensor | None = None,
        teacher: Teacher | None = None,
        taught: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.recipe, self.mean, self.std, self.teacher = recipe, mean, std, teacher
        self.taught = tuple(taught)
        self._plateau: ReduceLROnPlateau | None = None
        self._plateau_state: dict[str, Any] = {}
        self.network = channels_last(build(recipe.model))
        self.register_buffer('class_weights', class_weights, persistent=False)

    def forward(self, faces: Tensor) -> Tensor:
        """float32 `[n, 1, s, s]` in 0..1 to logits float32 `[n, 7]`."""
        return self._logits(faces)[FER2013]

    def _logits(self, faces: Tensor) -> dict[str, Tensor]:
        with self._autocast():
            by_label_set = logits_by_label_set(self.network, self._planes(faces))
        return {labels: logits.float() for labels, logits in by_label_set.items()}

    def _planes(self, faces: Tensor) -> Tensor:
        return planes((faces - self.mean) / self.std, self.recipe.model)

    def _autocast(self) -> torch.autocast:
        """Around networks only: bfloat16 would misplace the augmentation's sampling points."""
        bf16 = self.recipe.train.precision == 'bf16'
        return torch.autocast(self.device.type, torch.bfloat16, enabled=bf16)

    @property
    def size(self) -> int:
        """Side of the images in the present epoch."""
        return self.recipe.train.size_at(self.current_epoch)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Loss of one augmented batch."""
        images, targets = batch
        # Seeded by the step, so that a resumed run draws the same augmentations and dropout.
        seed = processes.step_seed(self.recipe.seed, self.global_step, self.global_rank)
        generator = torch.Generator().manual_seed(seed)
        torch.manual_seed(seed)
        faces = augment.augment(images, self.size, self.recipe.augment, generator)
        mixup = self.recipe.mixup_at(self.current_epoch)
        if mixup > 0:
            faces, targets = augment.mixup(faces, losses.one_hot(targets), mixup, generator)
        loss = self._loss(faces, targets)
        self.log(
            'train_loss',
            loss,
            on_step=False,
            on_epoch=True,
            prog_bar=True,
            batch_size=len(images),
            sync_dist=True,
        )
        return loss

    def _loss(self, faces: Tensor, targets: Tensor) -> Tensor:
        logits = self._logits(faces)
        targets, beside = self._apart(targets)
        taught = self._mean_of(self._taught(faces), beside)
        if FERPLUS not in logits:
            return self._part(logits[FER2013], targets, taught.get(FER2013))
        labels, votes = targets[:, :NUM_EMOTIONS], targets[:, NUM_EMOTIONS:]
        original = self._part(logits[FER2013], labels, taught.get(FER2013))
        ferplus = self._part(logits[FERPLUS], votes, taught.get(FERPLUS))
        return torch.lerp(original, ferplus, self.recipe.data.ferplus)

    def _apart(self, targets: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The targets proper, and the teachers' predictions that stand beside them."""
        if not self.taught:
            return targets, {}
        own = targets.shape[1] - NUM_EMOTIONS * len(self.taught)
        blocks = targets[:, own:].reshape(-1, len(self.taught), NUM_EMOTIONS).unbind(dim=1)
        return targets[:, :own], dict(zip(self.taught, blocks, strict=True))

    def _mean_of(
        self, predicted: dict[str, Tensor], recorded: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        """One prediction by label set from the teachers' and the files' means.

        What only one of both predicts is not taught where both are there.
        """
        if not (predicted and recorded):
            return predicted or recorded
        config = self.recipe.distill
        files, teachers = len(config.answers or ()), len(config.teachers or ())
        share = files / (files + teachers)
        shared = predicted.keys() & recorded.keys()
        return {labels: predicted[labels].lerp(recorded[labels], share) for labels in shared}

    def _part(self, logits: Tensor, targets: Tensor, taught: Tensor | None) -> Tensor:
        """Loss of one last layer: towards its targets and, where there are, its teachers."""
        own = self._cross_entropy(logits, targets)
        if taught is None:
            return own
        config = self.recipe.distill
        return torch.lerp(
            own, losses.distillation(logits, taught, config.temperature), config.weight
        )

    def _cross_entropy(self, logits: Tensor, targets: Tensor) -> Tensor:
        loss = losses.cross_entropy(
            logits, targets, self.class_weights, self.recipe.train.label_smoothing
        )
        return loss * self._weight_share(targets)

    def _taught(self, faces: Tensor) -> dict[str, Tensor]:
        if self.teacher is None:
            return {}
        with self._autocast():
            return self.teacher.probabilities(faces)

    def _weight_share(self, targets: Tensor) -> Tensor | float:
        """Makes the mean of the processes' losses the loss of their whole batch.

        Each divides by the summed class weights of its own images; they differ.
        """
        if self.class_weights is None:
            return 1.0
        own = (losses.one_hot(targets) @ self.class_weights).sum()
        return own / processes.mean(own)

    def on_validation_epoch_start(self) -> None:
        """Counts from nothing."""
        self._sums = torch.zeros(3, device=self.device)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Accuracy and loss on PublicTest at the present training size."""
        images, labels = batch
        logits = self(augment.resize(augment.to_unit(images), self.size))
        hits = (logits.argmax(dim=1) == labels).sum()
        loss = F.cross_entropy(logits, labels)
        self._sums += torch.stack([loss * len(labels), hits, hits.new_tensor(len(labels))])

    def on_validation_epoch_end(self) -> None:
        """Scores over all processes."""
        # Lightning's own mean over processes rounds the images of each down to their mean.
        loss, hits, count = processes.mean(self._sums)
        accuracy = hits / count
        # A score at a smaller size says little about the last one: any epoch at the last size
        # must win over all before it.
        final = self.size == self.recipe.train.phases[-1].size
        metrics = {
            'val_loss': loss / count,
            'val_acc': accuracy,
            'selection': accuracy if final else accuracy - 1,
        }
        self.log_dict(metrics, prog_bar=True, batch_size=1, sync_dist=True)

    def configure_optimizers(self) -> dict[str, Any]:  # type: ignore[override]
        """Optimiser and schedule: the cosine per step, the plateau after each validation."""
        config = self.recipe.optim
        groups = _decay_groups(self.network, config.weight_decay)
        optimizer = _optimizer(groups, config)
        if config.schedule == 'plateau':
            self._plateau = _plateau(optimizer, config)
            self._plateau.load_state_dict(self._plateau_state)
            return {'optimizer': optimizer}
        steps = int(self.trainer.estimated_stepping_batches) / self.recipe.train.epochs
        schedule = LambdaLR(optimizer, lambda step: rate_factor(step / steps, self.recipe))
        return {'optimizer': optimizer, 'lr_scheduler': {'scheduler': schedule, 'interval': 'step'}}

    # Lightning saves the checkpoint of an epoch before it steps a plateau schedule, so a resumed
    # run would miss one observation: hence the schedule is stepped and saved here.
    def on_train_epoch_end(self) -> None:
        """Steps the plateau schedule by the accuracy that also selects the best checkpoint."""
        if self._plateau is not None:
            self._plateau.step(float(self.trainer.callback_metrics['selection']))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Saves the plateau schedule."""
        if self._plateau is not None:
            checkpoint['plateau'] = self._plateau.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keeps the plateau schedule's state until the optimiser exists."""
        self._plateau_state = checkpoint.get('plateau', {})


def _optimizer(groups: list[dict[str, Any]], config: OptimConfig) -> torch.optim.Optimizer:
    if config.name == 'sgd':
        return torch.optim.SGD(
            groups, lr=config.lr, momentum=config.momentum, nesterov=config.momentum > 0
        )
    if config.name == 'adam':
        return torch.optim.Adam(groups, lr=config.lr)
    return torch.optim.AdamW(groups, lr=config.lr)


def _plateau(optimizer: torch.optim.Optimizer, config: OptimConfig) -> ReduceLROnPlateau:
    return ReduceLROnPlateau(
        optimizer,
        mode='max',
        factor=config.plateau_factor,
        patience=config.plateau_patience,
        threshold=0.0,
        threshold_mode='abs',
    )


def _decay_groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay on matrices and filters only; on scales and biases it only hurts."""
    matrices = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    return [{'params': matrices, 'weight_decay': decay}, {'params': others, 'weight_decay': 0.0}]
