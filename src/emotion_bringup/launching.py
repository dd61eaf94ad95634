"""What the launch files share: arguments, parameters and the DDS profile."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from launch.action import Action
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from emotion_bringup.environment import dds_environment
from emotion_bringup.parameter_tables import CAMERA_IMAGE
from emotion_perception.resources import config_path
from launch import LaunchContext

ParameterValue = str | bool | int

_DESCRIPTIONS = {
    'namespace': ('', 'namespace of all nodes and topics, such as robot1'),
    'use_sim_time': ('false', 'take time from /clock'),
    'params_file': ('', 'parameters of the nodes; empty takes config/emotion.yaml'),
    'autostart': ('true', 'configure and activate the emotion node without a lifecycle manager'),
    'log_level': ('info', 'log level of the nodes: debug, info, warn or error'),
    'model': ('', 'ONNX model with its manifest beside it; empty takes the shipped one'),
}


def common_arguments(**defaults: str) -> list[DeclareLaunchArgument]:
    """The arguments that every launch file takes.

    Args:
        defaults: Other defaults, by name.
    """
    return [
        DeclareLaunchArgument(
            name, default_value=defaults.get(name, default), description=description
        )
        for name, (default, description) in _DESCRIPTIONS.items()
    ]


def dds_profile() -> list[Action]:
    """Sets the shipped Fast DDS profile for every process launched, unless the user has one."""
    return [
        SetEnvironmentVariable(name, value) for name, value in dds_environment(os.environ).items()
    ]


def text(context: LaunchContext, name: str) -> str:
    """Value of a launch argument."""
    return LaunchConfiguration(name).perform(context)


def flag(context: LaunchContext, name: str) -> bool:
    """Value of a launch argument that is true or false.

    Raises:
        ValueError: It is neither.
    """
    value = text(context, name).lower()
    if value not in ('true', 'false', '1', '0'):
        raise ValueError(f'Launch argument {name} must be true or false, not {value!r}.')
    return value in ('true', '1')


def node_parameters(
    context: LaunchContext, values: Mapping[str, ParameterValue]
) -> list[str | dict[str, ParameterValue]]:
    """Parameters of one node: the file first, then what the arguments say.

    An empty argument says nothing, so that it does not overrule the file.

    Raises:
        FileNotFoundError: `params_file` does not exist.
    """
    params_file = text(context, 'params_file') or str(config_path('emotion.yaml'))
    if not os.path.isfile(params_file):  # noqa: PTH113
        raise FileNotFoundError(f'Parameter file {params_file} does not exist: check params_file.')
    given: dict[str, ParameterValue] = {
        name: value for name, value in values.items() if value != ''
    }
    given['use_sim_time'] = flag(context, 'use_sim_time')
    return [params_file, given]


def node(
    context: LaunchContext,
    executable: str,
    values: Mapping[str, ParameterValue],
    *,
    subnamespace: str = '',
    remappings: Sequence[tuple[str, str]] = (('image', CAMERA_IMAGE),),
    **options: Any,
) -> Node:
    """One node of this package.

    Args:
        context: Holds the launch arguments.
        executable: Name of the node's executable.
        values: Parameters that the launch arguments give; empty texts are left out.
        subnamespace: Namespace below the argument `namespace`.
        remappings: Topics that the node calls by another name.
        options: More options of `launch_ros.actions.Node`.
    """
    namespace = '/'.join(part for part in (text(context, 'namespace'), subnamespace) if part)
    return Node(
        package='emotion_bringup',
        executable=executable,
        namespace=namespace,
        remappings=remappings,
        parameters=node_parameters(context, values),
        ros_arguments=['--log-level', text(context, 'log_level')],
        output='screen',
        **options,
    )


def emotion_node(context: LaunchContext, mode: str, image: str = CAMERA_IMAGE) -> Node:
    """The emotion node, as the launch arguments want it."""
    values = {
        'model_path': text(context, 'model'),
        'autostart': flag(context, 'autostart'),
        'mode': mode,
    }
    return node(context, 'emotion_node', values, remappings=[('image', image)])


def emotions_topic(context: LaunchContext) -> str:
    """Full name of the topic of results, for nodes in a namespace below."""
    return '/'.join(('', *filter(None, text(context, 'namespace').split('/')), 'emotions'))
