"""Keeps away from the shared-memory ports of processes that were killed.

Fast DDS gives every process on a machine the lowest free participant number, and its shared-memory
port a name made from it. A node that is killed (SIGKILL, out of memory, a crash) and started again
gets the port of its dead self, and makes it anew, while cameras may go on writing into the old one:
the node then hears nothing for as long as they live (eProsima/Fast-DDS#5053, #5469). Within seconds
one of the living removes the dead port's files, and nothing shows any more that others still hold
it. So a process takes its number by chance, among those without any files.

Two processes that start at once must not take the same one: Fast DDS gives one of them the next
number then, but they may find each other seconds later than others do. So a number is claimed.
"""

import random
import socket
from pathlib import Path

from emotion_bringup.claims import claim
from emotion_bringup.distributions import PORT_NAMES

_SHARED_MEMORY = Path('/dev/shm')
# Ports of user traffic by domain and participant number: section 9.6.1 of the RTPS specification.
_BASE_PORT, _PORTS_OF_DOMAIN, _FIRST_PORT, _PORTS_OF_PARTICIPANT = 7400, 250, 11, 2
# With discovery on this machine only, ROS looks for participants with these numbers.
_PARTICIPANTS = 32
# Processes without a claim take the lowest free number, and may start at the same moment.
_LEFT_TO_OTHERS = 8


def claim_participant_id(domain: int, folder: Path = _SHARED_MEMORY) -> int | None:
    """A participant number that neither a living nor a killed process has, another at each call.

    No other call on this machine gets it while this process lives.

    Args:
        domain: ROS domain.
        folder: Where Fast DDS keeps its ports.

    Returns:
        The number; None when all are taken, so that Fast DDS must choose.
    """
    for number in _by_chance():
        free = not _locks(folder, _port(domain, number))
        if free and claim(f'domain/{domain}/participant/{number}'):
            return number
    return None


def _by_chance() -> list[int]:
    """All numbers in an order by chance; last the low ones, which Fast DDS gives to others."""
    high = range(_LEFT_TO_OTHERS, _PARTICIPANTS)
    low = range(_LEFT_TO_OTHERS)
    return [*random.sample(high, len(high)), *random.sample(low, len(low))]


def is_quiet(domain: int, folder: Path = _SHARED_MEMORY) -> bool:
    """Whether no process on this machine is in a domain, nor has been killed in it.

    Args:
        domain: ROS domain.
        folder: Where Fast DDS keeps its ports.
    """
    if any(_locks(folder, _port(domain, number)) for number in range(_PARTICIPANTS)):
        return False
    # Whichever middleware it uses, the first participant of a domain has this one for discovery.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(('', _port(domain, 0) - 1))
        except OSError:
            return False
    return True


def _port(domain: int, number: int) -> int:
    """Port of a participant's user traffic; that of its discovery is one below."""
    return _BASE_PORT + _PORTS_OF_DOMAIN * domain + _FIRST_PORT + _PORTS_OF_PARTICIPANT * number


def _locks(folder: Path, port: int) -> list[Path]:
    """The locks of a port, of whichever Fast DDS; removed by a process that ends as it should."""
    paths = (folder / f'{name}{port}_el' for name in PORT_NAMES)
    return [path for path in paths if path.exists()]
