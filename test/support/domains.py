"""ROS domains for tests, which must hear nobody else."""

import os
from pathlib import Path

from emotion_bringup.distributions import PORT_NAMES

SHARED_MEMORY = Path('/dev/shm')
# Of the domains above, ports lie where Linux gives them to whoever asks for any.
DOMAINS = 100


def ports_of(domain):
    """Fast DDS's files of the first participants of a domain, living or killed."""
    first = 7400 + 250 * domain + 11
    numbers = [first + 2 * number for number in range(32)]
    paths = [
        path for name in PORT_NAMES for path in SHARED_MEMORY.glob(f'*{name}*') if path.is_file()
    ]
    return [path for path in paths if any(f'port{number}' in path.name for number in numbers)]


def free_domain(taken=()):
    """A domain where nobody is, nor has been killed; another one in each process of tests.

    Killed processes leave their ports behind, and who starts beside them gets a profile with a
    participant number: with such a one Fast DDS 2.x allows no second participant in a process.
    """
    start = os.getpid() % DOMAINS
    domains = [1 + (start + offset) % DOMAINS for offset in range(DOMAINS)]
    free = (domain for domain in domains if domain not in taken and not ports_of(domain))
    return next(free, domains[0])
