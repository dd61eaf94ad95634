"""Whose turn it is to search a whole image, among streams that share the cores of a machine."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Final

# Of one core, for all streams: the rest is for what they answer. Eight cameras that watch empty
# rooms would else search 48 images a second, and take both cores of a small machine.
_SHARE_OF_A_CORE: Final = 0.5


class SearchTurns:
    """One search at a time, and a rest after each. May be shared by threads.

    Two searches at once would be no quicker and need the memory of both.
    """

    def __init__(
        self,
        share: float = _SHARE_OF_A_CORE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Starts with the turn free.

        Args:
            share: Of a core's time that searches may take, > 0 to 1.
            clock: Seconds that never go back.
        """
        self._rest = 1 / share - 1
        self._clock = clock
        self._lock = Lock()
        self._is_taken = False
        self._free_from = clock()

    def take(self) -> bool:
        """Takes the turn; returns False, at once, where it is another stream's or there is a rest.

        Who has taken it gives it back.
        """
        with self._lock:
            if self._is_taken or self._clock() < self._free_from:
                return False
            self._is_taken = True
            return True

    @contextmanager
    def searching(self) -> Iterator[None]:
        """Gives the turn back at its end, with what this thread has taken."""
        started_s = time.thread_time()
        try:
            yield
        finally:
            self.give_back(time.thread_time() - started_s)

    def give_back(self, cpu_s: float = 0.0) -> None:
        """Gives the turn back.

        Args:
            cpu_s: CPU seconds of the search. Its end says less: a search in the background waits
                for everything else.
        """
        with self._lock:
            self._is_taken = False
            self._free_from = self._clock() + self._rest * cpu_s
