"""Reading of rosbags: ROS 2 (sqlite3 and MCAP, folder or single file) and ROS 1."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from rosbags import rosbag1, rosbag2
from rosbags.interfaces import Connection, ConnectionExtRosbag2
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from emotion_perception.address import shown_source
from emotion_perception.bags import guard
from emotion_perception.bags.topic_choice import ImageTopic, is_ambiguous, ranked, remark
from emotion_perception.bags.type_names import (
    COMPRESSED_IMAGE_TYPE,
    FACE_ARRAY_TYPE,
    IMAGE_TYPE,
    IMAGE_TYPES,
)
from emotion_perception.encodings import decode_compressed, decode_image
from emotion_perception.errors import BagError
from emotion_perception.files.closeable import Closeable
from emotion_perception.files.yaml_file import read_yaml
from emotion_perception.limits import MAX_BAG_METADATA_BYTES, MAX_MESSAGE_BYTES, quoted
from emotion_perception.types import NS_PER_S, BgrImage

_LOGGER = logging.getLogger(__name__)

# The distribution that the package is built for, where this version of `rosbags` knows it.
_PREFERRED = 'ROS2_KILTED'


def ros2_typestore(definitions: Mapping[str, str] | None = None) -> Typestore:
    """The standard ROS 2 message types, and more from the text of `.msg` files.

    Args:
        definitions: `.msg` text by full name, for example
            {'emotion_msgs/msg/FaceEmotion': 'uint32 track_id'}.

    Raises:
        rosbags.typesys.TypesysError: A text is no valid message definition.
    """
    store = get_typestore(getattr(Stores, _PREFERRED, Stores.LATEST))
    types = {}
    for name, text in (definitions or {}).items():
        types.update(get_types_from_msg(text, name))
    if types:
        store.register(types)
    return store


def ros1_typestore() -> Typestore:
    """The standard ROS 1 message types: their header has one field more."""
    return get_typestore(Stores.ROS1_NOETIC)


BAG_SUFFIXES = ('.mcap', '.db3', '.bag')

# What `rosbags` says of bags that are whole, but that it does not know.
_UNSUPPORTED = re.compile(r'not supported|[Uu]nsupported|Profile is not ros2')
_ROS1_START = b'#ROSBAG V'
_STORAGE_SUFFIXES = ('.mcap', '.db3')
_Reader: TypeAlias = 'rosbag1.Reader | rosbag2.Reader'


@dataclass(frozen=True, slots=True)
class BagTopic:
    """One topic of a bag.

    Attributes:
        name: Topic name.
        type: Message type, for example 'sensor_msgs/msg/Image'.
        count: Number of messages.
    """

    name: str
    type: str
    count: int


@dataclass(frozen=True, slots=True)
class BagImage:
    """One image message of a bag.

    Attributes:
        topic: Topic name.
        stamp_ns: Stamp of the header, nanoseconds; 0 when its publisher set none.
        record_ns: When the message was recorded, nanoseconds since the epoch.
        frame_id: Frame of the header.
        message: The message, with the fields of its ROS type.
    """

    topic: str
    stamp_ns: int
    record_ns: int
    frame_id: str
    message: Any

    def decode(self) -> BgrImage:
        """Decodes the image.

        Raises:
            ImageFormatError: The image's bytes do not fit its fields.
        """
        if self.message.__msgtype__ == COMPRESSED_IMAGE_TYPE:
            return decode_compressed(self.message.data, self.message.format)
        return decode_image(
            self.message.data,
            width=self.message.width,
            height=self.message.height,
            encoding=self.message.encoding,
            step=self.message.step,
            is_bigendian=bool(self.message.is_bigendian),
        )


class BagReader(Closeable):
    """An open bag. Use it as a context manager.

    Messages are read with the standard message types, not with the definitions that the bag
    carries, so that a strange type on another topic does no harm.

    Args:
        path: A rosbag2 folder, a single .mcap or .db3 file, or a ROS 1 .bag file.
        typestore: Message types of ROS 2; the standard ones when None.

    Raises:
        BagError: There is no bag at the path, it is damaged, or it holds no message.
    """

    def __init__(self, path: Path, typestore: Typestore | None = None) -> None:
        self._path = path
        self._is_ros1 = path.suffix.lower() == '.bag'
        self._typestore = ros1_typestore() if self._is_ros1 else typestore or ros2_typestore()
        self._reader = _open(_storage_of(path))
        self._unpack = _take_over_unpacking(self._reader)
        self._is_closed = False
        if not self._reader.message_count:
            self.close()
            raise BagError(f'Bag {path} is empty: record it again while its topics are published.')

    def close(self) -> None:
        """Closes the bag; a second call does nothing."""
        if not self._is_closed:
            self._is_closed = True
            self._reader.close()

    @property
    def connections(self) -> tuple[Connection, ...]:
        """What `rosbags` knows about each topic, for copying it to another bag."""
        return tuple(each for each in self._reader.connections if not _is_foreign(each))

    @property
    def foreign_topics(self) -> tuple[str, ...]:
        """Topics whose messages are none of ROS 2, such as JSON in an MCAP file: not read."""
        return tuple(each.topic for each in self._reader.connections if _is_foreign(each))

    @property
    def message_count(self) -> int:
        """Messages that the bag states, those of foreign topics among them."""
        return int(self._reader.message_count)

    @property
    def topics(self) -> tuple[BagTopic, ...]:
        """All topics, in the order of the bag."""
        counts: dict[tuple[str, str], int] = {}
        for connection in self.connections:
            key = (connection.topic, connection.msgtype)
            counts[key] = counts.get(key, 0) + connection.msgcount
        return tuple(BagTopic(name, kind, count) for (name, kind), count in counts.items())

    @cached_property
    def image_topics(self) -> tuple[BagTopic, ...]:
        """Topics with images, the best for faces first: see `topic_choice`."""
        by_name = {topic.name: topic for topic in self._topics_with_images()}
        return tuple(by_name[choice.name] for choice in self._choices)

    def tell_choice(self, requested: str) -> None:
        """Logs which image topic is read and what else there is, where the user names none.

        Args:
            requested: As for `image_topic`.
        """
        sentence = '' if requested else remark(self._choices)
        if sentence:
            level = logging.WARNING if is_ambiguous(self._choices) else logging.INFO
            _LOGGER.log(level, '%s', sentence)

    @cached_property
    def _choices(self) -> tuple[ImageTopic, ...]:
        topics = self._topics_with_images()
        if len(topics) == 1:
            return (ImageTopic(topics[0].name, ''),)
        results = {topic.name for topic in self.topics if topic.type == FACE_ARRAY_TYPE}
        return tuple(
            ranked(
                [
                    ImageTopic(
                        topic.name,
                        self._encoding_of(topic.name),
                        topic.name.removesuffix('/compressed').removesuffix('/image') in results,
                    )
                    for topic in topics
                ]
            )
        )

    def _topics_with_images(self) -> list[BagTopic]:
        return [topic for topic in self.topics if topic.type in IMAGE_TYPES and topic.count]

    def _encoding_of(self, topic: str) -> str:
        """Of a topic's first message; empty where that is damaged, which reading will tell."""
        with suppress(BagError):
            for image in self.images(topic):
                is_raw = image.message.__msgtype__ == IMAGE_TYPE
                return str(image.message.encoding if is_raw else image.message.format)
        return ''

    def image_topic(self, requested: str = '') -> BagTopic:
        """Finds the topic to read images from.

        Args:
            requested: Topic name; the best of the image topics when empty.

        Raises:
            BagError: The bag has no images, or none on the requested topic.
        """
        # Only a choice looks into the topics.
        for topic in self._topics_with_images() if requested else self.image_topics:
            if requested in ('', topic.name):
                return topic
        if requested and self.image_topics:
            names = ', '.join(topic.name for topic in self.image_topics)
            raise BagError(
                f'Bag {self._path} has no images on topic {requested}: set `image_topic` to one of '
                f'{names}.'
            )
        there = ', '.join(f'{topic.name} ({topic.type})' for topic in self.topics)
        raise BagError(f'Bag {self._path} has no images: its topics are {there}.')

    def images(self, topic: str) -> Iterator[BagImage]:
        """Reads the image messages of a topic in recorded order, undecoded.

        Raises:
            BagError: The bag is damaged.
        """
        for connection, record_ns, data in self.messages([topic]):
            yield self.image(connection, record_ns, data)

    def image(self, connection: Connection, record_ns: int, data: bytes) -> BagImage:
        """One message of `messages` as an image, not decoded yet.

        Args:
            connection: Of an image topic.
            record_ns: When it was recorded.
            data: Its bytes.

        Raises:
            BagError: The message is damaged.
        """
        message = self.deserialize(connection, data)
        stamp = message.header.stamp
        stamp_ns = stamp.sec * NS_PER_S + stamp.nanosec
        return BagImage(connection.topic, stamp_ns, record_ns, message.header.frame_id, message)

    def messages(self, topics: list[str] | None = None) -> Iterator[tuple[Connection, int, bytes]]:
        """Reads messages in recorded order, as (connection, record time in ns, serialised bytes).

        Args:
            topics: Only these; all when None.

        Raises:
            BagError: The bag is damaged.
        """
        wanted = [c for c in self.connections if topics is None or c.topic in topics]
        if not wanted:  # `rosbags` takes an empty list for all.
            return
        messages = self._reader.messages(connections=wanted)
        while True:
            with _bag_errors(self._path):
                entry = next(messages, None)
                if entry is not None:
                    connection, record_ns, data = entry
                    entry = (connection, _checked_time(record_ns), _checked(self._unpack(data)))
            if entry is None:
                return
            yield entry

    def deserialize(self, connection: Connection, data: bytes) -> Any:
        """Turns serialised bytes into a message with the fields of its ROS type.

        Raises:
            BagError: The type is unknown or the bytes do not fit it.
        """
        with _bag_errors(self._path):
            if self._is_ros1:
                return self._typestore.deserialize_ros1(data, connection.msgtype)
            return self._typestore.deserialize_cdr(data, connection.msgtype)


def is_bag(path: Path) -> bool:
    """Says whether a path looks like a bag: a bag's suffix, or a folder with bag files."""
    if path.is_dir():
        return (path / 'metadata.yaml').exists() or bool(_storage_files(path))
    return path.suffix.lower() in BAG_SUFFIXES


def _storage_of(path: Path) -> Path:
    """Checks that there is a bag; of a folder without metadata.yaml takes its only file."""
    if not path.exists():
        raise BagError(
            f'Bag {shown_source(str(path))} does not exist: give a rosbag2 folder, .mcap or .db3 '
            'file.'
        )
    if path.name.lower().endswith('.bag.active'):
        raise BagError(
            f'{path} was not finished by its recorder: repair it with `rosbag reindex {path}`, or '
            'convert it once it ends in .bag.'
        )
    if not is_bag(path):
        raise BagError(f'{path} is not a bag: give a rosbag2 folder, .mcap, .db3 or .bag file.')
    if path.suffix.lower() == '.bag' and path.is_file():
        _check_ros1_start(path)
    if path.is_file() or (path / 'metadata.yaml').exists():
        return path
    files = _storage_files(path)
    if len(files) == 1:
        return files[0]
    raise BagError(f'Bag {path} lacks its metadata.yaml: make it with `ros2 bag reindex {path}`.')


def _check_ros1_start(path: Path) -> None:
    """`rosbags` reads the first line, however long it is."""
    with path.open('rb') as file:
        if file.read(len(_ROS1_START)) != _ROS1_START:
            raise BagError(f'{path} is damaged or was cut off, or no bag of ROS 1: copy it again.')


def _is_foreign(connection: Connection) -> bool:
    ext = connection.ext
    return isinstance(ext, ConnectionExtRosbag2) and ext.serialization_format != 'cdr'


def _named_storage(path: Path) -> Path:
    """The only file of a folder whose metadata.yaml, made by a reindexing, names no storage."""
    if not path.is_dir():
        return path
    document = read_yaml(path / 'metadata.yaml', MAX_BAG_METADATA_BYTES)
    about = document.get('rosbag2_bagfile_information') if isinstance(document, dict) else None
    if not isinstance(about, dict) or about.get('storage_identifier') != '':
        return path
    files = _storage_files(path)
    if len(files) == 1:
        return files[0]
    kind = 'mcap' if files and files[0].suffix.lower() == '.mcap' else 'sqlite3'
    raise BagError(
        f'Bag {path} names no storage: write `storage_identifier: {kind}` into its metadata.yaml.'
    )


def _check_wal(path: Path) -> None:
    """SQLite's write-ahead log holds messages that `rosbags` does not see.

    Raises:
        BagError: There is such a log.
    """
    files = [path] if path.suffix.lower() == '.db3' else sorted(path.glob('*.db3'))
    for file in files:
        log = file.with_name(f'{file.name}-wal')
        if log.exists() and log.stat().st_size:
            raise BagError(
                f'Bag {path} may have its newest messages in {log.name} only, as a recorder leaves '
                'them that did not end: move them into the bag with `python3 -c "import sqlite3; '
                f"sqlite3.connect('{file}').execute('PRAGMA wal_checkpoint(TRUNCATE)')\"`, on a "
                'copy if the bag is to stay as it is.'
            )


def _storage_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in _STORAGE_SUFFIXES)


class _AnyCaseReader(rosbag2.Reader):
    """Knows a storage by its suffix in capitals too, as cards of cameras write them."""

    STORAGE_PLUGINS: Mapping[str, Any] = {
        **rosbag2.Reader.STORAGE_PLUGINS,
        **{key.upper(): each for key, each in rosbag2.Reader.STORAGE_PLUGINS.items()},
    }


def _open(path: Path) -> _Reader:
    with _bag_errors(path):
        _check_wal(path)
        path = _named_storage(path)
        if path.suffix.lower() == '.bag':
            ros1 = rosbag1.Reader(path)
            ros1.open()
            guard.check_ros1(ros1.connections)
            return ros1
        if path.is_dir():
            guard.check_folder(path)
        ros2 = _AnyCaseReader(path)
        ros2.open()
        try:
            guard.check_storage(ros2.storage)
        except BaseException:
            with suppress(Exception):  # what is wrong is told already
                ros2.close()
            raise
        return ros2


def _take_over_unpacking(reader: _Reader) -> Callable[[bytes], bytes]:
    """How to unpack each message of a bag, which is done here, where it is bounded."""
    storage: Any = getattr(reader, 'storage', None)
    if getattr(reader, 'compression_mode', None) != 'message':
        return lambda data: data
    storage.metadata = storage.metadata._replace(compression_mode=None)
    return guard.unpacked


def _checked_time(record_ns: object) -> int:
    if not isinstance(record_ns, int):
        raise TypeError(f'a message has {type(record_ns).__name__} as its time')
    return record_ns


def _checked(data: object) -> bytes:
    # A damaged database may hold a number or a text in place of the message.
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f'a message is {type(data).__name__} instead of bytes')
    if len(data) > MAX_MESSAGE_BYTES:
        raise ValueError(f'a message has {len(data) >> 20} MiB')
    return bytes(data)


@contextmanager
def _bag_errors(path: Path) -> Iterator[None]:
    """Turns whatever a parser raises on damaged bytes into one sentence.

    `rosbags` parses untrusted bytes with struct, sqlite, zstd, lz4 and assertions; there is no
    common base class short of Exception.
    """
    try:
        yield
    except BagError:
        raise
    except PermissionError as error:
        raise BagError(f'Bag {path} cannot be read: you lack the permission.') from error
    except Exception as error:
        if _UNSUPPORTED.search(str(error)):
            raise BagError(
                f'Bag {path} is of a kind that is not supported ({quoted(error)}): convert it with '
                '`ros2 bag convert`, or record ROS 2 messages as MCAP or sqlite3.'
            ) from error
        raise BagError(
            f'Bag {path} is damaged or was cut off ({quoted(error)}): record it again, or repair '
            'it with `ros2 bag reindex` or `mcap recover`.'
        ) from error
