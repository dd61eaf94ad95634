"""Lines on the terminal that do not tear a progress bar."""

import logging
import sys

from tqdm import tqdm

from emotion_perception.settings.setting import spelled
from emotion_perception.settings.tables import COMMAND_LINE


def say(line: str) -> None:
    """Prints a result to stdout, at once, so that the next program of a pipe sees it."""
    tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()


def note(line: str) -> None:
    """Prints a remark or an error to stderr, with settings as one writes them on a command line."""
    tqdm.write(spelled(line, COMMAND_LINE), file=sys.stderr)


def route_log() -> None:
    """Shows the warnings of the core on stderr."""
    logger = logging.getLogger('emotion_perception')
    logger.propagate = False
    logger.handlers = [_NoteHandler(logging.WARNING)]


class _NoteHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        note(f'{record.levelname.lower()}: {record.getMessage()}')
