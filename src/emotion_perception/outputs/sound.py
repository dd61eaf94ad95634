"""The sound of a video, carried over into the annotated one as it is."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from emotion_perception.files.bounded import new_beside
from emotion_perception.outputs.ffmpeg import as_argument, find_ffmpeg, reason_of

# What players expect in a container; None is anything. AVI states no time at which sound begins.
_HOLDS: Final[dict[str, frozenset[str] | None]] = {
    '.mp4': frozenset(('aac', 'ac3', 'alac', 'eac3', 'flac', 'mp3', 'opus')),
    '.mkv': None,
}
_FITS_ALL: Final = '.mkv'
# Sound from before the first image: an edit list of MP4 hides it, Matroska would move the images.
_EARLIER_SOUND: Final = {'.mkv': ('-copypriorss', '0')}
# A file that names addresses must not be followed.
_FILES_ONLY: Final = ('-protocol_whitelist', 'file')
_STREAM = re.compile(r'^ +Stream #0:(\d+)(?:[\[(][^:\n]*)?: Audio: (\w+)', re.M)
_FIRST_IMAGE = re.compile(r'showinfo.* pts_time:(-?[\d.]+)')
_OUTPUT = re.compile(r'^Output #0', re.M)
_END = re.compile(r' time=(\d+):(\d+):([\d.]+)')


@dataclass(slots=True)
class SoundTrack:
    """The sound that belongs to a source's images.

    Attributes:
        path: The file that holds it; None where it is not a file.
        lost: Why it cannot be kept, as half a sentence; empty when it can.
        is_whole: Whether the images were read to their end; until then the sound ends with them.
    """

    path: Path | None
    lost: str = ''
    is_whole: bool = False


class Timing(NamedTuple):
    """Where sound lies in a written video.

    Attributes:
        skipped_s: Time between the source's first image and the first one that was written, >= 0.
        length_s: Length of the written video.
    """

    skipped_s: float
    length_s: float


class _Found(NamedTuple):
    """Sound in a file: index and codec of its streams, and the time of the first image."""

    streams: list[tuple[int, str]]
    first_image_s: float


def unless_blurred(track: SoundTrack | None, blur: bool) -> SoundTrack | None:
    """The sound of a source, which is not kept where its faces are made unrecognisable."""
    if track is not None and blur:
        track.lost = 'faces are blurred, and people are known by their voices too'
    return track


def add_sound(video: Path, track: SoundTrack, timing: Timing) -> str:
    """Puts the sound of a source into a finished video, in step with its images.

    The sound is copied, not encoded again. Before the first image there is none; it goes on behind
    the last one where the source's does. Where it cannot be kept, the video stays as it is.

    Returns:
        Why sound was left out, as one sentence; empty when all of it is there, or none is.
    """
    executable = find_ffmpeg()
    if executable is None or track.path is None:
        why = track.lost or 'install imageio-ffmpeg to keep it'
        return f'Sound, if there is any, is left out: {why}.'
    found = _look(executable, track.path)
    if not found.streams:
        return ''
    if track.lost:
        return f'The sound is left out: {track.lost}.'
    kept, refused = _fitting(found.streams, video.suffix.lower())
    begin_s = found.first_image_s + timing.skipped_s
    end = () if track.is_whole else ('-t', f'{timing.length_s:.6f}')
    problem = _copy(executable, video, (track.path, begin_s), kept, end) if kept else ''
    if problem:
        return f'The sound is left out: ffmpeg cannot copy it ({problem}).'
    if not refused:
        return ''
    what = 'A part of the sound' if kept else 'The sound'
    return (
        f'{what} is left out: {video.suffix} cannot hold it in step ({", ".join(refused)}); '
        f'a {_FITS_ALL} file can.'
    )


def sound_seconds(path: Path) -> float:
    """When the last sound of a file ends, in seconds; 0 without sound or ffmpeg."""
    executable = find_ffmpeg()
    if executable is None:
        return 0.0
    source = (*_FILES_ONLY, '-i', as_argument(path), '-map', '0:a')
    said = _run([*_start(executable, 'info'), *source, '-c', 'copy', '-f', 'null', '-'])[1]
    ends = _END.findall(said)
    if not ends:
        return 0.0
    hours, minutes, seconds = ends[-1]
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def _look(executable: str, path: Path) -> _Found:
    """What ffmpeg says of a file, up to its first image.

    All times of a file begin at its earliest stream, edit lists included.
    """
    one_image = ('-map', '0:v:0', '-vf', 'showinfo', '-frames:v', '1', '-f', 'null', '-')
    source = (*_FILES_ONLY, '-i', as_argument(path))
    said = _run([*_start(executable, 'info'), *source, *one_image])[1]
    stated = _OUTPUT.split(said, 1)[0]
    first = _FIRST_IMAGE.search(said)
    streams = [(int(number), codec) for number, codec in _STREAM.findall(stated)]
    return _Found(streams, float(first[1]) if first else 0.0)


def _fitting(streams: Sequence[tuple[int, str]], suffix: str) -> tuple[list[int], list[str]]:
    """Indices of the streams that a container holds, and the codecs of the others."""
    holds = _HOLDS.get(suffix, frozenset())
    kept = [number for number, codec in streams if holds is None or codec in holds]
    return kept, sorted({codec for number, codec in streams if number not in kept})


def _copy(
    executable: str,
    video: Path,
    source: tuple[Path, float],
    streams: Sequence[int],
    end: Sequence[str],
) -> str:
    """Copies both into a file beside the video, which takes its place; returns what failed."""
    try:
        copy = new_beside(video)
    except OSError as error:
        return error.strerror or str(error)
    path, begin_s = source
    command = [
        *(*_start(executable, 'error'), '-y', '-i', as_argument(video)),
        *('-itsoffset', f'{-begin_s:.6f}', *_FILES_ONLY, '-i', as_argument(path)),
        *('-map', '0:v', *(word for number in streams for word in ('-map', f'1:{number}'))),
        *('-c', 'copy', '-map_metadata', '0', '-movflags', '+faststart'),
        *(*_EARLIER_SOUND.get(video.suffix.lower(), ()), *end, as_argument(copy)),
    ]
    try:
        code, said = _run(command)
        if code:
            return reason_of(said.strip().splitlines()) or f'exit code {code}'
        copy.replace(video)
    except OSError as error:
        return error.strerror or str(error)
    finally:
        copy.unlink(missing_ok=True)
    return ''


def _start(executable: str, level: str) -> tuple[str, ...]:
    return (executable, '-hide_banner', '-nostdin', '-loglevel', level)


def _run(command: Sequence[str]) -> tuple[int, str]:
    """Runs ffmpeg to its end, also after Ctrl-C: exit code and what it said."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        check=False,
        start_new_session=True,
    )
    return done.returncode, done.stderr.decode(errors='replace')
