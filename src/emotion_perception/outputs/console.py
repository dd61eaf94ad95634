"""Lines on the terminal that do not tear a progress bar."""

import logging
import sys

from tqdm import tqdm


def say(line: str) -> None:
    """Prints a result to stdout, at once, so that the next program of a pipe sees it."""
    tqdm.write(line, file=sys.stdout)
    sys.stdout.flush()


def note(line: str) -> None:
    """Prints a remark or an error to stderr."""
    tqdm.write(line, file=sys.stderr)


def route_log() -> None:
    """Shows the warnings of the core on stderr."""
    logger = logging.getLogger('emotion_perception')
    logger.propagate = False
    logger.handlers = [_NoteHandler(logging.WARNING)]


class _NoteHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        note(f'{record.levelname.lower()}: {record.getMessage()}')
