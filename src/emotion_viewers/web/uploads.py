"""Refuses what an upload may not be, before a decoder sees it, and names files kindly."""

import re
from pathlib import Path
from typing import Final

from emotion_perception.errors import EmotionPerceptionError, SourceError

_HEAD: Final = 64  # bytes that tell a container
_TS_PACKET: Final = 188
_LONGEST_STEM: Final = 60


def check_video(path: Path) -> None:
    """Checks that a file is a container that holds its images itself.

    FFmpeg also reads playlists and scripts (HLS, concat, SDP), which name other files and hosts to
    be read in their place; a visitor must not choose those.

    Raises:
        SourceError: It is something else, or cannot be read.
    """
    try:
        with path.open('rb') as file:
            head = file.read(_HEAD)
            file.seek(_TS_PACKET)
            second_packet = file.read(1)
    except OSError as error:
        raise SourceError(f'{path.name} cannot be read ({error.strerror}).') from error
    if not head:
        raise SourceError(f'{path.name} is empty: choose another file.')
    if not (_is_container(head) or (head[:1] == b'G' and second_packet == b'G')):
        raise SourceError(
            f'{path.name} is no video, or it is damaged: choose an MP4, MOV, MKV, WebM, AVI, '
            'MPEG, OGG or GIF file.'
        )


def result_stem(path: Path) -> str:
    """The name of an upload as the start of its results' names: letters, digits, '-', '_', '.'."""
    stem = re.sub(r'[^\w.-]+', '_', path.stem).strip('._')[:_LONGEST_STEM]
    return stem or 'result'


def visitor_text(sentence: EmotionPerceptionError | str, path: Path) -> str:
    """A sentence for the visitor, without this machine's folders."""
    return str(sentence).replace(str(path), path.name).replace(str(path.parent), '')


def _is_container(head: bytes) -> bool:
    riff = head[:4] == b'RIFF' and head[8:12] in (b'AVI ', b'WEBP')
    # ISO base media: MP4, MOV, 3GP; old QuickTime files start with another atom.
    iso = head[4:8] in (b'ftyp', b'moov', b'mdat', b'wide', b'free', b'skip')
    return riff or iso or head.startswith(_SIGNATURES)


_SIGNATURES: Final = (
    b'\x1aE\xdf\xa3',  # Matroska, WebM
    b'OggS',
    b'FLV\x01',
    b'\x00\x00\x01\xba',  # MPEG program stream
    b'\x00\x00\x01\xb3',  # MPEG video
    b'\x30\x26\xb2\x75\x8e\x66\xcf\x11',  # Windows Media
    b'GIF8',
    b'\x89PNG\r\n\x1a\n',  # animated PNG
)
