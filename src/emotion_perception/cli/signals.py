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


# Signals so far. An exception alone may get lost in a library's callback, and a run that was told
# to end would go on for ever.
_arrived: list[int] = []


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Makes Ctrl-C raise KeyboardInterrupt and SIGTERM raise Terminated; restored at the end."""
    if not _may_handle_signals():
        yield
        return
    _arrived.clear()
    previous = {number: signal.signal(number, _raise) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def signals_wait() -> Iterator[None]:
    """Holds signals back while libraries are imported, which make other errors of an exception.

    Raises:
        Terminated: SIGTERM came meanwhile.
        KeyboardInterrupt: Ctrl-C came meanwhile.
    """
    if not _may_handle_signals():
        yield
        return
    previous = {number: signal.signal(number, _remember) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    raise_if_interrupted()


def _remember(number: int, frame: FrameType | None) -> None:
    _arrived.append(number)


def raise_if_interrupted() -> None:
    """Raises again what came in the scope of `signals_interrupt` and was swallowed.

    Raises:
        Terminated: SIGTERM came.
        KeyboardInterrupt: Ctrl-C came.
    """
    if _arrived:
        _raise(_arrived[0], None)


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
        raise_if_interrupted()
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
    _arrived.append(number)
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _may_handle_signals() -> bool:
    return threading.current_thread() is threading.main_thread()
