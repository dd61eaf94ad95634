"""What OpenCV does not tell of MP4 and MOV files, read from their boxes (ISO/IEC 14496-12)."""

from collections.abc import Iterator
from pathlib import Path
from typing import IO

_Span = tuple[int, int]
"""Where the content of a box begins and ends, in bytes."""


def movie_seconds(path: Path) -> float | None:
    """Length of a file by its movie header, which knows of edit lists.

    Returns:
        Seconds; None for other files and where none is stated.
    """
    try:
        with path.open('rb') as file:
            header = _first(file, _whole(file), b'moov', b'mvhd')
            content = _content(file, header, 32)
    except OSError:
        return None
    if len(content) < 32:
        return None
    is_long = content[0] == 1
    scale = _number(content, 20 if is_long else 12, 4)
    length = _number(content, 24, 8) if is_long else _number(content, 16, 4)
    return length / scale if scale and length else None


def is_mirrored(path: Path) -> bool:
    """Whether the video track's matrix mirrors its images; false for other files."""
    try:
        with path.open('rb') as file:
            movie = _first(file, _whole(file), b'moov')
            tracks = _boxes(file, movie, b'trak') if movie else ()
            header = next(
                (_track_header(file, each) for each in tracks if _is_video(file, each)), b''
            )
    except OSError:
        return False
    # Before the matrix come times, which are longer in version 1, and 16 bytes more.
    start = 52 if header[:1] == b'\x01' else 40
    if len(header) < start + 20:
        return False
    # Rows of three, the last of each a perspective: a b u c d v.
    a, b, c, d = (_signed(header, start + 4 * index) for index in (0, 1, 3, 4))
    return a * d - b * c < 0


def _is_video(file: IO[bytes], track: _Span) -> bool:
    return _content(file, _first(file, track, b'mdia', b'hdlr'), 12)[8:] == b'vide'


def _track_header(file: IO[bytes], track: _Span) -> bytes:
    return _content(file, _first(file, track, b'tkhd'), 96)


def _whole(file: IO[bytes]) -> _Span:
    return 0, file.seek(0, 2)


def _first(file: IO[bytes], span: _Span, *kinds: bytes) -> _Span | None:
    """The first box of the first kind, in it the first one of the next, and so on."""
    found: _Span | None = span
    for kind in kinds:
        found = next(_boxes(file, found, kind), None) if found else None
    return found


def _boxes(file: IO[bytes], span: _Span, kind: bytes) -> Iterator[_Span]:
    """The boxes of a kind that lie directly in a span."""
    start, end = span
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        size, content = _number(head, 0, 4), start + 8
        if size == 1:  # the size is too large for its field, and follows
            size, content = _number(head, 8, 8), start + 16
        stop = start + size if size else end
        if stop < content or stop > end:
            return
        if head[4:8] == kind:
            yield content, stop
        start = stop


def _content(file: IO[bytes], span: _Span | None, most: int) -> bytes:
    """The first bytes of a box; empty where there is none."""
    if span is None:
        return b''
    file.seek(span[0])
    return file.read(min(most, span[1] - span[0]))


def _number(content: bytes, start: int, length: int) -> int:
    return int.from_bytes(content[start : start + length], 'big')


def _signed(content: bytes, start: int) -> int:
    return int.from_bytes(content[start : start + 4], 'big', signed=True)
