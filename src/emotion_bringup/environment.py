"""Process environment of the nodes: the DDS transport profile and missing packages."""

import importlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from types import ModuleType

from emotion_bringup.distributions import PROFILE_VARIABLES, profile_variables, rclpy_problem
from emotion_bringup.stale_ports import free_participant_id, profile_with_participant_id
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
    shipped = config_path('fastdds.xml')
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    variables = profile_variables(os.environ)
    named = {os.environ.get(name) for name in variables}
    if named == {str(shipped)} and domain.isdecimal():
        number = free_participant_id(int(domain))
        if number is not None:
            profile = str(profile_with_participant_id(shipped, number))
            os.environ.update(dict.fromkeys(variables, profile))


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


class MissingPackageError(EmotionPerceptionError):
    """A package that the nodes need is not installed, or too old; the text says what to do."""


def import_for_ros(*names: str) -> list[ModuleType]:
    """Imports modules that need ROS.

    Raises:
        MissingPackageError: ROS, the messages or a Python package is not there or does not load.
    """
    try:
        problem = rclpy_problem()
        if problem:
            raise MissingPackageError(problem)
        return [importlib.import_module(name) for name in names]
    except ModuleNotFoundError as error:
        raise MissingPackageError(missing_module_cure(error)) from error
    except ImportError as error:
        cause = str(error).partition('\n')[0]
        name = error.name or 'A package'
        raise MissingPackageError(f'{name} is installed but does not load ({cause}).') from error


def apt_cure(package: str) -> str:
    """One sentence that says how to get a ROS package that is not installed."""
    distribution = os.environ.get('ROS_DISTRO') or '$ROS_DISTRO'
    source = _UNRELEASED.get((package, distribution))
    if source:
        return (
            f'{package} is not installed, and there is no package of it for ROS 2 '
            f'{distribution.capitalize()}: build {source} in your workspace.'
        )
    name = f'ros-{distribution}-{package.replace("_", "-")}'
    return (
        f'{package} is not installed: run `sudo apt install {name}`, or build it in your workspace.'
    )


_CURES = {
    'rclpy': 'rclpy is not installed: source the setup file of your ROS 2 installation, or run '
    '`make env` and use .venv/bin.',
    'emotion_msgs': 'The messages of emotion_msgs are not built: run `make env`, or in your '
    'workspace `ln -s emotion_bringup/src/emotion_msgs src/` and `colcon build`, and source '
    'install/setup.bash.',
}
# Where the source of packages is that a distribution has not released.
_UNRELEASED = {('hri_msgs', 'kilted'): 'https://github.com/ros4hri/hri_msgs'}
# Optional: only `emotion_bringup.interop` needs them.
_ROS_PACKAGES = ('vision_msgs', 'hri_msgs')


def missing_module_cure(error: ModuleNotFoundError) -> str:
    """One sentence that says what is not installed and how to get it."""
    package = (error.name or '').split('.')[0]
    if package in _ROS_PACKAGES:
        return apt_cure(package)
    return _CURES.get(package, f'The Python package {package} is not installed: see README.md.')
