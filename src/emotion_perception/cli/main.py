"""The command `emotion`: chooses the subcommand and turns what went wrong into an exit code."""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Final

import emotion_perception
from emotion_perception.address import shown_source
from emotion_perception.cli.signals import Terminated, signals_interrupt, signals_wait
from emotion_perception.errors import EmotionPerceptionError
from emotion_perception.settings.setting import spelled
from emotion_perception.settings.tables import COMMAND_LINE
from emotion_perception.signals import leave_closed_terminal
from emotion_perception.terminal import shown

EXIT_OK: Final = 0
EXIT_ERROR: Final = 1
EXIT_INTERRUPTED: Final = 130
EXIT_HUNG_UP: Final = 129
EXIT_BROKEN_PIPE: Final = 141
"""What a shell reports for a program that SIGPIPE ended: the reader has gone, nothing is wrong."""

_COMMANDS: Final = {
    'image': 'emotions in photos',
    'video': 'emotions in a video, GIF, folder of images or rosbag',
    'live': 'emotions in front of a camera, now',
    'annotate-bag': 'copy of a rosbag with emotions and an overlay added',
    'batch': 'many videos and rosbags, on all cores or on many machines',
    'web': 'page in the browser: photos, videos and the webcam',
    'nodes': 'the ROS 2 nodes, without `ros2 launch`',
}
_DESCRIPTION: Final = (
    'Finds every face and reads its emotion, in photos, videos, cameras and rosbags.'
)
_EPILOG: Final = """\
examples:
  emotion image party.jpg -o party_emotions.jpg
  emotion video clip.mp4 -o out.mp4 --json out.jsonl
  emotion live
  emotion annotate-bag recording/ recording_emotions/
  emotion nodes --source demo --video out/demo.mp4

`emotion COMMAND --help` tells more.
exit codes: 0 ok, 1 error, 2 wrong usage, 130 ended by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP or a
closed terminal (nodes, web: 0), 141 the reader of the output has gone
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        argv: Arguments without the program's name; those of the process when None.

    Returns:
        Exit code: 0, 1 after an error, 2 for wrong usage, 130 after Ctrl-C, 143 after SIGTERM, 129
        after SIGHUP, 141 when the reader of the output has gone.
    """
    _prepare_streams()
    try:
        with signals_interrupt():
            code = _run(sys.argv[1:] if argv is None else argv)
            sys.stdout.flush()
            return code
    except SystemExit as done:  # of argparse
        return int(done.code or EXIT_OK)
    except Terminated as ended:
        return ended.exit_code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        return EXIT_BROKEN_PIPE
    except EmotionPerceptionError as error:
        return _fail(str(error))
    except OSError as error:
        if leave_closed_terminal():  # its signal is on the way
            return EXIT_HUNG_UP
        name = shown_source(str(error.filename)) if error.filename else 'The system'
        return _fail(f'{name}: {error.strerror or error}.')


def _run(argv: Sequence[str]) -> int:
    name = next((argument for argument in argv if argument in _COMMANDS), None)
    # Only the chosen command is imported, so that `emotion --help` need not wait for OpenCV.
    with signals_wait():
        command = _command(name) if name else None
    arguments = _make_parser(name, command).parse_args(argv)
    if command is None:
        raise AssertionError('argparse demands a command')
    from emotion_perception.outputs.run import route_log

    route_log()
    return int(command.run(arguments))


def _command(name: str) -> ModuleType:
    """The module of a subcommand: DESCRIPTION, EPILOG, add_arguments(parser), run(arguments)."""
    return import_module(f'emotion_perception.cli.{name.replace("-", "_")}')


def _make_parser(name: str | None, command: ModuleType | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        'emotion',
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        '--version', action='version', version=f'%(prog)s {emotion_perception.__version__}'
    )
    subparsers = parser.add_subparsers(metavar='COMMAND', required=True)
    for each, summary in _COMMANDS.items():
        child = subparsers.add_parser(
            each, help=summary, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if command is not None and each == name:
            child.description, child.epilog = command.DESCRIPTION, command.EPILOG
            command.add_arguments(child)
    return parser


def _prepare_streams() -> None:
    """Names of files may hold what the terminal's encoding cannot show; streams may be closed."""
    for name in ('stdout', 'stderr'):
        stream = getattr(sys, name)
        if stream is None:  # `>&-`
            setattr(sys, name, open(os.devnull, 'w', encoding='utf-8'))  # noqa: PTH123, SIM115
        elif hasattr(stream, 'reconfigure'):
            stream.reconfigure(errors='backslashreplace')


def _silence_stdout() -> None:
    """Python flushes stdout once more at its end, and would complain."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(sentence: str) -> int:
    print(f'error: {shown(spelled(sentence, COMMAND_LINE))}', file=sys.stderr, flush=True)
    return EXIT_ERROR


if __name__ == '__main__':
    sys.exit(main())
