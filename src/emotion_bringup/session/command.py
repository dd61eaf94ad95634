"""`emotion nodes`: loads ROS only when it is used."""

import argparse
import sys

from emotion_bringup.environment import (
    InstallationError,
    import_for_ros,
    use_shipped_dds_profile,
)
from emotion_bringup.session.arguments import add_arguments, options_from

__all__ = ['add_arguments', 'run']


def run(arguments: argparse.Namespace) -> int:
    """Runs camera, emotion and overlay node on a source until it ends or Ctrl-C.

    Returns:
        Exit code: 0 when all went well, 1 when a node failed or frames stayed unprocessed.
    """
    use_shipped_dds_profile()
    try:
        (runner,) = import_for_ros('emotion_bringup.session.runner')
    except InstallationError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return int(runner.run_session(options_from(arguments)))
