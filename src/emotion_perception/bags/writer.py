"""Writing of rosbag2 bags that ROS 2 opens: serialised messages in, a whole bag or none out."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, TypeAlias

from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    MessageDefinitionFormat,
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError
from rosbags.typesys import get_types_from_idl, get_types_from_msg
from rosbags.typesys.store import Typestore

from emotion_perception.bags.messages import emotion_typestore
from emotion_perception.bags.reader import is_bag
from emotion_perception.bags.unfinished import UnfinishedFolder
from emotion_perception.errors import BagError
from emotion_perception.types import NS_PER_S

STORAGES: Final = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
"""Names that rosbag2 gives to its storages."""

_INFINITE: Final = QosTime(9_223_372_036, 854_775_807)  # rmw's RMW_DURATION_INFINITE
# Of a type that neither the bag nor this machine defines; rosbag2 plays such topics as well.
_UNKNOWN_HASH: Final = f'RIHS01_{"0" * 64}'

RELIABLE_QOS: Final = Qos(
    QosHistory.KEEP_LAST,
    10,
    QosReliability.RELIABLE,
    QosDurability.VOLATILE,
    _INFINITE,
    _INFINITE,
    QosLiveliness.AUTOMATIC,
    _INFINITE,
    avoid_ros_namespace_conventions=False,
)
"""Profile of results: RELIABLE, KEEP_LAST 10, VOLATILE."""


class QosProfile(Protocol):
    """What is read of an `rclpy.qos.QoSProfile`, which this package must not import."""

    history: Any
    depth: int
    reliability: Any
    durability: Any
    lifespan: Any
    deadline: Any
    liveliness: Any
    liveliness_lease_duration: Any
    avoid_ros_namespace_conventions: bool


AnyQos: TypeAlias = Qos | QosProfile


class BagWriter:
    """Writes a new bag in a hidden folder beside it, which takes its name once it is complete.

    A context manager: an exception discards the bag, so that an interrupted run leaves nothing that
    could be taken for a whole one. Not thread-safe.

    Args:
        path: Folder of the bag; its parent is created.
        storage: 'mcap' or 'sqlite3'.
        typestore: Definitions of the message types; the standard ones and `emotion_msgs` when None.
        overwrite: Whether a bag that is there already is replaced, once the new one is complete.

    Attributes:
        path: Folder of the bag.
        typestore: Definitions of the message types.

    Raises:
        BagError: The storage is unknown, the path exists already (with `overwrite`: and is no bag),
            another process writes the same bag, or it cannot be written.
    """

    def __init__(
        self,
        path: Path,
        storage: str = 'mcap',
        typestore: Typestore | None = None,
        *,
        overwrite: bool = False,
    ) -> None:
        self.path = path
        self._overwrite = overwrite
        if storage not in STORAGES:
            raise BagError(f"Unknown bag storage '{storage}': use {' or '.join(STORAGES)}.")
        self._refuse_existing()
        self.typestore = typestore or emotion_typestore()
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._unfinished = UnfinishedFolder(path)
        try:
            with self._errors():
                plugin = STORAGES[storage]
                # The file in the bag is named after its folder, so that one has the final name.
                self._writer: Writer | None = Writer(
                    self._unfinished.bag, version=9, storage_plugin=plugin
                )
                self._writer.open()
        except BaseException:
            self._unfinished.remove()
            raise

    def add_topic(
        self,
        name: str,
        message_type: str,
        qos: QosProfile | Sequence[AnyQos] = (RELIABLE_QOS,),
    ) -> Connection:
        """Adds a topic; the same one again gives the same connection.

        Args:
            name: Full topic name.
            message_type: For example 'sensor_msgs/msg/Image'.
            qos: What its publishers offer: a profile of `rclpy`, or a list of profiles of either
                `rclpy` or `rosbags`.

        Returns:
            What `write` needs.

        Raises:
            BagError: The message type is unknown.
        """
        profiles = qos if isinstance(qos, Sequence) else [qos]
        ext = ConnectionExtRosbag2('cdr', [_as_qos(profile) for profile in profiles])
        if message_type not in self.typestore.fielddefs:
            raise BagError(
                f'Topic {name} has the unknown message type {message_type}: only standard ROS '
                'messages and emotion_msgs can be recorded.'
            )
        definition = self.typestore.generate_msgdef(message_type, ros_version=2)[0]
        return self._add(
            name, message_type, definition, self.typestore.hash_rihs01(message_type), ext
        )

    def copy_topic(self, original: Connection) -> Connection:
        """Adds a topic of another rosbag2 bag with its type, definition, hash and QoS profiles.

        Args:
            original: One of `BagReader.connections`.
        """
        if not isinstance(original.ext, ConnectionExtRosbag2):
            raise BagError(f'Topic {original.topic} is of a ROS 1 bag: convert the bag first.')
        definition, digest = _definition_of(original, self.typestore)
        return self._add(original.topic, original.msgtype, definition, digest, original.ext)

    def write(
        self, connection: Connection, timestamp_ns: int, data: bytes | bytearray | memoryview
    ) -> None:
        """Appends a message.

        Args:
            connection: From `add_topic` or `copy_topic`.
            timestamp_ns: When it was received, in nanoseconds since the epoch.
            data: The message in CDR, with its encapsulation header.

        Raises:
            BagError: The bag cannot be written any more.
        """
        with self._errors():
            self._open_writer().write(connection, timestamp_ns, bytes(data))

    def close(self) -> None:
        """Finishes the bag and gives it its name; a second call does nothing.

        Raises:
            BagError: The rest cannot be written, or the path has come into being meanwhile.
        """
        writer, self._writer = self._writer, None
        if writer is None:
            return
        try:
            with self._errors():
                try:
                    writer.close()
                except BaseException:
                    writer.abort()
                    raise
                self._refuse_existing()
                self._unfinished.finish()
        finally:
            self._unfinished.remove()

    def abort(self) -> None:
        """Discards the bag; after `close` it does nothing."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with contextlib.suppress(Exception):
                writer.abort()
            self._unfinished.remove()

    def __enter__(self) -> 'BagWriter':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()

    def _add(
        self, name: str, message_type: str, text: str, digest: str, ext: ConnectionExtRosbag2
    ) -> Connection:
        with self._errors():
            for known in self._open_writer().connections:
                if (known.topic, known.msgtype, known.ext) == (name, message_type, ext):
                    return known
            return self._open_writer().add_connection(
                name,
                message_type,
                msgdef=text,
                rihs01=digest,
                serialization_format=ext.serialization_format,
                offered_qos_profiles=ext.offered_qos_profiles,
            )

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise BagError(f'Bag {self.path} is closed already: open a new one to write more.')
        return self._writer

    def _refuse_existing(self) -> None:
        if not os.path.lexists(self.path):
            return
        if not self._overwrite:
            raise BagError(f'{self.path} exists already: remove it or choose another name.')
        if self.path.is_symlink() or not (self.path.is_dir() and is_bag(self.path)):
            raise BagError(f'{self.path} is not the folder of a bag and is not overwritten.')

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error, WriterError) as error:
            reason = getattr(error, 'strerror', None) or str(error).rstrip('.')
            raise BagError(
                f'Bag {self.path} cannot be written ({reason}): check the free space and the '
                'rights of its folder, or choose another one.'
            ) from error


def storage_of(path: Path) -> str:
    """Storage of a rosbag2 bag, a key of STORAGES, by the files it consists of."""
    files = [path] if path.is_file() else list(path.iterdir())
    # Compressed files are called name.mcap.zstd.
    return 'mcap' if any('.mcap' in file.suffixes for file in files) else 'sqlite3'


def _definition_of(connection: Connection, typestore: Typestore) -> tuple[str, str]:
    """Definition text and hash: of the bag itself, else of this machine, else none."""
    definition, digest = connection.msgdef, connection.digest
    if definition.format is not MessageDefinitionFormat.NONE and digest:
        return definition.data, digest
    if definition.format is not MessageDefinitionFormat.NONE:
        return definition.data, _hash_of(connection)
    if connection.msgtype in typestore.fielddefs:
        text = typestore.generate_msgdef(connection.msgtype, ros_version=2)[0]
        return text, digest or typestore.hash_rihs01(connection.msgtype)
    return '', digest or _UNKNOWN_HASH


def _hash_of(connection: Connection) -> str:
    """Type hash by the definition that the bag carries; a single .mcap file does not tell it."""
    text = connection.msgdef.data
    try:
        if connection.msgdef.format is MessageDefinitionFormat.IDL:
            types = get_types_from_idl(text)
        else:
            types = get_types_from_msg(text, connection.msgtype)
        store = Typestore()
        store.register(types)
        return store.hash_rihs01(connection.msgtype)
    # The text comes from a foreign file, and the parser raises whatever it stumbles over.
    except Exception:
        return _UNKNOWN_HASH


def _as_qos(profile: AnyQos) -> Qos:
    """A profile as `rosbags` writes it; the enumerations of both have the numbers of rmw."""
    if isinstance(profile, Qos):
        return profile
    return Qos(
        QosHistory(int(profile.history)),
        int(profile.depth),
        QosReliability(int(profile.reliability)),
        QosDurability(int(profile.durability)),
        _as_time(profile.deadline),
        _as_time(profile.lifespan),
        QosLiveliness(int(profile.liveliness)),
        _as_time(profile.liveliness_lease_duration),
        avoid_ros_namespace_conventions=bool(profile.avoid_ros_namespace_conventions),
    )


def _as_time(duration: Any) -> QosTime:
    return QosTime(*divmod(int(duration.nanoseconds), NS_PER_S))
