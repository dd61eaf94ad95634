"""What is checked of a bag before and while `rosbags` reads it: nobody knows who wrote it.

`rosbags` trusts the sizes that a bag states and unpacks without a bound, so that some kilobytes
could fill the memory or the disk.
"""

import bz2
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from lz4.frame import LZ4FrameDecompressor  # type: ignore[import-untyped]
from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    MessageDefinition,
    MessageDefinitionFormat,
    Qos,
)
from rosbags.rosbag1 import reader as rosbag1_reader
from rosbags.rosbag2 import storage_mcap

from emotion_perception.files.yaml_file import read_yaml
from emotion_perception.limits import (
    MAX_BAG_METADATA_BYTES,
    MAX_MESSAGE_BYTES,
    MAX_OPEN_CHUNK_BYTES,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BLOCK_BYTES: Final = 1 << 20
_MIB: Final = 20


def check_folder(folder: Path) -> None:
    """Checks the metadata.yaml of a bag, and that its packed files fit on the disk.

    Raises:
        ValueError: It is too large, or unpacking would fill the disk.
        OSError: A file cannot be read.
    """
    document = read_yaml(folder / 'metadata.yaml', MAX_BAG_METADATA_BYTES)
    about = document.get('rosbag2_bagfile_information') if isinstance(document, dict) else None
    if isinstance(about, dict) and str(about.get('compression_mode')).lower() == 'file':
        # `rosbags` unpacks them into a temporary folder.
        free = shutil.disk_usage(tempfile.gettempdir()).free
        _check_unpacked_size((file for file in folder.iterdir() if file.suffix == '.zstd'), free)


def check_storage(storage: Any) -> None:
    """Checks what `rosbags` took from an opened bag.

    Args:
        storage: `rosbags.rosbag2.Reader.storage`.

    Raises:
        ValueError: Chunks that must be held at once are too large.
        TypeError: A topic's entry holds something else than text and numbers.
    """
    for connection in storage.connections:
        _check_connection(connection)
    if not isinstance(getattr(storage, 'files', []), list):
        raise TypeError('its list of files is none')
    for part in getattr(storage, 'storages', [storage]):
        for connection in part.connections:
            _check_connection(connection)
        _check_overlap(getattr(part, 'chunks', ()))


def check_ros1(connections: Iterable[Connection]) -> None:
    """Checks the topics of a ROS 1 bag; raises TypeError as `check_storage` does."""
    for connection in connections:
        _check_fields((connection.topic, connection.msgtype), str)


def unpacked(data: bytes, limit: int = MAX_MESSAGE_BYTES) -> bytes:
    """A zstd-compressed message or chunk, decompressed.

    Args:
        data: One or more zstd frames.
        limit: Largest result in bytes.

    Raises:
        ValueError: It is larger, or damaged.
    """
    return _unpack(data, limit, zstd.ZstdDecompressor)


def _unpack(data: bytes, limit: int, make: Callable[[], Any]) -> bytes:
    if limit > MAX_MESSAGE_BYTES:
        raise ValueError(f'a chunk of {limit >> _MIB} MiB is refused')
    parts, size = [], 0
    while data:
        decompressor = make()
        parts.append(decompressor.decompress(data, max_length=limit - size + 1))
        size += len(parts[-1])
        if size > limit:
            raise ValueError(f'what unpacks to more than {limit >> _MIB} MiB is refused')
        if not decompressor.eof:
            raise ValueError('packed data ends too early')
        data = decompressor.unused_data or b''
    return b''.join(parts)


def _check_unpacked_size(files: Iterable[Path], free: int) -> None:
    size = 0
    for file in files:
        for length in _block_lengths(file):
            size += length
            if size > free:
                raise ValueError(f'it unpacks to more than the {free >> _MIB} MiB that are free')


def _block_lengths(file: Path) -> Iterator[int]:
    with zstd.open(file, 'rb') as packed:
        while block := packed.read(_BLOCK_BYTES):
            yield len(block)


def _check_overlap(chunks: Iterable[Any]) -> None:
    """Chunks are merged by time: those that overlap are unpacked at the same time."""
    events = []
    for chunk in chunks:
        # At one time, a chunk that begins comes before one that ends.
        events.append((chunk.message_start_time, 0, chunk.uncompressed_size))
        events.append((chunk.message_end_time, 1, -chunk.uncompressed_size))
    held = 0
    for _, _, change in sorted(events):
        held += change
        if held > MAX_OPEN_CHUNK_BYTES:
            raise ValueError(
                f'more than {MAX_OPEN_CHUNK_BYTES >> _MIB} MiB of its chunks overlap in time'
            )


def _check_connection(connection: Connection) -> None:
    texts = (connection.topic, connection.msgtype, connection.msgdef.data, connection.digest or '')
    _check_fields(texts, str)
    _check_fields((connection.msgcount,), int)
    if isinstance(connection.ext, ConnectionExtRosbag2):
        _check_fields((connection.ext.serialization_format,), str)
        for profile in connection.ext.offered_qos_profiles:
            _check_qos(profile)


def _check_qos(profile: Qos) -> None:
    times = (profile.deadline, profile.lifespan, profile.liveliness_lease_duration)
    numbers = [number for time in times for number in (time.sec, time.nsec)]
    _check_fields((profile.depth, *numbers), int)


def _check_fields(values: Iterable[object], kind: type) -> None:
    for value in values:
        if not isinstance(value, kind):
            raise TypeError(f'a topic has {type(value).__name__} instead of {kind.__name__}')


def _bound_decompressors() -> None:
    """Puts bounded decompression into the tables from which `rosbags` takes its own."""
    storage_mcap.DECOMPRESSORS.update(
        lz4=lambda data, size: _unpack(data, size, LZ4FrameDecompressor),
        zstd=unpacked,
    )
    rosbag1_reader.decompressors.update(
        bz2=lambda data: _unpack(data, MAX_MESSAGE_BYTES, bz2.BZ2Decompressor),
        lz4=lambda data: _unpack(data, MAX_MESSAGE_BYTES, LZ4FrameDecompressor),
    )


def _read_foreign_channels() -> None:
    """Lets an MCAP file have channels of other systems (JSON, protobuf) beside those of ROS 2.

    `rosbags` refuses the whole file for a schema that it does not know, or that is no text.
    """
    known: Callable[[Any], MessageDefinition] = storage_mcap.get_msgdef

    def definition(schema: Any) -> MessageDefinition:
        try:
            return known(schema)
        except KeyError:
            return MessageDefinition(MessageDefinitionFormat.NONE, '')

    def read_string(bio: Any) -> str:
        return str(storage_mcap.read_bytes(bio).decode(errors='replace'))

    storage_mcap.get_msgdef = definition
    storage_mcap.read_string = read_string


_bound_decompressors()
_read_foreign_channels()
