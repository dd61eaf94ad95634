"""The ROS domain of a session: its own, so that two on one machine do not hear each other."""

import os
from collections.abc import Mapping
from itertools import chain
from typing import Final

from emotion_bringup.claims import claim
from emotion_bringup.security import is_secured
from emotion_bringup.stale_ports import is_quiet
from emotion_perception.errors import EmotionPerceptionError

_FREE: Final = 100
"""Domains 1 to 100; the ports of most above lie where Linux gives them to whoever asks for any."""

_RANGE: Final = 'ROS_AUTOMATIC_DISCOVERY_RANGE'


class DomainError(EmotionPerceptionError):
    """No ROS domain of this machine is free."""


def session_environment(chosen: int | None, environment: Mapping[str, str]) -> dict[str, str]:
    """Variables to add for the domain of a session.

    Args:
        chosen: The domain that the user names; None for one of the session's own.
        environment: The variables that are set. With security on, their domain is kept: permissions
            hold for that one.

    Raises:
        DomainError: All domains are taken.
    """
    if chosen is not None:
        return {'ROS_DOMAIN_ID': str(chosen)}
    if is_secured(environment):
        return {}
    variables = {'ROS_DOMAIN_ID': str(claim_domain())}
    return variables | ({} if environment.get(_RANGE) else {_RANGE: 'LOCALHOST'})


def how_to_join(chosen: int | None, environment: Mapping[str, str]) -> str:
    """What to say of the domain while a session runs; empty where it is that of the user.

    Args:
        chosen: As for `session_environment`.
        environment: The variables that are set, those of `session_environment` among them.
    """
    if chosen is not None or is_secured(environment):
        return ''
    return (
        f'ROS domain {environment["ROS_DOMAIN_ID"]}, of this run alone: other nodes take part with '
        '--domain-id.'
    )


def claim_domain() -> int:
    """A domain that nobody on this machine is in, and no other call gets while this process lives.

    Quiet ones first: killed processes leave their ports behind.

    Raises:
        DomainError: All domains are claimed.
    """
    start = os.getpid() % _FREE
    domains = [1 + (start + offset) % _FREE for offset in range(_FREE)]
    for domain in chain(filter(is_quiet, domains), domains):
        if claim(f'domain/{domain}'):
            return domain
    raise DomainError(f'ROS domains 1 to {_FREE} are taken on this machine: choose by --domain-id.')
