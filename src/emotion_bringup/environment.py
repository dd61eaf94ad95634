"""Process environment of the nodes: the DDS transport profile and missing packages."""

import os
from collections.abc import Mapping

from emotion_bringup.dead_ports import number_beside_the_dead, profile_with_number
from emotion_perception.resources import config_path

PROFILE_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE'
# Either means that the user has chosen the transport.
_USER_VARIABLES = (PROFILE_VARIABLE, 'FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_BUILTIN_TRANSPORTS')


def dds_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables to add so that images fit into Fast DDS's shared memory.

    Its default segment is smaller than one 720p image: best-effort subscribers then receive nothing
    at all.

    Args:
        environment: The variables that are set.

    Returns:
        The path of `config/fastdds.xml` by variable; nothing where the user has chosen a transport.
    """
    if any(environment.get(variable) for variable in _USER_VARIABLES):
        return {}
    return {PROFILE_VARIABLE: str(config_path('fastdds.xml'))}


def use_shipped_dds_profile() -> None:
    """Adds `dds_environment` to this process; must be called before rclpy is initialised."""
    os.environ.update(dds_environment(os.environ))
    shipped = config_path('fastdds.xml')
    domain = os.environ.get('ROS_DOMAIN_ID') or '0'
    if os.environ.get(PROFILE_VARIABLE) == str(shipped) and domain.isdecimal():
        number = number_beside_the_dead(int(domain))
        if number is not None:
            os.environ[PROFILE_VARIABLE] = str(profile_with_number(shipped, number))


def apt_cure(package: str) -> str:
    """One sentence that says how to get a ROS package that is not installed."""
    distribution = os.environ.get('ROS_DISTRO') or '$ROS_DISTRO'
    name = f'ros-{distribution}-{package.replace("_", "-")}'
    return (
        f'{package} is not installed: run `sudo apt install {name}`, or build it in your workspace.'
    )


_CURES = {
    'rclpy': 'rclpy is not installed: source the setup file of your ROS 2 installation, or run '
    '`make env` and use .venv/bin.',
    'emotion_msgs': 'The messages of emotion_msgs are not built: run `make env`, or `colcon build` '
    'and source install/setup.bash.',
}
# Optional: only `emotion_bringup.interop` needs them.
_ROS_PACKAGES = ('vision_msgs', 'hri_msgs')


def missing_module_cure(error: ModuleNotFoundError) -> str:
    """One sentence that says what is not installed and how to get it."""
    package = (error.name or '').split('.')[0]
    if package in _ROS_PACKAGES:
        return apt_cure(package)
    return _CURES.get(package, f'The Python package {package} is not installed: see README.md.')
