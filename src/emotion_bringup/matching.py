"""Joins images and results that carry exactly the same stamp."""

from collections import OrderedDict
from typing import Generic, TypeVar

Left = TypeVar('Left')
Right = TypeVar('Right')


class StampMatcher(Generic[Left, Right]):
    """Holds what came first until its counterpart comes; forgets the oldest beyond a limit."""

    def __init__(self, limit: int | None) -> None:
        """Starts empty.

        Args:
            limit: Unmatched entries kept on each side; None keeps all.
        """
        self._limit = limit
        self._left: OrderedDict[int, Left] = OrderedDict()
        self._right: OrderedDict[int, Right] = OrderedDict()
        self.dropped = 0

    def __len__(self) -> int:
        """Number of entries that wait for their counterpart."""
        return len(self._left) + len(self._right)

    def add_left(self, stamp_ns: int, item: Left) -> tuple[Left, Right] | None:
        """Adds a left item; returns the pair if its counterpart is there."""
        other = self._right.pop(stamp_ns, None)
        if other is not None:
            return item, other
        self._keep(self._left, stamp_ns, item)
        return None

    def add_right(self, stamp_ns: int, item: Right) -> tuple[Left, Right] | None:
        """Adds a right item; returns the pair if its counterpart is there."""
        other = self._left.pop(stamp_ns, None)
        if other is not None:
            return other, item
        self._keep(self._right, stamp_ns, item)
        return None

    def clear(self) -> None:
        """Forgets everything that waits."""
        self._left.clear()
        self._right.clear()

    def _keep(self, side: OrderedDict[int, object], stamp_ns: int, item: object) -> None:  # type: ignore[type-arg]
        side[stamp_ns] = item
        while self._limit is not None and len(side) > self._limit:
            side.popitem(last=False)
            self.dropped += 1
