"""Everything in which the supported ROS 2 distributions differ.

Supported are Jazzy (rclpy 7.1, Fast DDS 2.14) and what came after it; docs/machines.md says which
of them were tried. Nothing here asks for a distribution's name: a name says nothing about a
workspace in which somebody has built a newer rclpy or another middleware.
"""

import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

PROFILE_VARIABLES: Final = {
    'libfastrtps.so': 'FASTRTPS_DEFAULT_PROFILES_FILE',
    'libfastdds.so': 'FASTDDS_DEFAULT_PROFILES_FILE',
}
"""Where Fast DDS looks for its profile, by its library: 2.x (Jazzy) and 3.x (Kilted and later).

Both read the same XML. 2.x leaves the other's variable alone; with 3.x ROS warns about the old one.
"""

PORT_NAMES: Final = ('fastrtps_port', 'fastdds_port')
"""How the files of Fast DDS's shared-memory ports begin: of 2.x (Jazzy) and of 3.x (Kilted)."""

# Came with rclpy 4.1 (Iron), as did matched events, which the nodes cannot do without. Humble's 3.3
# has neither, nor callbacks with message info, nor post-set parameter callbacks.
_NEEDED_MODULE = 'rclpy.event_handler'


def ros_prefixes(environment: Mapping[str, str]) -> list[Path]:
    """Where ROS and its workspaces are installed, as their setup files say.

    Args:
        environment: The variables that are set.
    """
    return [
        Path(each) for each in environment.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if each
    ]


def profile_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that this installation's Fast DDS reads; all of them where it is not found.

    Args:
        environment: The variables that are set; `AMENT_PREFIX_PATH` says where ROS lies, which is
            this Python's own prefix where ROS came as wheels.
    """
    prefixes = [*ros_prefixes(environment), Path(sys.prefix)]
    found = [
        variable
        for library, variable in PROFILE_VARIABLES.items()
        if any((prefix / 'lib' / library).exists() for prefix in prefixes)
    ]
    return tuple(found or PROFILE_VARIABLES.values())


def publisher_of(info: Mapping[str, Any]) -> bytes | None:
    """Which publisher a message came from.

    Args:
        info: The message info that rclpy passes to a callback with two parameters.

    Returns:
        Its unique name in the middleware; None before Kilted, where rclpy does not tell.
    """
    gid = info.get('publisher_gid')
    return bytes(gid['data']) if gid else None


def rclpy_problem() -> str:
    """Why the rclpy that is installed cannot run the nodes; empty when it can.

    It is empty without rclpy too: who imports it then has more to say.
    """
    if importlib.util.find_spec('rclpy') is None:
        return ''
    if importlib.util.find_spec(_NEEDED_MODULE) is not None:
        return ''
    return (
        f'This rclpy has no {_NEEDED_MODULE}, as in ROS 2 Humble or older: the nodes need Jazzy '
        'or newer. The commands without ROS, such as `emotion live`, run here too.'
    )
