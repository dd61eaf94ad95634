"""The files of a run folder: what training writes, and all else reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from emotion_perception.files.bounded import left_beside

RECIPE = 'recipe.yaml'
FACTS = 'data.json'
HISTORY = 'history.csv'
CURVES = 'curves.png'
LAST = 'last.ckpt'
PREVIOUS = 'previous.ckpt'  # of the epoch before, should the last one be lost
BEST = 'best.ckpt'


def remove_unfinished(run: Path) -> None:
    """Removes what a killed session had begun to write; a checkpoint may have gigabytes."""
    for name in (RECIPE, FACTS, HISTORY, CURVES, LAST, PREVIOUS, BEST):
        # The second is how earlier versions called them.
        for path in (*left_beside(run / name), *run.glob(f'.{name}.*'), run / f'.{name}'):
            path.unlink(missing_ok=True)


def read_facts(run: Path) -> dict[str, Any] | None:
    """What a run folder says of its data and its start; None where that cannot be read."""
    try:
        facts = json.loads((run / FACTS).read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def checkpoint_of(path: Path) -> Path:
    """The best checkpoint of a run folder; any other path as it is."""
    return path / BEST if path.is_dir() else path
