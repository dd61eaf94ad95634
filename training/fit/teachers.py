"""Teachers: trained networks whose probabilities another network learns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from training import checkpoint
from training.checkpoint import Trained
from training.config import Recipe
from training.dataset import augment
from training.dataset.data import Dataset, Split
from training.models import logits_by_label_set, planes
from training.run_files import checkpoint_of
from training.scoring.predict import Opened, open_model
from training.teaching import predictions
from training.teaching.predictions import TeacherTargets


class TeachingNetwork(Protocol):
    """A trained network that sees faces at the size and with the normalisation of its training."""

    def logits(self, faces: Tensor) -> dict[str, Tensor]:
        """float32 `[n, 7]` by label set of augmented faces float32 `[n, 1, s, s]` in 0..1."""


class TrainedTeacher:
    """A checkpoint, run where the student is trained."""

    def __init__(self, trained: Trained) -> None:
        self.trained = trained

    def logits(self, faces: Tensor) -> dict[str, Tensor]:
        """See `TeachingNetwork`."""
        trained = self.trained
        resized = _at(faces, trained.size)
        seen = planes((resized - trained.mean) / trained.std, trained.recipe.model)
        by_label_set = logits_by_label_set(trained.network.to(faces.device), seen)
        return {labels: logits.float() for labels, logits in by_label_set.items()}


class ExportedTeacher:
    """An exported file, run in ONNX Runtime on the CPU: int8 costs it a fraction of a step."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened

    def logits(self, faces: Tensor) -> dict[str, Tensor]:
        """See `TeachingNetwork`."""
        spec = self.opened.spec
        seen = (_at(faces, spec.input_size) - spec.mean) / spec.std
        by_label_set = self.opened.run(seen.expand(-1, 3, -1, -1).cpu().contiguous().numpy())
        return {
            labels: torch.from_numpy(logits).to(faces.device)
            for labels, logits in by_label_set.items()
        }


def _at(faces: Tensor, size: int) -> Tensor:
    return faces if faces.shape[-1] == size else augment.resize(faces, size)


class Teachers:
    """One or several teachers; not a module, so that no checkpoint holds their weights.

    Args:
        teachers: Networks in evaluation mode.
        temperature: Softens the probabilities.
    """

    def __init__(self, teachers: Sequence[TeachingNetwork], temperature: float) -> None:
        self.teachers, self.temperature = tuple(teachers), temperature

    def __deepcopy__(self, memo: dict[int, object]) -> Teachers:
        """Itself: the copy of a run that holds its averaged weights needs no other teachers."""
        return self

    @torch.no_grad()
    def probabilities(self, faces: Tensor) -> dict[str, Tensor]:
        """Mean of the teachers' probabilities.

        Args:
            faces: float32 `[n, 1, s, s]` in 0..1, augmented.

        Returns:
            float32 `[n, 7]` for each label set that all teachers know.
        """
        each = [teacher.logits(faces) for teacher in self.teachers]
        shared = set.intersection(*map(set, each))
        return {
            labels: torch.stack(
                [(logits[labels] / self.temperature).softmax(dim=1) for logits in each]
            ).mean(dim=0)
            for labels in shared
        }


def load(recipe: Recipe) -> Teachers | None:
    """The teachers of a recipe, or None without distillation.

    Raises:
        TrainingError: A teacher's checkpoint or file is missing or damaged.
    """
    if not recipe.distill.teachers:
        return None
    opened = [_open(checkpoint_of(Path(name))) for name in recipe.distill.teachers]
    return Teachers(opened, recipe.distill.temperature)


def _open(path: Path) -> TeachingNetwork:
    if path.suffix == '.onnx':
        return ExportedTeacher(open_model(path, torch.get_num_threads()))
    return TrainedTeacher(checkpoint.load(path))


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
