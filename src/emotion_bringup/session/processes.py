"""Starts the nodes as child processes and ends them in order."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from emotion_bringup.graph import CAMERA_IMAGE, EMOTIONS, GRAPH
from emotion_bringup.lifeline import STOP_TIMEOUT_S, lifeline_environment
from emotion_bringup.parameter_tables import (
    HEADS,
    REPLAY,
    REPLAY_IN_FLIGHT,
    WAIT_FOR_PUBLISHER,
)
from emotion_bringup.security import enclave_arguments
from emotion_bringup.session.arguments import SessionOptions
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.files.resources import config_path
from emotion_viewers.foxglove import check_sdk
from emotion_viewers.foxglove.recorder import check_mcap_name

Parameters = Mapping[str, str | bool | int]


class SessionError(EmotionPerceptionError):
    """A node could not be started or has died."""


@dataclass(slots=True)
class NodeProcesses:
    """The running nodes, by name.

    Attributes:
        variables: What the environment of every node has beside that of this process.
        running: The processes.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _arguments: dict[str, Sequence[str]] = field(default_factory=dict)

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Starts a node with this interpreter.

        The child gets a session of its own: Ctrl-C reaches only this process, which then ends the
        nodes in the order that loses nothing. A node whose session dies ends by itself.
        """
        self._arguments[name] = arguments
        command = [sys.executable, '-m', 'emotion_bringup.main', name, *arguments]
        environment = {**os.environ, **self.variables, **lifeline_environment()}
        self.running[name] = subprocess.Popen(
            command, stdin=subprocess.PIPE, start_new_session=True, env=environment
        )

    def restart(self, name: str) -> None:
        """Starts a node that has ended once more, with the same arguments."""
        _cut_lifeline(self.running[name])
        self.start(name, self._arguments[name])

    def exit_code(self, name: str) -> int | None:
        """Exit code of a node that ended; None while it runs."""
        return self.running[name].poll()

    def first_failure(self) -> str | None:
        """Name of a node that has died with an error; None when all is well."""
        return next((name for name, child in self.running.items() if child.poll()), None)

    def stop(self, name: str) -> int:
        """Asks a node to end, waits for it, and kills it if it does not."""
        child = self.running[name]
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
        try:
            return child.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()
        finally:
            _cut_lifeline(child)

    def stop_all(self) -> bool:
        """Ends all nodes, the source of the stream first; says whether all ended without error."""
        codes = [self.stop(name) for name in reversed(self.running)]
        return not any(codes)


def _cut_lifeline(ended: subprocess.Popen[bytes]) -> None:
    if ended.stdin is not None:
        ended.stdin.close()


def node_arguments(options: SessionOptions, mode: str) -> dict[str, list[str]]:
    """ROS command-line arguments of every node, by name, in starting order.

    Raises:
        SessionError: The parameter file does not exist.
    """
    params_file = options.params_file or config_path('emotion.yaml')
    if not params_file.is_file():
        raise SessionError(f'Parameter file {params_file} does not exist: check --params-file.')
    common = ['--log-level', options.log_level, '--params-file', str(params_file)]
    parameters = {
        'foxglove_node': _foxglove(options, mode),
        'people_node': _people(mode),
        'overlay_node': _overlay(options, mode),
        'emotion_node': _emotion(options, mode),
        'camera_node': _camera(options, mode),
    }
    if not options.overlay:
        del parameters['overlay_node']
    if not options.people:
        del parameters['people_node']
    if options.foxglove is None and options.mcap is None:
        del parameters['foxglove_node']
    return {
        name: [*_arguments(name, common, options.namespace, values), *enclave_arguments(name)]
        for name, values in parameters.items()
    }


def check_foxglove(options: SessionOptions) -> None:
    """Checks what Foxglove needs before any node starts, so that it is told in one sentence.

    Raises:
        FoxgloveError: foxglove-sdk is wanted and not installed.
        OutputError: The recording's name is wrong.
    """
    if options.foxglove is not None or options.mcap is not None:
        check_sdk()
    if options.mcap is not None:
        check_mcap_name(options.mcap)


def _constant_viewers(options: SessionOptions) -> int:
    """Nodes that listen to images and results from the start, whoever else looks on.

    The overlay does when it has something to draw for, Foxglove's node when it records.
    """
    return bool(options.show or options.video) + bool(options.mcap)


def _camera(options: SessionOptions, mode: str) -> Parameters:
    values: dict[str, str | bool | int] = {
        'video_device': options.source,
        'loop': options.loop,
        'mode': mode,
    }
    if mode == REPLAY:
        # The nodes find each other one by one. The camera starts when the last reader of its
        # images is there, which is the emotion node when the last reader of its results is.
        values['wait_for_subscribers'] = 1 + _constant_viewers(options) + bool(options.record)
        values['max_in_flight'] = REPLAY_IN_FLIGHT
    return values


def _emotion(options: SessionOptions, mode: str) -> Parameters:
    values: dict[str, str | bool | int] = {'mode': mode}
    if mode == REPLAY:
        # The monitor, the camera (it counts its frames in flight), the overlay, a recording, and
        # the people node, to whose events the monitor listens.
        values[WAIT_FOR_PUBLISHER.name] = True
        values['min_subscribers'] = 2 + _constant_viewers(options) + bool(options.people)
    if options.model is not None:
        values['model_path'] = str(options.model)
    if options.labels:
        values['labels'] = options.labels
    for setting in HEADS:  # left out, they do not overrule the parameter file
        if getattr(options, setting.name):
            values[setting.name] = True
    return values


def _overlay(options: SessionOptions, mode: str) -> Parameters:
    values: dict[str, str | bool | int] = {'mode': mode, 'show_window': options.show}
    values[WAIT_FOR_PUBLISHER.name] = mode == REPLAY
    if options.video is not None:
        values['video_path'] = str(options.video)
    if options.blur_faces:  # left out, it does not overrule the parameter file
        values['blur_faces'] = True
    return values


def _people(mode: str) -> Parameters:
    return {'mode': mode, WAIT_FOR_PUBLISHER.name: mode == REPLAY}


def _foxglove(options: SessionOptions, mode: str) -> Parameters:
    values: dict[str, str | bool | int] = {'mode': mode, 'serve': options.foxglove is not None}
    values[WAIT_FOR_PUBLISHER.name] = mode == REPLAY
    if options.foxglove is not None:
        values['port'] = options.foxglove
    if options.mcap is not None:
        values['mcap_path'] = str(options.mcap)
    if options.blur_faces:
        values['blur_faces'] = True
    return values


def _arguments(
    node: str, common: Sequence[str], namespace: str, parameters: Parameters
) -> list[str]:
    spec = GRAPH[node]
    result = ['--ros-args', *common, '-r', f'__ns:={_absolute(namespace, spec.namespace)}']
    remappings = spec.remappings(CAMERA_IMAGE, _absolute(namespace, EMOTIONS))
    for name, target in remappings.items():
        result += ['-r', f'{name}:={target}']
    for name, value in parameters.items():
        result += ['-p', f'{name}:={_yaml(value)}']
    return result


def _absolute(*parts: str) -> str:
    """A full name; empty parts are left out."""
    return '/' + '/'.join(part.strip('/') for part in parts if part.strip('/'))


def _yaml(value: str | bool | int) -> str:
    if not isinstance(value, str):
        return str(value).lower()
    # Quoted, so that the camera index 0 stays a string.
    return "'" + value.replace("'", "''") + "'"
