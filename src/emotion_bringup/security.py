"""SROS2: the enclaves in which the nodes run, and what to say when security stops one."""

from collections.abc import Mapping

ENCLAVES = '/emotion'
"""The enclave below which each process has its own, as in `config/security/policy.xml`."""


def enclave_arguments(name: str, below: str = ENCLAVES) -> list[str]:
    """ROS arguments that put a process into its enclave.

    Without `ROS_SECURITY_ENABLE` they change nothing.

    Args:
        name: Of the node, which is the last part of its enclave's name.
        below: The enclave above it.
    """
    return ['--enclave', '/'.join(('', *filter(None, below.split('/')), name))]


def is_secured(environment: Mapping[str, str]) -> bool:
    """Whether security is turned on.

    Args:
        environment: The variables that are set.
    """
    return environment.get('ROS_SECURITY_ENABLE') == 'true'
