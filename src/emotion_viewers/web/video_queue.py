"""Whose video is processed next: in the queue of Gradio a waiting job cannot be told to end."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Final

_LOOK_EVERY_S: Final = 0.2


class VideoQueue:
    """Lets a few videos be processed at a time, in the order of their coming.

    May be used from any thread.

    Args:
        at_once: How many.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._videos: list[object] = []  # those being processed come first
        self._changed = Condition()

    @contextmanager
    def turn(self, on_wait: Callable[[int], None]) -> Iterator[None]:
        """Waits for a turn, and holds it until the end of the `with`.

        Args:
            on_wait: Called again and again with the number of videos that are processed or wait
                before this one; what it raises ends the waiting.
        """
        video = object()
        with self._changed:
            self._videos.append(video)
        try:
            with self._changed:
                while (before := self._videos.index(video)) >= self._at_once:
                    on_wait(before)
                    self._changed.wait(_LOOK_EVERY_S)
            yield
        finally:
            with self._changed:
                self._videos.remove(video)
                self._changed.notify_all()
