"""How a node's process ends, and which node is then started again.

One table for both that start nodes, `ros2 launch` and `emotion nodes`. Nothing of ROS is imported
here, so that a missing installation can be reported by an exit code too.
"""

import enum
import signal

EXIT_OK = 0
EXIT_ERROR = 1
"""Something went wrong that may go well the next time."""

EXIT_USAGE = 2
"""A setting or an installation is wrong: the node would end in the same way every time."""


class Ending(enum.Enum):
    """How a process has ended."""

    FINISHED = 'finished'
    WRONG_SETTINGS = 'wrong settings'
    FAILED = 'failed'
    KILLED = 'killed'


Restartable = frozenset[Ending]
"""The endings after which a node is started again; wrong settings are never among them."""

ALWAYS: Restartable = frozenset({Ending.FINISHED, Ending.FAILED, Ending.KILLED})
"""For a node whose loss costs nothing but a moment."""

WHEN_KILLED: Restartable = frozenset({Ending.KILLED})
"""For the camera of a looped file: one that failed has said why, and would say it for ever."""

NEVER: Restartable = frozenset()
"""For a node that would begin anew what it was at: a file played once, a video, a recording."""


def ending(exit_code: int) -> Ending:
    """What an exit code says.

    Args:
        exit_code: As `Popen.returncode`: the negative number of the signal that killed it.
    """
    if exit_code < 0:
        return Ending.KILLED
    codes = {EXIT_OK: Ending.FINISHED, EXIT_USAGE: Ending.WRONG_SETTINGS}
    return codes.get(exit_code, Ending.FAILED)


def ended_how(exit_code: int) -> str:
    """How a node has ended, to follow its name in a sentence."""
    how = ending(exit_code)
    if how is Ending.KILLED:
        return f'was killed by {_signal_name(exit_code)}'
    if how is Ending.WRONG_SETTINGS:
        return 'cannot work with its settings'
    if how is Ending.FINISHED:
        return 'has ended'
    return f'has ended with an error (exit code {exit_code})'


def _signal_name(exit_code: int) -> str:
    """Name of the signal in a negative exit code."""
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f'signal {-exit_code}'


def camera_restartable(*, live: bool, loop: bool) -> Restartable:
    """When the camera node is started again.

    Args:
        live: Whether it has a camera or stream, not a file.
        loop: Whether a file starts again at its end.
    """
    if live:
        return ALWAYS
    return WHEN_KILLED if loop else NEVER
