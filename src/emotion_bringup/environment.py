"""Process environment of the nodes: the DDS transport profile, how settings are called, imports."""

import importlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from types import ModuleType

from emotion_bringup.dds_profile import fitted_profile
from emotion_bringup.distributions import PROFILE_VARIABLES, profile_variables, rclpy_problem
from emotion_bringup.installation import missing_module_cure, shell_problem
from emotion_bringup.stale_ports import claim_participant_id
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.files.resources import config_path
from emotion_perception.settings.setting import spelled

# Means that the user has chosen the transport.
_BUILTIN_TRANSPORTS = 'FASTDDS_BUILTIN_TRANSPORTS'
_NAMES = 'EMOTION_SETTING_NAMES'


def dds_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables to add so that images fit into Fast DDS's shared memory.

    Its default segment is smaller than one 720p image: best-effort subscribers then receive nothing
    at all.

    Args:
        environment: The variables that are set.

    Returns:
        The path of the profile by variable: that of the user, who may have named it for the other
        version of Fast DDS, else `config/fastdds.xml`. Nothing where it is named already, or where
        the user has chosen the transports alone.
    """
    chosen = [environment[name] for name in PROFILE_VARIABLES.values() if environment.get(name)]
    if not chosen and environment.get(_BUILTIN_TRANSPORTS):
        return {}
    profile = chosen[0] if chosen else str(config_path('fastdds.xml'))
    return {name: profile for name in profile_variables(environment) if not environment.get(name)}


def use_shipped_dds_profile() -> None:
    """Adds `dds_environment` to this process; must be called before rclpy is initialised."""
    os.environ.update(dds_environment(os.environ))


def use_own_dds_profile(*, images: bool) -> None:
    """The same, with the shipped profile fitted to this process.

    For a process with one context that starts no others: two in one process would be one DDS
    participant for Fast DDS, which it refuses.

    Args:
        images: Whether this process publishes images.
    """
    use_shipped_dds_profile()
    shipped = config_path('fastdds.xml')
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    variables = profile_variables(os.environ)
    named = {os.environ.get(name) for name in variables}
    if named == {str(shipped)} and domain.isdecimal():
        profile = fitted_profile(shipped, claim_participant_id(int(domain)), images=images)
        os.environ.update(dict.fromkeys(variables, str(profile)))


def names_environment(names: Mapping[str, str]) -> dict[str, str]:
    """Variables that tell a node how the user has written its settings.

    Args:
        names: Such as `model:=` or `--model` for `model_path`.
    """
    return {_NAMES: json.dumps(names)} if names else {}


def as_written(sentence: str) -> str:
    """A sentence that calls the settings of this process as the user has written them."""
    with suppress(ValueError):
        return spelled(sentence, json.loads(os.environ.get(_NAMES, '{}')))
    return sentence


class InstallationError(EmotionPerceptionError):
    """A package is missing, too old or of another Python, or the shell keeps ROS from starting."""


def import_for_ros(*names: str) -> list[ModuleType]:
    """Imports modules that need ROS.

    Raises:
        InstallationError: ROS, the messages or a Python package is not there or does not load, or
            a variable of the shell keeps ROS from starting.
    """
    try:
        problem = shell_problem(os.environ) or rclpy_problem()
        if problem:
            raise InstallationError(problem)
        return [importlib.import_module(name) for name in names]
    except ModuleNotFoundError as error:
        raise InstallationError(missing_module_cure(error)) from error
    except ImportError as error:
        cause = str(error).partition('\n')[0]
        name = error.name or 'A package'
        raise InstallationError(f'{name} is installed but does not load ({cause}).') from error
