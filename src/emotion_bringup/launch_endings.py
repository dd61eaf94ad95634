"""What `ros2 launch` does when a process has ended."""

import sys
from collections.abc import Callable

from launch.action import Action
from launch.actions import EmitEvent, Shutdown
from launch.events import matches_action
from launch.events.process import ProcessExited, ShutdownProcess
from launch.logging import get_logger

from emotion_bringup.endings import Ending, Restartable, ended_how, ending
from emotion_bringup.launch_command import is_launched_directly
from launch import LaunchContext

OnExit = Callable[[ProcessExited, LaunchContext], list[Action]]

AUTO = 'auto'


class ProcessEndedError(Exception):
    """A process that launch cannot do without has ended with an error."""


def after_exit(restartable: Restartable, *, is_required: bool, ends_launch: bool) -> OnExit:
    """What follows the end of a process.

    Everything is decided when the process is described: by the time it ends, the launch
    configurations of an included file are gone.

    Args:
        restartable: The endings after which launch starts it again; that is left to `respawn`.
        is_required: Whether there is nothing left to do without it.
        ends_launch: Whether launch ends where a required process does, or one refuses its settings.
    """

    def on_exit(event: ProcessExited, context: LaunchContext) -> list[Action]:
        how = ending(event.returncode)
        if context.is_shutdown or how in restartable:
            return []
        if ends_launch and (is_required or how is Ending.WRONG_SETTINGS):
            return [_end_of_launch(event)]
        if how is Ending.WRONG_SETTINGS:
            get_logger(event.process_name).error(f'{_message(event)} It is not started again.')
        return _give_up(event) if restartable else []

    return on_exit


def ends_launch(context: LaunchContext, wanted: str) -> bool:
    """Whether the end of what the nodes work on may end the launch.

    Args:
        context: Knows the launch file.
        wanted: `true`, `false`, or `auto`, which spares a launch file that includes this one.
    """
    if wanted != AUTO:
        return wanted.lower() in ('true', '1')
    launch_file = context.get_locals_as_dict().get('current_launch_file_path', '')
    return is_launched_directly(launch_file, sys.argv[1:])


def _end_of_launch(event: ProcessExited) -> Action:
    """Launch turns an exception into an orderly shutdown and an exit code that tells of it."""
    if ending(event.returncode) is not Ending.FINISHED:
        raise ProcessEndedError(_message(event))
    return Shutdown(reason=f'{event.process_name} has ended')


def _message(event: ProcessExited) -> str:
    return f'{event.process_name} {ended_how(event.returncode)}; see its messages above.'


def _give_up(event: ProcessExited) -> list[Action]:
    """Launch starts again whatever has ended, unless it is asked to end it."""
    return [EmitEvent(event=ShutdownProcess(process_matcher=matches_action(event.action)))]
