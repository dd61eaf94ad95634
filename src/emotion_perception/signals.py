"""The signals that end a program, and the terminal that one of them takes away."""

import os
import select
import signal
import stat
from contextlib import suppress

_OUTPUTS = (1, 2)  # standard output, standard error
_left: set[int] = set()


def end_signals() -> tuple[signal.Signals, ...]:
    """Ctrl-C, SIGTERM, and SIGHUP, which a closed terminal sends.

    SIGHUP is left out where it is ignored: `nohup` wants the program to outlive its terminal.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    # Windows has none.
    hang_up = getattr(signal, 'SIGHUP', None)
    if hang_up is not None and signal.getsignal(hang_up) != signal.SIG_IGN:
        numbers.append(hang_up)
    return tuple(numbers)


def leave_closed_terminal() -> bool:
    """Lets what is still printed go nowhere, once the terminal is gone: it would be an error.

    Returns:
        Whether an output was a terminal that has been closed, now or at an earlier call: the signal
        may come between an error of writing and the question what that was.
    """
    closed = [output for output in _OUTPUTS if _is_closed_terminal(output)]
    if closed:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for output in closed:
            os.dup2(nowhere, output)
        os.close(nowhere)
    _left.update(closed)
    return bool(_left)


def _is_closed_terminal(output: int) -> bool:
    """Nothing but a terminal is a character device that hangs up."""
    with suppress(OSError, AttributeError):  # a closed output; a system without poll
        if stat.S_ISCHR(os.fstat(output).st_mode):
            waiting = select.poll()
            waiting.register(output, select.POLLOUT)
            return any(event & select.POLLHUP for _, event in waiting.poll(0))
    return False
