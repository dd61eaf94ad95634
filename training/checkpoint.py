"""Loads a trained network from a run folder; never unpickles code."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from training.config import Recipe
from training.errors import TrainingError
from training.models import build, channels_last
from training.recipe_files import read_recipe
from training.run_files import FACTS, RECIPE


@dataclass(frozen=True)
class Trained:
    """A network with what it was trained on.

    Attributes:
        network: In evaluation mode, with the averaged weights where the recipe asks for them.
        recipe: The run's recipe.
        mean: Grey mean of the images it was trained on, 0..1.
        std: Grey standard deviation of the same.
        epoch: Epochs trained.
        training_images: Images it was trained on.
    """

    network: nn.Module
    recipe: Recipe
    mean: float
    std: float
    epoch: int
    training_images: int

    @property
    def size(self) -> int:
        """Side in pixels of the images it was trained on last."""
        return self.recipe.train.phases[-1].size


def load(path: Path) -> Trained:
    """Reads a checkpoint and the recipe beside it.

    Raises:
        TrainingError: A file is missing, damaged or of another recipe.
    """
    if not path.is_file():
        raise TrainingError(f'no checkpoint at {path}: give best.ckpt or last.ckpt of a run folder')
    facts = _facts(path.parent / FACTS)
    recipe = read_recipe(path.parent / RECIPE)
    content = _content(path)
    network = channels_last(build(recipe.model))
    try:
        network.load_state_dict(_network_state(content['state_dict']))
    except (KeyError, RuntimeError) as error:
        raise TrainingError(f'checkpoint {path} does not fit the recipe beside it') from error
    return Trained(
        network.eval(),
        recipe,
        facts['mean'],
        facts['std'],
        int(content.get('epoch', -1)) + 1,
        facts['training_images'],
    )


def _network_state(state: dict[str, Any]) -> dict[str, Any]:
    """Weights of `fit.module.Classifier` under the names that its network has for them."""
    return {name.removeprefix('network.'): value for name, value in state.items()}


def _content(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises a dozen kinds for a damaged file
        raise TrainingError(f'checkpoint {path} is damaged or no checkpoint') from error
    return content


def _facts(path: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as error:
        raise TrainingError(
            f'{path} is missing or damaged: a checkpoint needs the files of its '
            'run folder beside it'
        ) from error
    return facts
