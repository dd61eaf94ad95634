"""The nodes that the launch files start, as their arguments describe them.

Everything that may be wrong is looked at while the nodes are described, before any is started: what
launch has started by the time of an exception it may leave behind.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch.action import Action
from launch.actions import ExecuteProcess
from launch_ros.actions import Node
from launch_ros.utilities import make_namespace_absolute, prefix_namespace

from emotion_bringup.endings import ALWAYS, NEVER, Restartable
from emotion_bringup.environment import (
    InstallationError,
    dds_environment,
    names_environment,
)
from emotion_bringup.graph import EMOTIONS, GRAPH, restart_rule
from emotion_bringup.installation import apt_cure
from emotion_bringup.launch_arguments import OWN_CAMERA, Images, given_names, switch, text, value
from emotion_bringup.launch_endings import after_exit, ends_launch
from emotion_bringup.lifeline import lifeline_environment
from emotion_bringup.node_arguments import problem
from emotion_bringup.node_python import has_module, python_of
from emotion_bringup.parameter_tables import HEADS, LIVE
from emotion_bringup.security import enclave_arguments
from emotion_perception.files.resources import config_path
from emotion_perception.sources import is_live
from emotion_viewers.foxglove import MISSING_SDK, FoxgloveError
from launch import LaunchContext

ParameterValue = str | bool | int

# Long enough for a device that the dead node held to be free again.
_RESPAWN_DELAY_S = 2.0


def check_package(package: str) -> None:
    """Makes sure that a ROS package is there.

    Raises:
        InstallationError: It is not; says how to get it.
    """
    try:
        get_package_prefix(package)
    except PackageNotFoundError as error:
        raise InstallationError(apt_cure(package)) from error


def _check_foxglove_sdk() -> None:
    """Asks the Python that the node runs in, which need not be this one.

    Raises:
        FoxgloveError: foxglove-sdk is not installed there.
    """
    scripts = Path(get_package_prefix('emotion_bringup'), 'lib', 'emotion_bringup')
    if not has_module(python_of(scripts / 'foxglove_node'), 'foxglove'):
        raise FoxgloveError(MISSING_SDK)


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
        raise FileNotFoundError(
            f'Parameter file {params_file} does not exist: check the launch argument params_file.'
        )
    given: dict[str, ParameterValue] = {name: each for name, each in values.items() if each != ''}
    given['use_sim_time'] = value(context, 'use_sim_time')
    return [params_file, given]


def node(
    context: LaunchContext,
    executable: str,
    values: Mapping[str, ParameterValue],
    *,
    restartable: Restartable = ALWAYS,
    images: Images = OWN_CAMERA,
    camera: str = '',
    cameras: Sequence[str] = (),
) -> Node:
    """One node of this package.

    Args:
        context: Holds the launch arguments.
        executable: Name of the node's executable.
        values: Parameters that the launch arguments give; empty texts are left out.
        restartable: The endings after which the argument `respawn` may start it again.
        images: Where it has its images from, if it takes any.
        camera: Of several cameras the one that it belongs to: its namespace.
        cameras: Those whose nodes are in one process.
    """
    spec = GRAPH[executable]
    if spec.reads_images:
        values = {**values, 'image_transport': images.transport}
    allowed = restartable if value(context, 'respawn') else NEVER
    return Node(
        package='emotion_bringup',
        executable=executable,
        namespace=_below(text(context, 'namespace'), camera, spec.namespace),
        arguments=list(cameras),
        remappings=list(
            spec.remappings(images.topic, emotions_topic(context, camera), images.depth).items()
        ),
        parameters=node_parameters(context, values),
        ros_arguments=[
            '--log-level',
            text(context, 'log_level'),
            *enclave_arguments(executable, text(context, 'enclave')),
        ],
        output='screen',
        respawn=bool(allowed),
        respawn_delay=_RESPAWN_DELAY_S,
        # The others go on where one of several cameras has ended.
        **process_options(context, allowed, is_required=spec.is_required and not camera),
    )


def process_options(
    context: LaunchContext, restartable: Restartable = NEVER, *, is_required: bool = False
) -> dict[str, Any]:
    """Options of every process: its environment and what follows its end.

    The environment is that process's alone: a launch file that includes this one has others. In it
    the process finds how its settings are written here.
    """
    ends = ends_launch(context, text(context, 'shutdown_at_end'))
    return {
        'additional_env': {
            **dds_environment(os.environ),
            **names_environment(given_names(context)),
            **lifeline_environment(),
        },
        'on_exit': after_exit(restartable, is_required=is_required, ends_launch=ends),
    }


def _below(*names: str) -> str:
    """A namespace in a namespace; one that begins with a slash stands alone."""
    joined = ''
    for name in filter(None, names):
        joined = name if name.startswith('/') or not joined else f'{joined}/{name}'
    return joined


def camera_node(
    context: LaunchContext,
    source: str,
    loop: bool,
    values: Mapping[str, ParameterValue],
    camera: str = '',
) -> Node:
    """The camera node, without which there is nothing left to do.

    Args:
        context: Holds the launch arguments.
        source: What it plays.
        loop: Whether a file starts again at its end.
        values: More parameters.
        camera: Of several cameras this one: its namespace.
    """
    return node(
        context,
        'camera_node',
        {'video_device': source, 'loop': loop, **values},
        restartable=restart_rule('camera_node', is_live=is_live(source), loop=loop),
        camera=camera,
    )


def several_cameras(
    context: LaunchContext, cameras: Sequence[str], sources: Sequence[str]
) -> list[Action]:
    """A camera node for each of several cameras, or none without sources.

    Args:
        context: Holds the launch arguments.
        cameras: As `emotion_node` takes them.
        sources: What they play, one for each camera; files start again at their end.

    Raises:
        ValueError: A camera cannot be called so, or has no source while others have one.
    """
    wrong = problem('emotion_node', cameras)
    if wrong or not cameras:
        raise ValueError(f'Launch argument cameras: {wrong or "name one at least."}')
    if sources and len(sources) != len(cameras):
        raise ValueError(
            f'Launch argument sources has {len(sources)} for {len(cameras)} cameras: give one for '
            'each, in the same order.'
        )
    return [
        camera_node(context, source, True, {'mode': LIVE}, camera.partition('=')[0])
        for camera, source in zip(cameras, sources, strict=False)
    ]


def emotion_node(
    context: LaunchContext,
    mode: str,
    images: Images = OWN_CAMERA,
    cameras: Sequence[str] = (),
) -> Node:
    """The emotion node, or those of several cameras, as the launch arguments want it."""
    values: dict[str, ParameterValue] = {
        'model_path': text(context, 'model'),
        'labels': text(context, 'labels'),
        'autostart': value(context, 'autostart'),
        'mode': mode,
        **{setting.name: switch(context, setting.name) for setting in HEADS},
        'use_depth': bool(images.depth) or '',
    }
    return node(context, 'emotion_node', values, images=images, cameras=cameras)


def people_node(context: LaunchContext, mode: str, camera: str = '') -> list[Action]:
    """The people node, or nothing, as the launch arguments want it; of several cameras for one."""
    if not value(context, 'people'):
        return []
    return [node(context, 'people_node', {'mode': mode}, camera=camera)]


def overlay_node(context: LaunchContext, mode: str, images: Images = OWN_CAMERA) -> list[Action]:
    """The overlay node, or nothing, as the launch arguments want it."""
    if not value(context, 'overlay'):
        return []
    return [node(context, 'overlay_node', {'mode': mode}, images=images)]


def rqt_node(context: LaunchContext) -> list[Action]:
    """A window with the overlay's images, or nothing, as the launch arguments want it.

    Raises:
        InstallationError: rqt_image_view is not installed.
    """
    if not value(context, 'rqt'):
        return []
    check_package('rqt_image_view')
    return [
        Node(
            package='rqt_image_view',
            executable='rqt_image_view',
            namespace=text(context, 'namespace'),
            arguments=['emotions/image'],
            **process_options(context),
        )
    ]


def bag_player(context: LaunchContext, command: Sequence[str]) -> ExecuteProcess:
    """What plays a bag, without which there is nothing left to do.

    Raises:
        InstallationError: ros2bag is not installed.
    """
    check_package('ros2bag')
    return ExecuteProcess(
        cmd=command, output='screen', **process_options(context, is_required=True)
    )


def foxglove_node(context: LaunchContext, mode: str, images: Images = OWN_CAMERA) -> list[Action]:
    """The Foxglove node, or nothing, as the launch arguments want it.

    A recording that was cut off is not begun anew over what there is.

    Raises:
        FoxgloveError: foxglove-sdk is not installed; starting the node again would not help.
        ValueError: The port is out of range.
    """
    serve, path = value(context, 'foxglove'), text(context, 'mcap')
    if not serve and not path:
        return []
    _check_foxglove_sdk()
    values: dict[str, ParameterValue] = {
        'mode': mode,
        'serve': serve,
        'port': value(context, 'foxglove_port'),
        'mcap_path': path,
    }
    restartable = restart_rule('foxglove_node', writes_file=bool(path))
    return [node(context, 'foxglove_node', values, restartable=restartable, images=images)]


def emotions_topic(context: LaunchContext, camera: str = '') -> str:
    """Full name of the topic of results, for nodes in a namespace below.

    It is joined as launch_ros does it for a node: below what a `PushRosNamespace` around this
    launch file has set, unless the argument begins with a slash.
    """
    pushed = context.launch_configurations.get('ros_namespace')
    namespace = make_namespace_absolute(
        prefix_namespace(pushed, _below(text(context, 'namespace'), camera))
    )
    return str(prefix_namespace(namespace, EMOTIONS))
