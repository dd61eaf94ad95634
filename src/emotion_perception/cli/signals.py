"""Ctrl-C, SIGTERM and SIGHUP: end a run between two frames, so that its files are whole."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

from emotion_perception.signals import end_signals, leave_closed_terminal

_SHELL_OFFSET = 128


class Terminated(KeyboardInterrupt):
    """SIGTERM came, or SIGHUP, as when the terminal was closed.

    Attributes:
        exit_code: 128 plus the number of the signal, as a shell would report it.
    """

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__()
        self.exit_code = _SHELL_OFFSET + number


# Signals so far. An exception alone may get lost in a library's callback, and a run that was told
# to end would go on for ever.
_arrived: list[int] = []


@contextmanager
def signals_interrupt() -> Iterator[None]:
    """Makes Ctrl-C raise KeyboardInterrupt, others raise Terminated; restored at the end."""
    if not _may_handle_signals():
        yield
        return
    _arrived.clear()
    previous = {number: signal.signal(number, _raise) for number in end_signals()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def signals_wait() -> Iterator[None]:
    """Holds signals back while libraries are imported, which make other errors of an exception.

    Raises:
        Terminated: SIGTERM or SIGHUP came meanwhile.
        KeyboardInterrupt: Ctrl-C came meanwhile.
    """
    if not _may_handle_signals():
        yield
        return
    previous = {number: signal.signal(number, _remember) for number in end_signals()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    raise_if_interrupted()


def _remember(number: int, frame: FrameType | None) -> None:
    leave_closed_terminal()
    _arrived.append(number)


def raise_if_interrupted() -> None:
    """Raises again what came in the scope of `signals_interrupt` and was swallowed.

    Raises:
        Terminated: SIGTERM or SIGHUP came.
        KeyboardInterrupt: Ctrl-C came.
    """
    if _arrived:
        _raise(_arrived[0], None)


class StopRequest:
    """Turns the first signal that ends a program into a flag; the second one ends it at once.

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
            numbers = end_signals()
            self._previous = {number: signal.signal(number, self._handle) for number in numbers}
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
            Terminated: SIGTERM or SIGHUP came.
            KeyboardInterrupt: Ctrl-C came.
        """
        if self.requested:
            _raise(self.exit_code - _SHELL_OFFSET, None)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        leave_closed_terminal()
        if self.requested:
            _raise(number, frame)
        # No lock may be taken here: the thread that holds it may be the one that is interrupted.
        self.requested = True
        self.exit_code = _SHELL_OFFSET + number


def _raise(number: int, frame: FrameType | None) -> None:
    leave_closed_terminal()
    _arrived.append(number)
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


def _may_handle_signals() -> bool:
    return threading.current_thread() is threading.main_thread()
