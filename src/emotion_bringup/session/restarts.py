"""Decides whether a node that has ended with an error is started again."""

import time
from collections import deque
from collections.abc import Callable, Mapping

from emotion_bringup.endings import (
    NEVER,
    Ending,
    Restartable,
    ended_how,
    ending,
)
from emotion_bringup.graph import GRAPH, restart_rule
from emotion_bringup.parameter_tables import LIVE
from emotion_bringup.session.arguments import SessionOptions
from emotion_perception.sources import is_live

_MAX_RESTARTS = 3
_WINDOW_S = 60.0


class Restarts:
    """Allows a few restarts in a minute, of nodes whose loss costs nothing but a moment."""

    def __init__(
        self, restartable: Mapping[str, Restartable], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Starts with an empty history.

        Args:
            restartable: By node: the endings after which it may be started again.
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
        what = ended_how(exit_code)
        if ending(exit_code) not in self._restartable.get(name, NEVER):
            return f'{name} {what}{_consequence(exit_code)}'
        if not self._may_restart(name):
            return (
                f'{name} {what}, for the {_MAX_RESTARTS + 1}th time within {_WINDOW_S:.0f} s: '
                'see its messages above, and `dmesg` for a lack of memory.'
            )
        return ''

    def _may_restart(self, name: str) -> bool:
        times = self._times.setdefault(name, deque(maxlen=_MAX_RESTARTS))
        now = self._clock()
        if len(times) == _MAX_RESTARTS and now - times[0] < _WINDOW_S:
            return False
        times.append(now)
        return True


def _consequence(exit_code: int) -> str:
    if ending(exit_code) is Ending.KILLED:
        return ', and what it was at is lost: start again.'
    return '; see its message above.'


def restartable_nodes(options: SessionOptions, mode: str) -> dict[str, Restartable]:
    """By node: the endings after which a restart fits the session's accounting.

    In replay mode every frame is processed: those in the dead node are lost, so nothing is started
    again. A restarted overlay would begin its video anew, a restarted recording would lose what was
    in it.
    """
    if mode != LIVE:
        return {}
    files = {'overlay_node': options.video, 'foxglove_node': options.mcap}
    live, loop = is_live(options.source), options.loop
    return {
        name: restart_rule(name, is_live=live, loop=loop, writes_file=files.get(name) is not None)
        for name in GRAPH
    }
