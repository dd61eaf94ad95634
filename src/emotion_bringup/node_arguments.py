"""What stands on a node's command line beside its ROS arguments: a wish for help, or a mistake."""

import textwrap
from collections.abc import Sequence

from emotion_bringup.graph import GRAPH
from emotion_bringup.parameter_tables import NODE_PARAMETERS

_WIDTH = 100
_HELP = ('-h', '--help')


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
    return (
        f'{name} does not read {" ".join(others)!r}: write parameters as `--ros-args -p '
        f'NAME:=VALUE`; {name} --help lists them.'
    )


def help_text(name: str) -> str:
    """How to start a node and all its parameters.

    Args:
        name: Of the node.
    """
    lines = [
        f'usage: {name} [--ros-args [-p NAME:=VALUE] [-r FROM:=TO] [--params-file FILE] ...]',
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
