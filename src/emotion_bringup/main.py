"""Entry points of the nodes.

They import a node only when it is started, so that a missing ROS installation or an unbuilt message
package is reported in one sentence.
"""

import os
import signal
import sys
from contextlib import suppress

from emotion_bringup.endings import EXIT_OK, EXIT_USAGE
from emotion_bringup.environment import (
    InstallationError,
    import_for_ros,
    use_own_dds_profile,
)
from emotion_bringup.graph import GRAPH
from emotion_bringup.lifeline import end_with_starter
from emotion_bringup.node_arguments import cameras_in, help_text, problem, wants_help
from emotion_perception.signals import end_signals

_CAMERAS = 'emotion_bringup.nodes.cameras'


def run(name: str) -> int:
    """Runs a node by name until it ends; returns its exit code."""
    arguments = sys.argv[1:]
    if name in GRAPH and wants_help(arguments):
        with suppress(BrokenPipeError):  # of `| head`
            print(help_text(name), flush=True)
        os._exit(EXIT_OK)  # Python would flush once more
    wrong = problem(name, arguments)
    if wrong:
        print(f'error: {wrong}', file=sys.stderr)
        return EXIT_USAGE
    _end_quietly_while_starting()
    end_with_starter()
    node, cameras = GRAPH[name], cameras_in(arguments)
    use_own_dds_profile(images=node.writes_images)
    module = _CAMERAS if cameras else node.module
    try:
        running, node_module = import_for_ros('emotion_bringup.running', module)
    except InstallationError as error:
        print(f'error: {error}', file=sys.stderr)
        return EXIT_USAGE
    if cameras:
        return int(running.run_nodes(node_module.emotion_nodes(cameras)))
    return int(running.run_nodes([getattr(node_module, node.class_name)]))


def _end_quietly_while_starting() -> None:
    """Until the node is there and takes the signals over, there is nothing that could be lost.

    Python would show a traceback of whatever module it was just loading.
    """
    for number in end_signals():
        signal.signal(number, lambda *_: os._exit(0))


def camera_node() -> int:
    """Entry point of `ros2 run emotion_bringup camera_node`."""
    return run('camera_node')


def emotion_node() -> int:
    """Entry point of `ros2 run emotion_bringup emotion_node`."""
    return run('emotion_node')


def overlay_node() -> int:
    """Entry point of `ros2 run emotion_bringup overlay_node`."""
    return run('overlay_node')


def humans_bridge() -> int:
    """Entry point of `ros2 run emotion_bringup humans_bridge`."""
    return run('humans_bridge')


def expression_node() -> int:
    """Entry point of `ros2 run emotion_bringup expression_node`."""
    return run('expression_node')


def people_node() -> int:
    """Entry point of `ros2 run emotion_bringup people_node`."""
    return run('people_node')


def foxglove_node() -> int:
    """Entry point of `ros2 run emotion_bringup foxglove_node`."""
    return run('foxglove_node')


if __name__ == '__main__':
    sys.argv = sys.argv[1:] or ['']
    sys.exit(run(sys.argv[0]))
