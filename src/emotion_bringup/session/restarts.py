"""Decides whether a node that was killed is started again."""

import signal
import time
from collections import deque
from collections.abc import Callable, Collection

from emotion_bringup.parameter_tables import LIVE
from emotion_bringup.session.arguments import SessionOptions
from emotion_perception.sources import is_live

_MAX_RESTARTS = 3
_WINDOW_S = 60.0


class Restarts:
    """Allows a few restarts in a minute, of nodes whose loss costs nothing but a moment."""

    def __init__(
        self, restartable: Collection[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Starts with none.

        Args:
            restartable: Names of the nodes that may be started again.
            clock: Seconds, counting up.
        """
        self._restartable = restartable
        self._clock = clock
        self._times: dict[str, deque[float]] = {}

    def refusal(self, name: str, exit_code: int) -> str:
        """Notes that a node has ended with an error.

        Args:
            name: The node.
            exit_code: As `Popen.returncode`: the negative number of the signal that killed it.

        Returns:
            Why it is not started again, in one sentence; empty when it is.
        """
        if exit_code >= 0:
            return f'{name} has ended with an error; see its message above.'
        killer = signal_name(exit_code)
        if name not in self._restartable:
            return f'{name} was killed by {killer}, and what it was at is lost: start again.'
        if not self._may_restart(name):
            return (
                f'{name} was killed by {killer}, for the {_MAX_RESTARTS + 1}th time within '
                f'{_WINDOW_S:.0f} s: see its messages above, and `dmesg` for a lack of memory.'
            )
        return ''

    def _may_restart(self, name: str) -> bool:
        times = self._times.setdefault(name, deque(maxlen=_MAX_RESTARTS))
        now = self._clock()
        if len(times) == _MAX_RESTARTS and now - times[0] < _WINDOW_S:
            return False
        times.append(now)
        return True


def signal_name(exit_code: int) -> str:
    """Name of the signal in a negative exit code."""
    try:
        return signal.Signals(-exit_code).name
    except ValueError:
        return f'signal {-exit_code}'


def restartable_nodes(options: SessionOptions, mode: str) -> set[str]:
    """The nodes whose restart fits the session's accounting.

    In replay mode every frame is answered: those in the dead node are lost, so nothing is started
    again. A restarted overlay would begin its video anew, a restarted camera its file, a restarted
    recording would lose what was in it.
    """
    if mode != LIVE:
        return set()
    names = {'emotion_node'}
    if options.video is None:
        names.add('overlay_node')
    if options.mcap is None:
        names.add('foxglove_node')
    if options.loop or is_live(options.source):
        names.add('camera_node')
    return names
