"""Ends a node with the process that has started it, however that one ends.

A signal cannot tell of a SIGKILL, and a node that outlives its session keeps the camera on. So its
standard input is a pipe that nobody writes to, and that the system closes when the other end dies.
Unlike PR_SET_PDEATHSIG this follows the process, not the thread that has started the node.
"""

import os
import signal
import stat
import threading
import time
from contextlib import suppress

_VARIABLE = 'EMOTION_ENDS_WITH_STDIN'

STOP_TIMEOUT_S = 20.0
"""How long a node that is told to end may take to finish its files."""


def lifeline_environment() -> dict[str, str]:
    """Variables that tell a node to end when its standard input, a pipe, is closed."""
    return {_VARIABLE: '1'}


def end_with_starter() -> None:
    """Watches the pipe, if whoever started this process has promised one."""
    # Not for what this process starts in turn.
    if os.environ.pop(_VARIABLE, '') and _is_pipe():
        threading.Thread(target=_wait, name='lifeline', daemon=True).start()


def _is_pipe() -> bool:
    """A debugger that was put before the node has the terminal there."""
    with suppress(OSError):
        mode = os.fstat(0).st_mode
        # Python up to 3.11 gives processes of an event loop a socket.
        return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
    return False


def _wait() -> None:
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_TIMEOUT_S)
    os._exit(128 + signal.SIGTERM)  # it hangs
