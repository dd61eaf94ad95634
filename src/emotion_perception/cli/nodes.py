"""`emotion nodes`: hands over to the ROS package, which may not be there."""

import argparse
from importlib import import_module
from types import ModuleType

from emotion_perception.errors import EmotionPerceptionError

DESCRIPTION = """\
Starts camera, emotion and overlay node with the parameters of config/emotion.yaml, prints a line
per frame and a summary, and ends them. Everything goes over real ROS 2 topics, which other programs
may join meanwhile."""

EPILOG = """\
examples:
  emotion nodes --source demo --video out/demo.mp4 --json out/demo.jsonl
  emotion nodes --show
  emotion nodes --source clip.mp4 --record recording

It needs rclpy and the built emotion_msgs: a sourced ROS 2 workspace, or `make env`.
"""


class NodesError(EmotionPerceptionError):
    """The ROS part of the package is not installed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `emotion nodes`."""
    _session().add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Runs `emotion nodes`; returns its exit code."""
    return int(_session().run(arguments))


def _session() -> ModuleType:
    # By name, because the core must not depend on the ROS package.
    try:
        return import_module('emotion_bringup.session.command')
    except ModuleNotFoundError as error:
        raise NodesError(
            f'`emotion nodes` needs the ROS package emotion_bringup ({error}): '
            'build it with `colcon build` and source install/setup.bash, or run `make env`.'
        ) from error
