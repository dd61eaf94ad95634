"""Teachers: trained networks whose probabilities another network learns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from training import checkpoint
from training.checkpoint import Trained
from training.config import Recipe
from training.dataset import augment
from training.dataset.data import Dataset, Split
from training.models import logits_by_label_set, planes
from training.run_files import checkpoint_of
from training.teaching import predictions
from training.teaching.predictions import TeacherTargets


class Teachers:
    """One or several trained networks; not a module, so that no checkpoint holds their weights.

    Args:
        trained: Networks in evaluation mode.
        temperature: Softens the probabilities.
    """

    def __init__(self, trained: Sequence[Trained], temperature: float) -> None:
        self.trained, self.temperature = tuple(trained), temperature

    def __deepcopy__(self, memo: dict[int, object]) -> Teachers:
        """Itself: the copy of a run that holds its averaged weights needs no other teachers."""
        return self

    @torch.no_grad()
    def probabilities(self, faces: Tensor) -> dict[str, Tensor]:
        """Mean of the teachers' probabilities.

        Args:
            faces: float32 `[n, 1, s, s]` in 0..1, augmented; every teacher gets them at the size
                and with the normalisation it was trained with.

        Returns:
            float32 `[n, 7]` for each label set that all teachers know.
        """
        each = [self._probabilities(teacher, faces) for teacher in self.trained]
        shared = set.intersection(*map(set, each))
        return {labels: torch.stack([one[labels] for one in each]).mean(dim=0) for labels in shared}

    def _probabilities(self, teacher: Trained, faces: Tensor) -> dict[str, Tensor]:
        size = teacher.size
        resized = faces if faces.shape[-1] == size else augment.resize(faces, size)
        seen = planes((resized - teacher.mean) / teacher.std, teacher.recipe.model)
        by_label_set = logits_by_label_set(teacher.network.to(faces.device), seen)
        return {
            labels: (logits.float() / self.temperature).softmax(dim=1)
            for labels, logits in by_label_set.items()
        }


def load(recipe: Recipe) -> Teachers | None:
    """The teachers of a recipe, or None without distillation.

    Raises:
        TrainingError: A teacher's checkpoint is missing or damaged.
    """
    if not recipe.distill.teachers:
        return None
    paths = [checkpoint_of(Path(name)) for name in recipe.distill.teachers]
    trained = [checkpoint.load(path) for path in paths]
    return Teachers(trained, recipe.distill.temperature)


def load_predictions(recipe: Recipe, dataset: Dataset, split: Split) -> TeacherTargets | None:
    """The files of predictions of a recipe (`distill.answers`), or None without any.

    Args:
        recipe: The run.
        dataset: Its data set.
        split: The Training images that it takes.

    Raises:
        TrainingError: A file is missing, damaged or of another data set.
    """
    if not recipe.distill.answers:
        return None
    paths = [Path(name) for name in recipe.distill.answers]
    return predictions.for_split(paths, dataset, split, recipe.distill.temperature)
