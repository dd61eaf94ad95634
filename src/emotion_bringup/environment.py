"""Process environment of the nodes: the DDS transport profile."""

import os

from emotion_perception.resources import config_path

PROFILE_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE'
# Either means that the user has chosen the transport.
_USER_VARIABLES = (PROFILE_VARIABLE, 'FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_BUILTIN_TRANSPORTS')


def use_shipped_dds_profile() -> None:
    """Points Fast DDS to `config/fastdds.xml` unless the user has chosen a transport.

    Fast DDS's default shared-memory segment is smaller than one 720p image: best-effort subscribers
    then receive nothing at all. Must be called before rclpy is initialised.
    """
    if not any(os.environ.get(variable) for variable in _USER_VARIABLES):
        os.environ[PROFILE_VARIABLE] = str(config_path('fastdds.xml'))
