"""The files of a run folder: what training writes, and all else reads."""

from __future__ import annotations

from pathlib import Path

RECIPE = 'recipe.yaml'
FACTS = 'data.json'
HISTORY = 'history.csv'
CURVES = 'curves.png'
LAST = 'last.ckpt'
BEST = 'best.ckpt'


def checkpoint_of(path: Path) -> Path:
    """The best checkpoint of a run folder; any other path as it is."""
    return path / BEST if path.is_dir() else path
