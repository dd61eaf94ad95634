"""Tells a launch file that was started by itself from one that another launch file includes."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path


def is_launched_directly(launch_file: str, arguments: Sequence[str]) -> bool:
    """Whether a launch file is the one that the command line names.

    `ros2 launch` itself includes the file that it is given: to launch, both are the same.

    Args:
        launch_file: Its path; empty when it is not known.
        arguments: The command line: `ros2 launch PACKAGE FILE ...` or `ros2 launch PATH ...`.
    """
    if not launch_file:
        return False
    file = Path(launch_file).absolute()
    # Installed as share/PACKAGE/launch/FILE, perhaps as a link.
    package_and_file = (file.parent.parent.name, file.name)
    words = [word for word in arguments if ':=' not in word]
    if package_and_file in pairwise(words):
        return True
    return any(Path(word).resolve() == file.resolve() for word in words)
