"""What stands on a node's command line beside its ROS arguments: cameras, help, or a mistake."""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from emotion_bringup.graph import GRAPH
from emotion_bringup.parameter_tables import NODE_PARAMETERS

_WIDTH = 100
_HELP = ('-h', '--help')
_NAME: Final = re.compile(r'/?[A-Za-z_]\w*(/[A-Za-z_]\w*)*', re.ASCII)
_NAMESPACE: Final = '__ns:='


@dataclass(frozen=True, slots=True)
class Camera:
    """One of the cameras of a process.

    Attributes:
        namespace: Of its node and topics, absolute.
        image: Topic of its images; empty leaves it to the remappings of the process.
    """

    namespace: str
    image: str = ''

    @property
    def remappings(self) -> list[str]:
        """ROS arguments of its node."""
        names = {'__ns': self.namespace} | ({'image': self.image} if self.image else {})
        return [part for name, target in names.items() for part in ('-r', f'{name}:={target}')]


def cameras_in(arguments: Sequence[str]) -> list[Camera]:
    """The cameras that are named: a namespace each, below that of the process.

    Args:
        arguments: Behind the node's name: `front`, or `front=/head/image_raw` for images of
            another topic.
    """
    given = (each.removeprefix(_NAMESPACE) for each in arguments if each.startswith(_NAMESPACE))
    around = next(given, '').rstrip('/')
    cameras = []
    for word in without_ros(arguments):
        name, _, image = word.partition('=')
        cameras.append(Camera(name if name.startswith('/') else f'{around}/{name}', image))
    return cameras


def wants_help(arguments: Sequence[str]) -> bool:
    """Whether the help is asked for.

    Args:
        arguments: Behind the node's name.
    """
    return any(each in _HELP for each in without_ros(arguments))


def without_ros(arguments: Sequence[str]) -> list[str]:
    """What is not between `--ros-args` and `--`, where ROS reads it.

    Args:
        arguments: Behind the node's name.
    """
    others, is_of_ros = [], False
    for each in arguments:
        if each == '--ros-args':
            is_of_ros = True
        elif is_of_ros:
            is_of_ros = each != '--'
        else:
            others.append(each)
    return others


def problem(name: str, arguments: Sequence[str]) -> str:
    """What is wrong with a command line; empty when nothing is.

    Args:
        name: Of the node.
        arguments: Behind it.
    """
    if name not in GRAPH:
        return f'There is no node {name!r}: use {", ".join(GRAPH)}.'
    others = without_ros(arguments)
    if not others:
        return ''
    if GRAPH[name].takes_cameras and not any(
        each.startswith('-') or ':=' in each for each in others
    ):
        return _problem_of_cameras(cameras_in(arguments))
    return (
        f'{name} does not read {" ".join(others)!r}: write parameters as `--ros-args -p '
        f'NAME:=VALUE`; {name} --help lists them.'
    )


def _problem_of_cameras(cameras: Sequence[Camera]) -> str:
    namespaces = [camera.namespace for camera in cameras]
    for camera in cameras:
        if not _NAME.fullmatch(camera.namespace) or not _NAME.fullmatch(camera.image or '/image'):
            return (
                'Name a camera by its namespace, such as front, or front=/head/image_raw where '
                f'its images have another topic: {camera.namespace.lstrip("/")!r} cannot be one.'
            )
        if namespaces.count(camera.namespace) > 1:
            return f'The camera {camera.namespace} is named twice: give each its own.'
    return ''


def help_text(name: str) -> str:
    """How to start a node and all its parameters.

    Args:
        name: Of the node.
    """
    cameras = '[NAMESPACE[=IMAGE_TOPIC] ...] ' if GRAPH[name].takes_cameras else ''
    lines = [
        f'usage: {name} {cameras}[--ros-args [-p NAME:=VALUE] [-r FROM:=TO] '
        '[--params-file FILE] ...]',
        '',
        'parameters:',
    ]
    for row in NODE_PARAMETERS[name]:
        default = '' if row.default in ('', []) else f', default {row.default}'
        allowed = row.range_text or row.type_text
        lines.append(f'  {row.name} ({allowed}{default})')
        lines += textwrap.wrap(
            row.full_help, _WIDTH, initial_indent=' ' * 6, subsequent_indent=' ' * 6
        )
    return '\n'.join(lines)
