"""The arguments of the launch files, and how their values are read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration

from emotion_bringup.graph import CAMERA_IMAGE
from emotion_bringup.launch_endings import AUTO
from emotion_bringup.parameter_tables import IMAGE_TRANSPORTS
from emotion_bringup.security import ENCLAVES
from emotion_perception.labels import LABEL_SETS
from launch import LaunchContext

TRUE_OR_FALSE = ('true', 'false', 'True', 'False', '1', '0')
"""What is taken for a switch; launch files written in Python say True and False."""


@dataclass(frozen=True, slots=True)
class _Argument:
    default: str
    description: str
    choices: Sequence[str] | None = None


_COMMON = {
    'namespace': _Argument('', 'namespace of all nodes and topics, such as robot1'),
    'use_sim_time': _Argument('false', 'take time from /clock', TRUE_OR_FALSE),
    'params_file': _Argument('', 'parameters of the nodes; empty takes config/emotion.yaml'),
    'autostart': _Argument(
        'true',
        'configure and activate the emotion node without a lifecycle manager',
        TRUE_OR_FALSE,
    ),
    'respawn': _Argument(
        'true',
        'start a node again that has ended; never the camera of a finished file, nor a node with '
        'wrong settings',
        TRUE_OR_FALSE,
    ),
    'shutdown_at_end': _Argument(
        AUTO,
        'end the whole launch when the camera or bag has ended, or a node refuses its settings; '
        'auto does so unless another launch file includes this one',
        (AUTO, *TRUE_OR_FALSE),
    ),
    'log_level': _Argument(
        'info', 'log level of the nodes', ('debug', 'info', 'warn', 'error', 'fatal')
    ),
    'enclave': _Argument(
        ENCLAVES, 'SROS2 enclave below which every node has its own (docs/security.md)'
    ),
    'model': _Argument(
        '', 'ONNX model with its manifest beside it; empty takes the parameter file'
    ),
    'labels': _Argument(
        '', 'whose labels to predict; empty takes the parameter file', ('', *LABEL_SETS)
    ),
}


def common_arguments(**defaults: str) -> list[DeclareLaunchArgument]:
    """The arguments that every launch file takes.

    Args:
        defaults: Other defaults, by name.
    """
    return [
        DeclareLaunchArgument(
            name,
            default_value=defaults.get(name, argument.default),
            description=argument.description,
            choices=argument.choices,
        )
        for name, argument in _COMMON.items()
    ]


def switch_argument(name: str, default: str, description: str) -> DeclareLaunchArgument:
    """An argument that is true or false."""
    return DeclareLaunchArgument(
        name, default_value=default, description=description, choices=TRUE_OR_FALSE
    )


def image_arguments(whose: str) -> list[DeclareLaunchArgument]:
    """The arguments of the launch files whose images come from elsewhere.

    Args:
        whose: Who publishes them, for the description.
    """
    return [
        DeclareLaunchArgument(
            'image',
            default_value=CAMERA_IMAGE,
            description=f'image topic of the {whose}; relative ones lie in the namespace',
        ),
        DeclareLaunchArgument(
            'image_transport',
            default_value='',
            description='raw, or compressed for the /compressed topic of the image topic; empty '
            'takes the parameter file, or compressed for a topic that ends so',
            choices=('', *IMAGE_TRANSPORTS),
        ),
    ]


@dataclass(frozen=True, slots=True)
class Images:
    """Where a node's images come from.

    Attributes:
        topic: Their topic.
        transport: `raw` or `compressed`; empty leaves it to the parameter file and the topic.
    """

    topic: str
    transport: str = ''


OWN_CAMERA = Images(CAMERA_IMAGE)
"""The images of `camera_node`; the transport is left to the parameter file."""


def images_of(context: LaunchContext) -> Images:
    """What `image_arguments` say."""
    return Images(text(context, 'image'), text(context, 'image_transport'))


def text(context: LaunchContext, name: str) -> str:
    """Value of a launch argument."""
    return str(LaunchConfiguration(name).perform(context))


def flag(context: LaunchContext, name: str) -> bool:
    """Value of a launch argument that is true or false.

    Raises:
        ValueError: It is neither.
    """
    value = text(context, name).lower()
    if value not in ('true', 'false', '1', '0'):
        raise ValueError(f'Launch argument {name} must be true or false, not {value!r}.')
    return value in ('true', '1')


def positive(context: LaunchContext, name: str, *, or_zero: bool = False) -> str:
    """Value of a launch argument that is a number above zero, as it was given.

    Raises:
        ValueError: It is not.
    """
    value = text(context, name)
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if math.isfinite(number) and (number > 0 or (or_zero and number == 0)):
        return value
    wanted = 'zero or a number above it' if or_zero else 'a number above zero'
    raise ValueError(f'Launch argument {name} must be {wanted}, not {value!r}.')


def overlay_argument() -> DeclareLaunchArgument:
    """The argument of the launch files that can start the overlay node."""
    return switch_argument(
        'overlay',
        'true',
        'start the overlay node; false publishes results without annotated images',
    )


def foxglove_arguments() -> list[DeclareLaunchArgument]:
    """The arguments of the launch files that can start the Foxglove node."""
    return [
        switch_argument(
            'foxglove', 'false', 'let the viewer Foxglove connect to this machine (docs/viewers.md)'
        ),
        DeclareLaunchArgument(
            'foxglove_port', default_value='8765', description='TCP port for Foxglove'
        ),
        DeclareLaunchArgument(
            'mcap', default_value='', description='record for Foxglove to this .mcap file'
        ),
    ]


def bag_path(context: LaunchContext) -> str:
    """The bag to play.

    Raises:
        FileNotFoundError: It does not exist.
    """
    bag = Path(text(context, 'bag')).expanduser()
    if not bag.exists():
        raise FileNotFoundError(f'Bag {bag} does not exist: check the launch argument bag.')
    return str(bag)
