"""What a run folder says of its run, and whether one that goes on is still the same."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from emotion_perception.inference.manifest import sha256_of
from training.config import Recipe
from training.dataset.data import Dataset, Split
from training.errors import TrainingError
from training.fit import processes
from training.recipe_files import read_recipe
from training.run_files import FACTS, RECIPE, checkpoint_of, read_facts
from training.writing import write_json, write_text

Facts = dict[str, Any]
# Facts that say which images a run was trained on; the first three are older than the last.
_OF_DATA = ('training_images', 'mean', 'std')
_INPUTS = 'inputs'
_SESSIONS = 'sessions'


def check_recipe(run: Path, recipe: Recipe) -> None:
    """Refuses to go on with a run by another recipe: optimiser and schedule are the old ones.

    Raises:
        TrainingError: An entry differs; all that do are named.
    """
    was, now = (dict(_entries(_plain(each))) for each in (read_recipe(run / RECIPE), recipe))
    _refuse(
        run,
        [
            f'{key} is {now.get(key)} (it was {was.get(key)})'
            for key in {**was, **now}
            if was.get(key) != now.get(key)
        ],
    )


def check_facts(run: Path, facts: Facts) -> None:
    """Refuses to go on with a run on other data, or with other teachers.

    Args:
        run: The run folder.
        facts: Of `describe`, for the data given now.

    Raises:
        TrainingError: They differ from those that the run began with.
    """
    was = read_facts(run)
    if was is None:
        if processes.is_first():
            print(f'{run / FACTS} cannot be read: it is written anew for the data given now')
        return
    changed = [
        f'{key} is {facts[key]} (it was {was[key]})'
        for key in _OF_DATA
        if key in was and was[key] != facts[key]
    ]
    before: dict[str, str] = was.get(_INPUTS, {})
    changed += [
        f'{name} is another file or holds other content'
        for name, digest in facts[_INPUTS].items()
        if name in before and before[name] != digest
    ]
    _refuse(run, changed)


def _refuse(run: Path, changed: list[str]) -> None:
    if changed:
        raise TrainingError(
            f'--resume goes on with the run in {run} as it began, but {"; ".join(changed)}: leave '
            f'that as it was, or train on in a new folder with --run and --set model.init={run}'
        )


def facts_of(
    recipe: Recipe,
    training: Split,
    dataset: Dataset,
    grey: tuple[float, float],
    votes: NDArray[np.float32] | None,
) -> Facts:
    """What a run is trained on.

    Args:
        recipe: The run.
        training: The Training images that it takes.
        dataset: All of its data.
        grey: Mean and standard deviation of the Training images' pixels, 0..1.
        votes: Targets with the FER+ votes, or None.
    """
    inputs = {'Training': _digest(training), 'PublicTest': _digest(dataset['PublicTest'])}
    if votes is not None:
        inputs['FER+ votes'] = hashlib.sha256(votes.tobytes()).hexdigest()
    distill = recipe.distill
    for name in (*(distill.teachers or ()), *(distill.answers or ())):
        inputs[name] = sha256_of(checkpoint_of(Path(name)))
    numbers = zip(_OF_DATA, (len(training), *grey), strict=True)
    return {**dict(numbers), _INPUTS: inputs}


def _digest(split: Split) -> str:
    digest = hashlib.sha256(split.images.tobytes())
    digest.update(split.labels.tobytes())
    return digest.hexdigest()


def begin(run: Path, recipe: Recipe, facts: Facts, init: Facts | None, devices: int) -> None:
    """Writes down a new run, before its first step."""
    write_text(run / RECIPE, yaml.safe_dump(_plain(recipe), sort_keys=False))
    started = {} if init is None else {'init': init}
    write_json(run / FACTS, {**facts, **started, _SESSIONS: [_session(0, devices)]})


def go_on(run: Path, facts: Facts, epochs: int, devices: int) -> None:
    """Writes down that a run goes on, and with what may differ from one session to the next."""
    known = read_facts(run) or facts
    sessions = [*known.get(_SESSIONS, ()), _session(epochs, devices)]
    write_json(run / FACTS, {**known, _SESSIONS: sessions})


def _session(epochs: int, devices: int) -> Facts:
    return {'first_epoch': epochs + 1, 'devices': devices, 'threads': torch.get_num_threads()}


def _plain(recipe: Recipe) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(recipe)))
    return plain


def _entries(node: dict[str, Any], above: str = '') -> Iterator[tuple[str, Any]]:
    """The entries of a recipe under the names that `--set` takes."""
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _entries(value, f'{above}{key}.')
        else:
            yield f'{above}{key}', value
