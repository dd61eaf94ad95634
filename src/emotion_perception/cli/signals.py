"""Ctrl-C and SIGTERM: end a run between two frames, so that its files are whole."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_SHELL_OFFSET = 128


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Makes SIGTERM raise Terminated, as Ctrl-C raises KeyboardInterrupt; restored at the end."""
    if not _may_handle_signals():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


class StopRequest:
    """Turns the first Ctrl-C or SIGTERM into a flag; the second one ends the process at once.

    Attributes:
        requested: Whether one came.
        exit_code: 0, or 128 plus the number of the signal, as a shell would report it.
    """

    def __init__(self) -> None:
        self.requested = False
        self.exit_code = 0
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> 'StopRequest':
        if _may_handle_signals():
            self._previous = {number: signal.signal(number, self._handle) for number in _SIGNALS}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def raise_if_requested(self) -> None:
        """Ends a work that is all or nothing, between two of its steps.

        Raises:
            Terminated: SIGTERM came.
            KeyboardInterrupt: Ctrl-C came.
        """
        if self.requested:
            _raise(self.exit_code - _SHELL_OFFSET, None)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            _raise(number, frame)
        # No lock may be taken here: the thread that holds it may be the one that is interrupted.
        self.requested = True
        self.exit_code = _SHELL_OFFSET + number


def _raise(number: int, frame: FrameType | None) -> None:
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _may_handle_signals() -> bool:
    return threading.current_thread() is threading.main_thread()
