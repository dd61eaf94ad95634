"""Starts the nodes as child processes and ends them in order."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from emotion_bringup.parameter_tables import CAMERA_IMAGE, REPLAY, REPLAY_IN_FLIGHT
from emotion_bringup.session.arguments import SessionOptions
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.resources import config_path

_STOP_TIMEOUT_S = 20.0

Parameters = Mapping[str, str | bool | int]


class SessionError(EmotionPerceptionError):
    """A node could not be started or has died."""


@dataclass(slots=True)
class NodeProcesses:
    """The running nodes, by name."""

    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, arguments: Sequence[str]) -> None:
        """Starts a node with this interpreter.

        The child gets a session of its own: Ctrl-C reaches only this process, which then ends the
        nodes in the order that loses nothing.
        """
        command = [sys.executable, '-m', 'emotion_bringup.main', name, *arguments]
        self.running[name] = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True
        )

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
            return child.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            child.kill()
            return child.wait()

    def stop_all(self) -> bool:
        """Ends all nodes, the source of the stream first; says whether all ended without error."""
        codes = [self.stop(name) for name in reversed(self.running)]
        return not any(codes)


def node_arguments(options: SessionOptions, mode: str) -> dict[str, list[str]]:
    """ROS command-line arguments of every node, by name, in starting order.

    Raises:
        SessionError: The parameter file does not exist.
    """
    params_file = options.params_file or config_path('emotion.yaml')
    if not params_file.is_file():
        raise SessionError(f'Parameter file {params_file} does not exist: check --params-file.')
    common = ['--log-level', options.log_level, '--params-file', str(params_file)]
    namespace = options.namespace.strip('/')
    root = f'/{namespace}' if namespace else ''
    return {
        'overlay_node': _arguments(common, root, {'image': CAMERA_IMAGE}, _overlay(options, mode)),
        'emotion_node': _arguments(common, root, {'image': CAMERA_IMAGE}, _emotion(options, mode)),
        'camera_node': _arguments(
            common, f'{root}/camera', {'emotions': f'{root}/emotions'}, _camera(options, mode)
        ),
    }


def _has_overlay(options: SessionOptions) -> bool:
    """Whether the overlay node listens: it does only when it has something to draw for."""
    return bool(options.show or options.video)


def _camera(options: SessionOptions, mode: str) -> Parameters:
    values: dict[str, str | bool | int] = {
        'video_device': options.source,
        'loop': options.loop,
        'mode': mode,
    }
    if mode == REPLAY:
        # The nodes find each other one by one. The camera starts when the last reader of its
        # images is there, which is the emotion node when the last reader of its answers is.
        values['wait_for_subscribers'] = 1 + _has_overlay(options) + bool(options.record)
        values['max_in_flight'] = REPLAY_IN_FLIGHT
    return values


def _emotion(options: SessionOptions, mode: str) -> Parameters:
    values: dict[str, str | bool | int] = {'mode': mode}
    if mode == REPLAY:
        # The monitor, the camera (it counts its frames in flight) and the overlay.
        values['min_subscribers'] = 2 + _has_overlay(options)
    if options.model is not None:
        values['model_path'] = str(options.model)
    return values


def _overlay(options: SessionOptions, mode: str) -> Parameters:
    values: dict[str, str | bool | int] = {'mode': mode, 'show_window': options.show}
    if options.video is not None:
        values['video_path'] = str(options.video)
    return values


def _arguments(
    common: Sequence[str],
    namespace: str,
    remappings: Mapping[str, str],
    parameters: Parameters,
) -> list[str]:
    result = ['--ros-args', *common, '-r', f'__ns:={namespace or "/"}']
    for name, target in remappings.items():
        result += ['-r', f'{name}:={target}']
    for name, value in parameters.items():
        result += ['-p', f'{name}:={_yaml(value)}']
    return result


def _yaml(value: str | bool | int) -> str:
    if not isinstance(value, str):
        return str(value).lower()
    # Quoted, so that the camera index 0 stays a string.
    return "'" + value.replace("'", "''") + "'"
