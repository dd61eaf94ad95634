"""`emotion nodes`: loads ROS only when it is used."""

import argparse
import os
import sys

from emotion_bringup.environment import (
    InstallationError,
    import_for_ros,
    use_shipped_dds_profile,
)
from emotion_bringup.session.arguments import add_arguments, options_from
from emotion_bringup.session.domain import session_environment

__all__ = ['add_arguments', 'run']


def run(arguments: argparse.Namespace) -> int:
    """Runs camera, emotion and overlay node on a source until it ends or Ctrl-C.

    Returns:
        Exit code: 0 when all went well, 1 when a node failed or frames stayed unprocessed.
    """
    options = options_from(arguments)
    os.environ.update(session_environment(options.domain_id, os.environ))
    use_shipped_dds_profile()
    try:
        (runner,) = import_for_ros('emotion_bringup.session.runner')
    except InstallationError as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return int(runner.run_session(options))
