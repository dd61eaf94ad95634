"""Where weights come from: recipe, data, effort, and the commit of the code."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import torch

from training.checkpoint import Trained
from training.fit import curves
from training.run_files import HISTORY
from training.weights import initial


def of(run: Path, trained: Trained) -> dict[str, Any]:
    """How the weights of a run came about, as plain JSON values for a manifest."""
    share = trained.recipe.data.ferplus
    labels = f'FER+ votes (share {share:g}) and original labels' if share else 'original labels'
    if trained.recipe.model.votes:
        labels += ', each with a last layer of its own'
    facts: dict[str, Any] = {
        'recipe': json.loads(json.dumps(dataclasses.asdict(trained.recipe))),
        'epochs_trained': trained.epoch,
        'training_images': trained.training_images,
        'data': f'FER-2013, official split, {labels}',
        'torch': torch.__version__,
        'commit': git_commit(),
    }
    init = initial.recorded(run)
    if init is not None:
        facts['init'] = init
    if (run / HISTORY).is_file():
        facts['seconds'] = round(sum(line.seconds for line in curves.read(run / HISTORY)), 1)
    return facts


def git_commit() -> str | None:
    """Commit of the checkout this package runs from, `-dirty` with changes; None outside git."""
    folder = Path(__file__).resolve().parents[1]

    def git(*words: str) -> str:
        done = subprocess.run(
            ['git', '-C', str(folder), *words],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, 'GIT_OPTIONAL_LOCKS': '0'},
        )
        return done.stdout.strip()

    try:
        dirty = git('status', '--porcelain', '--', str(folder))
        return git('rev-parse', 'HEAD') + ('-dirty' if dirty else '')
    except (OSError, subprocess.CalledProcessError):
        return None
