"""ROS domains for tests, which must hear nobody else."""

import os
import tempfile
from functools import cache
from pathlib import Path

from emotion_bringup.distributions import PORT_NAMES
from emotion_bringup.environment import use_shipped_dds_profile
from emotion_bringup.session.domain import claim_domain

SHARED_MEMORY = Path('/dev/shm')


@cache
def isolate():
    """Gives this process, and those that it starts, a domain; before rclpy is initialised."""
    os.environ['ROS_DOMAIN_ID'] = str(claim_domain())
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ.setdefault('ROS_LOG_DIR', tempfile.mkdtemp(prefix='ros_log_'))
    use_shipped_dds_profile()


def ports_of(domain):
    """Fast DDS's files of the first participants of a domain, living or killed."""
    first = 7400 + 250 * domain + 11
    numbers = [first + 2 * number for number in range(32)]
    paths = [
        path for name in PORT_NAMES for path in SHARED_MEMORY.glob(f'*{name}*') if path.is_file()
    ]
    return [path for path in paths if any(f'port{number}' in path.name for number in numbers)]
