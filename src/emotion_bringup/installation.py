"""What is missing in the installation or wrong in the user's shell, with the cure in one sentence.

Nothing of ROS is imported here: some of this must be said before ROS is loaded, which would end the
process with a line of its C sources.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from emotion_bringup.distributions import ros_prefixes

_MIDDLEWARES: Final = 'share/ament_index/resource_index/rmw_typesupport'
LAST_DOMAIN: Final = 232
"""The last ROS domain whose ports are below 65536: section 9.6.1 of the RTPS specification."""

_EXTENSION: Final = re.compile(r'\.cpython-(\d)(\d+)-')
# Where ROS's packages lie below a prefix: from apt, from a workspace, from wheels.
_PYTHON_FOLDERS: Final = ('lib/python3*/*-packages', 'local/lib/python3*/*-packages')

_CURES: Final = {
    'rclpy': 'rclpy is not installed: source the setup file of your ROS 2 installation, or run '
    '`make env` and use .venv/bin.',
    'emotion_msgs': 'The messages of emotion_msgs are not built: run `make env`, or in your '
    'workspace `ln -s emotion_bringup/src/emotion_msgs src/` and `colcon build`, and source '
    'install/setup.bash.',
}
# Where the source of packages is that a distribution has not released.
_UNRELEASED: Final = {('hri_msgs', 'kilted'): 'https://github.com/ros4hri/hri_msgs'}
# Optional: only `emotion_bringup.interop` needs them.
_ROS_PACKAGES: Final = ('vision_msgs', 'hri_msgs', 'tf2_msgs')


def missing_module_cure(error: ModuleNotFoundError) -> str:
    """One sentence that says what is not installed and how to get it."""
    package = (error.name or '').split('.')[0]
    other = other_python(package, os.environ)
    if other:
        return other
    if package in _ROS_PACKAGES:
        return apt_cure(package)
    return _CURES.get(package, f'The Python package {package} is not installed: see README.md.')


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


def other_python(package: str, environment: Mapping[str, str]) -> str:
    """Says that a package is there, but built for other versions of Python than this one.

    Args:
        package: Name of a top-level package.
        environment: The variables that are set; a sourced ROS stands in `AMENT_PREFIX_PATH`, its
            Python packages in `PYTHONPATH`.

    Returns:
        One sentence; empty where the package has no compiled parts, or those for this Python.
    """
    built = {
        version: file.parent
        for folder in _package_folders(package, environment)
        for file in folder.glob('*.cpython-*')
        if (version := _version_of(file.name))
    }
    mine = sys.version_info[:2]
    if not built or mine in built:
        return ''
    versions = ' and '.join(f'{major}.{minor}' for major, minor in sorted(built))
    major, minor = max(built)
    return (
        f'{package} in {built[max(built)]} is built for Python {versions}, and this is Python '
        f'{mine[0]}.{mine[1]} ({sys.executable}): use python{major}.{minor}, for example by '
        f'`python{major}.{minor} -m venv --system-site-packages`.'
    )


def _package_folders(package: str, environment: Mapping[str, str]) -> list[Path]:
    """The folder that Python would import; else those below the prefixes of ROS."""
    for entry in filter(None, sys.path):
        folder = Path(entry, package)
        if folder.is_dir():
            return [folder]
    return [
        folder
        for prefix in ros_prefixes(environment)
        for pattern in _PYTHON_FOLDERS
        for folder in prefix.glob(f'{pattern}/{package}')
    ]


def _version_of(name: str) -> tuple[int, int] | None:
    """The Python that a compiled module is for, as in `_rclpy_pybind11.cpython-312-x86_64-…`."""
    found = _EXTENSION.search(name)
    return (int(found[1]), int(found[2])) if found else None


def shell_problem(environment: Mapping[str, str]) -> str:
    """Which variable of the shell would end ROS while it is loaded or starts; empty when none.

    Args:
        environment: The variables that are set.
    """
    return _domain_problem(environment) or _middleware_problem(environment)


def _domain_problem(environment: Mapping[str, str]) -> str:
    domain = environment.get('ROS_DOMAIN_ID', '')
    if not domain or (domain.isascii() and domain.isdecimal() and int(domain) <= LAST_DOMAIN):
        return ''
    return f'ROS_DOMAIN_ID must be a whole number from 0 to {LAST_DOMAIN}, not {domain!r}.'


def _middleware_problem(environment: Mapping[str, str]) -> str:
    wanted = environment.get('RMW_IMPLEMENTATION', '')
    if not wanted:
        return ''
    folders = [each / _MIDDLEWARES for each in (*ros_prefixes(environment), Path(sys.prefix))]
    installed = {
        file.name for folder in folders if folder.is_dir() for file in folder.iterdir()
    } - {'rmw_implementation'}
    if not installed or wanted in installed:
        return ''
    return (
        f'RMW_IMPLEMENTATION is {wanted}, which is not installed: unset it to use '
        f'{" or ".join(sorted(installed))}, or install the ROS package {wanted}.'
    )
