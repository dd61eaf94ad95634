"""Joins images and results that carry exactly the same stamp."""

from collections import deque
from typing import Generic, TypeVar

Left = TypeVar('Left')
Right = TypeVar('Right')
Item = TypeVar('Item')


class StampMatcher(Generic[Left, Right]):
    """Holds what came first until its counterpart comes.

    Both sides come in the same order, so whatever waited longer than a pair that was found waits in
    vain (a damaged image has no result, a lost image has one) and is forgotten.
    """

    def __init__(self, limit: int | None) -> None:
        """Starts empty.

        Args:
            limit: Unmatched entries kept on each side, of which a new one replaces that of the same
                stamp. None keeps all, and pairs equal stamps one by one.
        """
        self._limit = limit
        self._left: deque[tuple[int, Left]] = deque()
        self._right: deque[tuple[int, Right]] = deque()
        self._dropped_left = self._dropped_right = 0

    def __len__(self) -> int:
        """Number of entries that wait for their counterpart."""
        return len(self._left) + len(self._right)

    @property
    def dropped(self) -> int:
        """Entries of both sides that waited in vain."""
        return self._dropped_left + self._dropped_right

    @property
    def alone(self) -> tuple[int, int]:
        """Entries of the left and of the right side that waited in vain, or still wait."""
        return (
            self._dropped_left + len(self._left),
            self._dropped_right + len(self._right),
        )

    def add_left(self, stamp_ns: int, item: Left) -> tuple[Left, Right] | None:
        """Adds a left item; returns the pair if its counterpart is there."""
        found = self._take(self._right, stamp_ns)
        if found is None:
            self._keep(self._left, stamp_ns, item)
            return None
        self._forget(self._left)
        return item, found[0]

    def add_right(self, stamp_ns: int, item: Right) -> tuple[Left, Right] | None:
        """Adds a right item; returns the pair if its counterpart is there."""
        found = self._take(self._left, stamp_ns)
        if found is None:
            self._keep(self._right, stamp_ns, item)
            return None
        self._forget(self._right)
        return found[0], item

    def forget_all(self) -> None:
        """Gives up what waits, and counts it as dropped."""
        self._forget(self._left)
        self._forget(self._right)

    def clear(self) -> None:
        """Forgets everything that waits; nobody wants it any more."""
        self._left.clear()
        self._right.clear()

    def _take(self, side: deque[tuple[int, Item]], stamp_ns: int) -> tuple[Item] | None:
        """Takes the item of a stamp, and everything before it, out of a side."""
        for index, (stamp, item) in enumerate(side):
            if stamp == stamp_ns:
                for _ in range(index + 1):
                    side.popleft()
                self._count(side, index)
                return (item,)
        return None

    def _forget(self, side: deque[tuple[int, Item]]) -> None:
        self._count(side, len(side))
        side.clear()

    def _keep(self, side: deque[tuple[int, Item]], stamp_ns: int, item: Item) -> None:
        if self._limit is not None:
            self._replace(side, stamp_ns)
        side.append((stamp_ns, item))
        while self._limit is not None and len(side) > self._limit:
            side.popleft()
            self._count(side, 1)

    def _replace(self, side: deque[tuple[int, Item]], stamp_ns: int) -> None:
        if side and side[-1][0] == stamp_ns:
            side.pop()
            self._count(side, 1)

    def _count(self, side: deque[tuple[int, Item]], dropped: int) -> None:
        if side is self._left:
            self._dropped_left += dropped
        else:
            self._dropped_right += dropped
