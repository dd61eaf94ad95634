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


# Share of the round at which each begins. The kill is the first, so that bad frames are all sent to
# one life of the node, and the memory of its dead participant is given back before the end.
_BEGINS = {
    Fault.KILL: 0.15,
    Fault.BAD_FRAMES: 0.5,
    Fault.PARAMETERS: 0.65,
    Fault.SLOW_SUBSCRIBER: 0.75,
}


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
    is killed in the first half only: its last life shows whether its memory stays flat.

    Args:
        seconds: Length of the soak, > 0.
    """
    length = min(_ROUND_S, seconds)
    rounds = max(int(seconds // length), 1)
    return [
        Event((number + share) * length, fault, length / 10)
        for number in range(rounds)
        for fault, share in _BEGINS.items()
        if fault is not Fault.KILL or number == 0 or number < rounds // 2
    ]
