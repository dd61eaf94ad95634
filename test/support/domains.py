"""ROS domains for tests, which must hear nobody else."""

import fcntl
import os
import tempfile
from functools import cache
from pathlib import Path

from emotion_bringup.distributions import PORT_NAMES
from emotion_bringup.environment import use_shipped_dds_profile

SHARED_MEMORY = Path('/dev/shm')
# Of the domains above, ports lie where Linux gives them to whoever asks for any.
DOMAINS = 100
_CLAIMS = Path(tempfile.gettempdir()) / 'emotion_bringup_test_domains'
# Open files: a claim ends with the process that made it, however it ends.
_held = []


@cache
def isolate():
    """Gives this process, and those that it starts, a domain; before rclpy is initialised."""
    os.environ['ROS_DOMAIN_ID'] = str(claim_domain())
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ.setdefault('ROS_LOG_DIR', tempfile.mkdtemp(prefix='ros_log_'))
    use_shipped_dds_profile()


def claim_domain():
    """A domain where nobody is, nor has been killed; no other call gets it while this one lives.

    Killed processes leave their ports behind, and who starts beside them gets a profile with a
    participant number: with such a one Fast DDS 2.x allows no second participant in a process.
    """
    start = os.getpid() % DOMAINS
    domains = [1 + (start + offset) % DOMAINS for offset in range(DOMAINS)]
    quiet = [domain for domain in domains if not ports_of(domain)]
    for domain in (*quiet, *domains):
        if _claim(domain):
            return domain
    raise RuntimeError(f'all {DOMAINS} ROS domains of the tests are taken: see {_CLAIMS}')


def ports_of(domain):
    """Fast DDS's files of the first participants of a domain, living or killed."""
    first = 7400 + 250 * domain + 11
    numbers = [first + 2 * number for number in range(32)]
    paths = [
        path for name in PORT_NAMES for path in SHARED_MEMORY.glob(f'*{name}*') if path.is_file()
    ]
    return [path for path in paths if any(f'port{number}' in path.name for number in numbers)]


def _claim(domain):
    _CLAIMS.mkdir(exist_ok=True)
    try:
        file = (_CLAIMS / str(domain)).open('a')
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # another process has it, or another user's file is in the way
    _held.append(file)
    return True
