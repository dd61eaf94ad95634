"""Several recipes one after the other, each perhaps from the weights of the one before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.config import Recipe
from training.errors import TrainingError
from training.fit import checkpoints
from training.fit.train import check_run

RUNS = Path('out/train')


@dataclass(frozen=True)
class PlannedRun:
    """One run to make.

    Attributes:
        recipe: What to train.
        run: Its folder.
        resume: Go on from the folder's last checkpoint.
    """

    recipe: Recipe
    run: Path
    resume: bool


def plan(recipes: Sequence[Recipe], run: Path | None, *, resume: bool) -> list[PlannedRun]:
    """Where each recipe is run, checked before the first one spends hours.

    Args:
        recipes: In their order.
        run: Folder of a single recipe; None for `out/train/<name>`.
        resume: Go on with what was begun; of several recipes, those that were not start anew.

    Raises:
        TrainingError: A folder holds a run that is not to be resumed, nothing was begun that
            could be, one was begun by another recipe, or two recipes would share a folder.
    """
    if run is not None and len(recipes) > 1:
        raise TrainingError('--run names the folder of one recipe: leave it out with several')
    folders = [run or RUNS / recipe.name for recipe in recipes]
    shared = [str(folder) for folder, times in Counter(folders).items() if times > 1]
    if shared:
        raise TrainingError(f'two recipes have the same name and would share {shared[0]}')
    begun = [checkpoints.begun(folder) for folder in folders]
    for recipe, folder, there in zip(recipes, folders, begun, strict=True):
        check_run(folder, recipe, resume and (there or not any(begun)))
    return [PlannedRun(*each) for each in zip(recipes, folders, begun, strict=True)]
