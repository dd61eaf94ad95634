"""Progress bars: on a terminal only, so that log files stay readable."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

T = TypeVar('T')


def progress(items: Iterable[T], what: str, unit: str, total: int | None = None) -> Iterable[T]:
    """Passes items through and shows how far it is.

    Args:
        items: What to go through.
        what: Text before the bar.
        unit: Name of one item.
        total: Number of items where they do not know it themselves.
    """
    # None: tqdm looks whether stderr is a terminal.
    bar: Iterable[T] = tqdm(items, what, total, unit=f' {unit}', mininterval=0.5, disable=None)
    return bar
