"""Closes the terminal of a running `emotion nodes`, as a user closes a window.

Run as a process of its own. It prints how many processes of that run do not end, and ends.
"""

import os
import pty
import select
import signal
import sys

from benchmarks.live.usage import children
from emotion_perception.outputs.results import JsonLinesWriter
from emotion_perception.outputs.standard_output import STANDARD_OUTPUT

_RESULTS = 5
_END_S = 60.0
_COMMAND = (sys.executable, '-m', 'emotion_perception.cli', 'nodes',
            '--source', 'demo', '--loop', '--mode', 'live')  # fmt: skip


def main() -> int:
    """Waits for results, closes the terminal, prints what is left running, and ends."""
    lines = JsonLinesWriter(STANDARD_OUTPUT)  # before a library may print
    session, screen = pty.fork()
    if session == 0:
        os.execv(sys.executable, _COMMAND)
    _wait_for_results(screen)
    # Handles, not numbers: those of ended processes are given to others.
    processes = [os.pidfd_open(pid) for pid in (session, *children(session))]
    os.close(screen)
    left = [process for process in processes if not _has_ended(process)]
    for process in left:
        signal.pidfd_send_signal(process, signal.SIGKILL)
    lines.write({'left_running': len(left)})
    return 0


def _wait_for_results(screen: int) -> None:
    """Reads a terminal until it has shown some results."""
    shown = b''
    while shown.count(b' #') < _RESULTS:
        try:
            shown += os.read(screen, 4096)
        except OSError:  # the command has ended
            sys.exit(shown.decode(errors='replace'))


def _has_ended(process: int) -> bool:
    """Waits for the end of a process; False when it does not come."""
    return bool(select.select([process], [], [], _END_S)[0])


if __name__ == '__main__':
    sys.exit(main())
