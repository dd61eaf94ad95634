"""What the launch files share: arguments, parameters and the DDS profile."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from launch.action import Action
from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable, Shutdown
from launch.events.process import ProcessExited
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from emotion_bringup.environment import dds_environment
from emotion_bringup.parameter_tables import CAMERA_IMAGE
from emotion_bringup.security import ENCLAVES, enclave_arguments
from emotion_perception.foxglove import check_sdk
from emotion_perception.resources import config_path
from emotion_perception.sources import is_live
from launch import LaunchContext

ParameterValue = str | bool | int

# Long enough for a device that the dead node held to be free again.
_RESPAWN_DELAY_S = 2.0

_DESCRIPTIONS = {
    'namespace': ('', 'namespace of all nodes and topics, such as robot1'),
    'use_sim_time': ('false', 'take time from /clock'),
    'params_file': ('', 'parameters of the nodes; empty takes config/emotion.yaml'),
    'autostart': ('true', 'configure and activate the emotion node without a lifecycle manager'),
    'respawn': ('true', 'start a node again that has ended; never the camera of a finished file'),
    'log_level': ('info', 'log level of the nodes: debug, info, warn or error'),
    'enclave': (ENCLAVES, 'SROS2 enclave below which every node has its own (docs/security.md)'),
    'model': ('', 'ONNX model with its manifest beside it; empty takes the shipped one'),
    'labels': ('', 'whose labels to answer with: fer2013 or ferplus; empty is the parameter file'),
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
    respawn: bool = True,
    remappings: Sequence[tuple[str, str]] = (('image', CAMERA_IMAGE),),
    **options: Any,
) -> Node:
    """One node of this package.

    Args:
        context: Holds the launch arguments.
        executable: Name of the node's executable.
        values: Parameters that the launch arguments give; empty texts are left out.
        subnamespace: Namespace below the argument `namespace`.
        respawn: Whether the argument `respawn` may start it again when it has ended.
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
        ros_arguments=[
            '--log-level',
            text(context, 'log_level'),
            *enclave_arguments(executable, text(context, 'enclave')),
        ],
        output='screen',
        respawn=respawn and flag(context, 'respawn'),
        respawn_delay=_RESPAWN_DELAY_S,
        **options,
    )


def camera_node(
    context: LaunchContext, source: str, loop: bool, values: Mapping[str, ParameterValue]
) -> Node:
    """The camera node; launch ends with it where it is not started again.

    Args:
        context: Holds the launch arguments.
        source: What it plays. A camera or stream is always started again.
        loop: Whether a file starts again at its end. Such a node is started again when it was
            killed; one that ended by itself has said what is wrong, and would say it for ever.
        values: More parameters.
    """
    live = is_live(source)
    return node(
        context,
        'camera_node',
        {'video_device': source, 'loop': loop, **values},
        subnamespace='camera',
        respawn=live or loop,
        remappings=[('emotions', emotions_topic(context))],
        on_exit=_end_with_camera(live=live, loop=loop),
    )


def _end_with_camera(
    *, live: bool, loop: bool
) -> Callable[[ProcessExited, LaunchContext], list[Action]]:
    def on_exit(event: ProcessExited, context: LaunchContext) -> list[Action]:
        was_killed = event.returncode < 0
        if flag(context, 'respawn') and (live or (loop and was_killed)):
            return []
        # Without a camera there is nothing left to do.
        return [Shutdown(reason='the camera node has ended')]

    return on_exit


def emotion_node(context: LaunchContext, mode: str, image: str = CAMERA_IMAGE) -> Node:
    """The emotion node, as the launch arguments want it."""
    values = {
        'model_path': text(context, 'model'),
        'labels': text(context, 'labels'),
        'autostart': flag(context, 'autostart'),
        'mode': mode,
    }
    return node(context, 'emotion_node', values, remappings=[('image', image)])


def overlay_argument() -> DeclareLaunchArgument:
    """The argument of the launch files that can start the overlay node."""
    return DeclareLaunchArgument(
        'overlay',
        default_value='true',
        description='start the overlay node; false publishes results without annotated images',
    )


def overlay_node(context: LaunchContext, mode: str, image: str = CAMERA_IMAGE) -> list[Action]:
    """The overlay node, or nothing, as the launch arguments want it."""
    if not flag(context, 'overlay'):
        return []
    return [node(context, 'overlay_node', {'mode': mode}, remappings=[('image', image)])]


def foxglove_arguments() -> list[DeclareLaunchArgument]:
    """The arguments of the launch files that can start the Foxglove node."""
    return [
        DeclareLaunchArgument(
            'foxglove',
            default_value='false',
            description='let the viewer Foxglove connect to this machine (docs/viewers.md)',
        ),
        DeclareLaunchArgument(
            'foxglove_port', default_value='8765', description='TCP port for Foxglove'
        ),
        DeclareLaunchArgument(
            'mcap', default_value='', description='record for Foxglove to this .mcap file'
        ),
    ]


def foxglove_node(context: LaunchContext, mode: str, image: str = CAMERA_IMAGE) -> list[Action]:
    """The Foxglove node, or nothing, as the launch arguments want it.

    A recording that was cut off is not begun anew over what there is.

    Raises:
        FoxgloveError: foxglove-sdk is not installed; starting the node again would not help.
        ValueError: The port is no number.
    """
    serve, path = flag(context, 'foxglove'), text(context, 'mcap')
    if not serve and not path:
        return []
    check_sdk()
    port = text(context, 'foxglove_port')
    if not port.isdecimal():
        raise ValueError(f'Launch argument foxglove_port must be a whole number, not {port!r}.')
    values = {'mode': mode, 'serve': serve, 'port': int(port), 'mcap_path': path}
    images = [('image', image)]
    return [node(context, 'foxglove_node', values, respawn=not path, remappings=images)]


def emotions_topic(context: LaunchContext) -> str:
    """Full name of the topic of results, for nodes in a namespace below."""
    return '/'.join(('', *filter(None, text(context, 'namespace').split('/')), 'emotions'))
