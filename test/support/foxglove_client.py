"""A viewer as Foxglove is one: it speaks the WebSocket protocol and decodes what it gets."""

import base64
import contextlib
import json
import struct
import threading
from dataclasses import asdict, dataclass, field
from functools import cache

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

PATIENCE_S = 120.0
PROTOCOL = 'foxglove.sdk.v1'
_MESSAGE_DATA = 1
_HEADER = struct.Struct('<BIQ')


def protobuf_class(name, descriptors):
    """The class of a message type, from the file descriptors that travel with the data."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors).file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def decode(encoding, schema_name, schema, data):
    """A message as the viewer shows it, by the definition that came with it; ROS ones as dicts."""
    if encoding == 'protobuf':
        return protobuf_class(schema_name, schema).FromString(data)
    assert encoding == 'cdr'
    return asdict(ros_types(schema_name, schema).deserialize_cdr(bytes(data), schema_name))


@cache
def ros_types(name, definition):
    """The message types of a definition and of all that it holds."""
    store = get_typestore(Stores.EMPTY)
    store.register(get_types_from_msg(definition.decode(), name))
    return store


@dataclass
class Topic:
    """A channel that the server offers, and what came through it: (log time, message)."""

    id: int
    encoding: str
    schema_name: str
    schema: bytes
    messages: list = field(default_factory=list)


class Viewer:
    """Connects, reads the list of topics, and collects messages in a thread."""

    def __init__(self, url):
        self._stack = contextlib.ExitStack()
        connection = connect(url, subprotocols=[PROTOCOL], max_size=None)
        self._connection = self._stack.enter_context(connection)
        self.info = json.loads(self._connection.recv(timeout=30))
        self.topics = {}
        for channel in json.loads(self._connection.recv(timeout=30))['channels']:
            schema = channel['schema']
            protobuf = channel['encoding'] == 'protobuf'
            self.topics[channel['topic']] = Topic(
                channel['id'],
                channel['encoding'],
                channel['schemaName'],
                base64.b64decode(schema + '==') if protobuf else schema.encode(),
            )
        self._news, self._has_ended = threading.Condition(), False
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def subscribe(self, *names):
        wanted = [{'id': self.topics[name].id, 'channelId': self.topics[name].id} for name in names]
        self._connection.send(json.dumps({'op': 'subscribe', 'subscriptions': wanted}))

    def unsubscribe(self, *names):
        ids = [self.topics[name].id for name in names]
        self._connection.send(json.dumps({'op': 'unsubscribe', 'subscriptionIds': ids}))

    def messages(self, name):
        return [message for _, message in list(self.topics[name].messages)]

    def wait_for(self, name):
        """Waits for a message of a topic."""
        messages = self.topics[name].messages
        with self._news:
            self._news.wait_for(lambda: messages or self._has_ended, PATIENCE_S)
        assert messages, f'nothing has come through {name}'

    def close(self):
        self._stack.close()
        self._thread.join(30)

    def _collect(self):
        try:
            self._read()
        finally:
            with self._news:
                self._has_ended = True
                self._news.notify_all()

    def _read(self):
        by_id = {topic.id: topic for topic in self.topics.values()}
        # The server ends a connection without the last courtesies.
        with contextlib.suppress(ConnectionClosed):
            while True:
                data = self._connection.recv()
                if isinstance(data, str) or data[0] != _MESSAGE_DATA:
                    continue
                _, subscription, log_time = _HEADER.unpack_from(data)
                topic = by_id[subscription]
                body = data[_HEADER.size :]
                message = decode(topic.encoding, topic.schema_name, topic.schema, body)
                with self._news:
                    topic.messages.append((log_time, message))
                    self._news.notify_all()


def read_mcap(path):
    """Every message of an MCAP file by topic: (log time, message)."""
    from mcap.reader import make_reader

    found = {}
    with path.open('rb') as file:
        for schema, channel, record in make_reader(file, validate_crcs=True).iter_messages():
            message = decode(channel.message_encoding, schema.name, schema.data, record.data)
            found.setdefault(channel.topic, []).append((record.log_time, message))
    return found


def corners(annotation):
    return [(point.x, point.y) for point in annotation.points]
