"""The one guard through which every process of this package starts ROS and makes its node."""

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

import rclpy
from rclpy.exceptions import NameValidationException, ParameterException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from emotion_bringup.endings import EXIT_ERROR, EXIT_USAGE
from emotion_bringup.security import is_secured
from emotion_perception.errors import EmotionPerceptionError

AnyNode = TypeVar('AnyNode', bound=Node)

_LOG_FOLDER: Final = re.compile(r"log directory(?: ('[^']*'))?")
_NAME_RULE: Final = (
    'names hold letters, digits, underscores and slashes, and no part begins with a digit'
)


class StartError(EmotionPerceptionError):
    """ROS does not start or refuses the node, for example because of its security settings.

    Attributes:
        exit_code: Of `endings`; `EXIT_USAGE` where it would end in the same way every time.
    """

    def __init__(self, sentence: str, exit_code: int = EXIT_USAGE) -> None:
        super().__init__(sentence)
        self.exit_code = exit_code


def _check_encoding(words: Sequence[str]) -> None:
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise StartError(
                f'{word!r} is not UTF-8, as ROS wants it: rename the file, or read it '
                'with `emotion video` or `emotion image`.'
            ) from error


@contextmanager
def ros_running(args: Sequence[str] | None = None) -> Iterator[None]:
    """Initialises ROS without its signal handlers, and shuts it down at the end.

    Args:
        args: Command line with ROS arguments; None takes `sys.argv`.

    Raises:
        StartError: The arguments or the environment do not let ROS start.
    """
    words = list(sys.argv if args is None else args)
    _check_encoding(words)
    try:
        rclpy.init(args=words, signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:  # rclpy raises several unrelated types for arguments it can't parse
        raise StartError(startup_problem(first_line(error), os.environ)) from error
    try:
        yield
    finally:
        rclpy.try_shutdown()


def made(make_node: Callable[[], AnyNode]) -> AnyNode:
    """Makes a node.

    Raises:
        StartError: ROS refuses it, or what was given for its parameters or names.
        EmotionPerceptionError: The node itself refuses.
    """
    with warnings.catch_warnings():
        # Said by rclpy about the half of a node that it throws away.
        warnings.filterwarnings('ignore', message='Failed to fini rosout publisher')
        try:
            return make_node()
        except rclpy_implementation.RCLError as error:
            # Without security ROS lacks something, such as memory, that may be there next time.
            code = EXIT_USAGE if is_secured(os.environ) else EXIT_ERROR
            raise StartError(startup_problem(first_line(error), os.environ), code) from error
        except NameValidationException as error:
            raise StartError(_invalid_name(error)) from error
        except ParameterException as error:
            # rclpy appends the parameter's name once more.
            cause = first_line(error).rpartition(': ')[0] or first_line(error)
            raise StartError(f'{cause}; correct it where it is given.') from error


def _invalid_name(error: NameValidationException) -> str:
    """In one sentence what rclpy says in three lines: `Invalid namespace: why:`, name, arrow."""
    what, name, *_ = str(error).splitlines()
    return f'{what.partition(":")[0]} {name.strip()}: {_NAME_RULE}.'


def first_line(error: BaseException) -> str:
    """The first line of an error's text: rcl appends its C stack to the rest."""
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


def startup_problem(cause: str, environment: Mapping[str, str]) -> str:
    """Why ROS or a node cannot start, with the cure where it is known.

    Args:
        cause: First line of what ROS says.
        environment: The variables that are set.
    """
    # rcl appends places in its C sources.
    cause = cause.partition(', at /')[0].strip().rstrip('.')
    folder = _LOG_FOLDER.search(cause)
    if folder:
        return (
            f'ROS cannot write its log files{f" into {folder[1]}" if folder[1] else ""}: set '
            'ROS_LOG_DIR to a folder that can be written.'
        )
    if 'parse remap rule' in cause:
        return f'{cause.partition(". Error:")[0]}: {_NAME_RULE}.'
    if not is_secured(environment):
        return cause
    if not environment.get('ROS_SECURITY_KEYSTORE'):
        return 'ROS_SECURITY_ENABLE is true: set ROS_SECURITY_KEYSTORE to the keystore too.'
    return f'ROS_SECURITY_ENABLE is true and the node cannot start ({cause}): see docs/security.md.'
