"""The program ffmpeg: where it is, what it can do, and how it is spoken to."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from emotion_perception.errors import OutputError

EXECUTABLE: Final = 'IMAGEIO_FFMPEG_EXE'
"""Variable that names the ffmpeg to use; imageio-ffmpeg reads it too."""

_ENCODER = re.compile(r'^ V\S{5} (\S+)', re.M)


def find_ffmpeg() -> str | None:
    """Path of the ffmpeg to use: named by a variable, of imageio-ffmpeg, or on the PATH.

    Returns:
        None where there is none.

    Raises:
        OutputError: The variable names something that is no program.
    """
    named = os.environ.get(EXECUTABLE)
    if named:
        if shutil.which(named) is None:
            raise OutputError(f'{EXECUTABLE} names {named}, which is no program: correct it.')
        return named
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return shutil.which('ffmpeg')


@cache
def video_encoders(executable: str) -> frozenset[str]:
    """The encoders of video that an ffmpeg was built with, by ffmpeg's names.

    Raises:
        OutputError: It cannot be started.
    """
    command = [executable, '-hide_banner', '-encoders']
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise OutputError(
            f'The video encoder {executable} cannot be started ({error.strerror}): install it '
            f'again, name another one by {EXECUTABLE}, or choose another output than video.'
        ) from error
    return frozenset(_ENCODER.findall(done.stdout.decode(errors='replace')))


def as_argument(path: Path) -> str:
    """A name that ffmpeg takes neither for an option ('-x.mp4') nor for an address ('a:b.mp4')."""
    return f'file:{path}'


def reason_of(lines: Sequence[str]) -> str:
    """The first message of ffmpeg, which names the cause, without the part that sent it."""
    return lines[0].rsplit('] ', 1)[-1].strip().rstrip('.') if lines else ''
