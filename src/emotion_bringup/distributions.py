"""Everything in which the supported ROS 2 distributions differ.

Supported are Jazzy (rclpy 7.1, Fast DDS 2.14) and what came after it; README.md says which of them
were tried. Nothing here asks for a distribution's name: a name says nothing about a workspace in
which somebody has built a newer rclpy or another middleware.
"""

import importlib.util
from collections.abc import Mapping
from typing import Any, Final

PROFILE_VARIABLES: Final = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
"""Where Fast DDS looks for its profile: 2.x (Jazzy) reads the first, 3.x (Kilted) the second.

Each leaves the other's alone, and reads the same XML.
"""

PORT_NAMES: Final = ('fastrtps_port', 'fastdds_port')
"""How the files of Fast DDS's shared-memory ports begin: of 2.x (Jazzy) and of 3.x (Kilted)."""

# Came with rclpy 4.1 (Iron), as did matched events, which the nodes cannot do without. Humble's 3.3
# has neither, nor callbacks with message info, nor post-set parameter callbacks.
_NEEDED_MODULE = 'rclpy.event_handler'


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
