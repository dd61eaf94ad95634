"""The program ffmpeg: where it is, how it takes names, and what its messages mean."""

from collections.abc import Sequence
from pathlib import Path


def find_ffmpeg() -> str | None:
    """Path of the ffmpeg that imageio-ffmpeg brings or finds; None where there is none."""
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None


def as_argument(path: Path) -> str:
    """A name that ffmpeg takes neither for an option ('-x.mp4') nor for an address ('a:b.mp4')."""
    return f'file:{path}'


def reason_of(lines: Sequence[str]) -> str:
    """The first message of ffmpeg, which names the cause, without the part that sent it."""
    return lines[0].rsplit('] ', 1)[-1].strip().rstrip('.') if lines else ''
