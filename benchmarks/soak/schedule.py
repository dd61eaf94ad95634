"""When which fault is made."""

from dataclasses import dataclass
from enum import Enum

_ROUND_S = 60.0


class Fault(Enum):
    """What is done to the nodes; the value is the text of the report."""

    KILL = 'emotion_node killed (SIGKILL) and started again'
    BAD_FRAMES = 'burst of bad frames among the good ones'
    PARAMETERS = 'parameters changed by several clients'
    SLOW_SUBSCRIBER = 'subscriber that never reads'
    CLOSED_TERMINAL = 'terminal of an `emotion nodes` closed'
    FROZEN_CAMERA = 'camera_node of an `emotion nodes` stopped for 25 s (SIGSTOP)'


# Share of the round at which each begins. The kill is the first, so that bad frames are all sent to
# one life of the node, and the memory of its dead participant is given back before the end.
_BEGINS = {
    Fault.KILL: 0.15,
    Fault.FROZEN_CAMERA: 0.3,
    Fault.BAD_FRAMES: 0.5,
    Fault.PARAMETERS: 0.65,
    Fault.SLOW_SUBSCRIBER: 0.75,
    Fault.CLOSED_TERMINAL: 0.8,
}
_FIRST_HALF = {Fault.KILL, Fault.FROZEN_CAMERA, Fault.CLOSED_TERMINAL}


@dataclass(frozen=True, slots=True)
class Event:
    """One fault.

    Attributes:
        second: When it begins, in seconds from the start.
        fault: What is done.
        seconds: How long it lasts where it has a length.
    """

    second: float
    fault: Fault
    seconds: float


def plan(seconds: float) -> list[Event]:
    """All faults of a soak, in order of time.

    Every round of a minute (or the whole soak, if that is shorter) has every fault once. The node
    is killed in the first half only: its last life shows whether its memory stays flat. Faults of
    runs of their own, which take cores from the others, come in the first half too; a camera is
    frozen for longer than the rounds of a soak of less than a minute.

    Args:
        seconds: Length of the soak, > 0.
    """
    length = min(_ROUND_S, seconds)
    rounds = max(int(seconds // length), 1)
    return [
        Event((number + share) * length, fault, length / 10)
        for number in range(rounds)
        for fault, share in _BEGINS.items()
        if fault not in _FIRST_HALF or number == 0 or number < rounds // 2
        if fault is not Fault.FROZEN_CAMERA or length == _ROUND_S
    ]
