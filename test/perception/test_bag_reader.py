"""Real bags, written with rosbags: both storages, ROS 1, and damaged ones."""

import logging
import re
import shutil
import sqlite3
import subprocess
from itertools import permutations

import cv2
import numpy as np
import pytest
from rosbags.rosbag1 import Writer as Writer1
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from skimage.data import astronaut

from emotion_perception.bags.reader import BagReader, is_bag, ros1_typestore, ros2_typestore
from emotion_perception.bags.topic_choice import ImageTopic, Kind
from emotion_perception.errors import BagError, ImageFormatError

STORES = {2: ros2_typestore(), 1: ros1_typestore()}
IMAGE, COMPRESSED, TEXT = (
    'sensor_msgs/msg/Image',
    'sensor_msgs/msg/CompressedImage',
    'std_msgs/msg/String',
)
PICTURE = np.ascontiguousarray(cv2.resize(astronaut(), (40, 30))[..., ::-1])


def header(stamp_ns, ros=2):
    types = STORES[ros].types
    time = types['builtin_interfaces/msg/Time'](sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9)
    extra = {'seq': 0} if ros == 1 else {}
    return types['std_msgs/msg/Header'](stamp=time, frame_id='camera_optical', **extra)


def image(stamp_ns, pixels=PICTURE, *, encoding='bgr8', padding=5, ros=2):
    """An image message whose rows are padded."""
    height, width = pixels.shape[:2]
    rows = np.full((height, width * 3 + padding), 0xEE, np.uint8)
    rows[:, : width * 3] = pixels.reshape(height, -1)
    return STORES[ros].types[IMAGE](
        header=header(stamp_ns, ros),
        height=height,
        width=width,
        encoding=encoding,
        is_bigendian=0,
        step=rows.shape[1],
        data=rows.reshape(-1),
    )


def compressed(stamp_ns, pixels=PICTURE, format='png'):
    data = cv2.imencode('.png', pixels)[1]
    return STORES[2].types[COMPRESSED](
        header=header(stamp_ns), format=format, data=data.reshape(-1)
    )


def text(value):
    return STORES[2].types[TEXT](data=value)


def write_bag(path, messages, *, storage='sqlite3', compression=None):
    """Writes (topic, record time, message) triples; topics appear in the order of first use."""
    store = STORES[2]
    plugin = StoragePlugin.MCAP if storage == 'mcap' else StoragePlugin.SQLITE3
    writer = Writer(path, version=9, storage_plugin=plugin)
    if compression:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        connections = {}
        for topic, record_ns, message in messages:
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=store)
            writer.write(connections[topic], record_ns, store.serialize_cdr(message, kind))
    return path


def shades(count):
    return [np.full((30, 40, 3), 5 * n, np.uint8) for n in range(count)]


def some_images(count=5):
    return [
        ('/camera/image_raw', 5_000 + n, image(10**18 + n, shade))
        for n, shade in enumerate(shades(count))
    ]


STORAGES = [
    ('sqlite3', None),
    ('mcap', None),
    ('mcap', CompressionMode.STORAGE),
    ('sqlite3', CompressionMode.MESSAGE),
    ('sqlite3', CompressionMode.FILE),
]


@pytest.mark.parametrize(('storage', 'compression'), STORAGES)
def test_images_keep_stamps_frame_and_pixels(tmp_path, storage, compression):
    path = write_bag(
        tmp_path / 'bag',
        [
            ('/chatter', 1, text('hello')),
            ('/image', 200, image(1_700_000_000_123_456_789)),
            ('/image/compressed', 201, compressed(1_700_000_000_123_456_789)),
        ],
        storage=storage,
        compression=compression,
    )
    with BagReader(path) as bag:
        assert [t.name for t in bag.topics] == ['/chatter', '/image', '/image/compressed']
        assert [t.name for t in bag.image_topics] == ['/image', '/image/compressed']
        assert bag.image_topic().type == IMAGE
        for topic in ('/image', '/image/compressed'):
            (found,) = bag.images(topic)
            assert found.topic == topic
            assert found.stamp_ns == 1_700_000_000_123_456_789
            assert found.record_ns == (200 if topic == '/image' else 201)
            assert found.frame_id == 'camera_optical'
            np.testing.assert_array_equal(found.decode(), PICTURE)


@pytest.mark.parametrize('storage', ['sqlite3', 'mcap'])
def test_single_file_and_folder_without_metadata(tmp_path, storage):
    path = write_bag(tmp_path / 'bag', some_images(), storage=storage)
    (path / 'metadata.yaml').unlink()
    (file,) = path.iterdir()
    for bag_path in (path, file):
        assert is_bag(bag_path)
        with BagReader(bag_path) as bag:
            stamps = [m.stamp_ns for m in bag.images('/camera/image_raw')]
        assert stamps == [10**18 + n for n in range(5)]


def test_ros1_bag(tmp_path):
    path = tmp_path / 'old.bag'
    store = STORES[1]
    with Writer1(path) as writer:
        connection = writer.add_connection('/image', IMAGE, typestore=store)
        writer.write(connection, 7, store.serialize_ros1(image(42, ros=1), IMAGE))
    with BagReader(path) as bag:
        (found,) = bag.images(bag.image_topic().name)
        assert (found.stamp_ns, found.record_ns) == (42, 7)
        np.testing.assert_array_equal(found.decode(), PICTURE)


def test_depth_comes_last_and_a_topic_can_be_named(tmp_path):
    path = write_bag(
        tmp_path / 'bag',
        [('/depth/image_raw', 1, image(1)), ('/a', 2, image(2)), ('/b', 3, image(3))],
    )
    with BagReader(path) as bag:
        assert bag.image_topic().name == '/a'
        assert bag.image_topic('/b').name == '/b'
        with pytest.raises(
            BagError, match=r'no images on topic /c: set `image_topic` to one of /a, /b, /depth'
        ):
            bag.image_topic('/c')


INFRARED = ('/camera/aux/image_raw', 'mono8')
DEPTH = ('/camera/other/image_raw', '16UC1')
COLOUR = ('/camera/main/image_raw', 'bgr8')


def sensor_bag(path, *topics):
    return write_bag(
        path,
        [
            (topic, number, image(number, encoding=encoding))
            for number, (topic, encoding) in enumerate(topics, 1)
        ],
    )


@pytest.mark.parametrize('order', list(permutations((INFRARED, DEPTH, COLOUR))))
def test_images_are_chosen_by_what_their_encoding_says(tmp_path, order, caplog):
    """Not by order, nor by names: that of the depth camera here has no `depth` in it."""
    path = sensor_bag(tmp_path / 'bag', *order)
    with BagReader(path) as bag, caplog.at_level(logging.INFO):
        assert [topic.name for topic in bag.image_topics] == [COLOUR[0], INFRARED[0], DEPTH[0]]
        bag.tell_choice('')
    (record,) = caplog.records
    assert record.levelno == logging.INFO
    assert record.getMessage() == (
        f'Images of {COLOUR[0]} (bgr8); there are also {INFRARED[0]} (mono8), {DEPTH[0]} (16UC1): '
        'choose by image_topic.'
    )


def test_two_cameras_alike_are_a_warning(tmp_path, caplog):
    other = ('/second/image_raw', 'bgr8')
    with BagReader(sensor_bag(tmp_path / 'bag', COLOUR, other)) as bag:
        bag.tell_choice('')
        assert bag.image_topic().name == COLOUR[0]
        bag.tell_choice('/second/image_raw')
    (record,) = caplog.records
    assert record.levelno == logging.WARNING


@pytest.mark.parametrize(
    ('encoding', 'kind'),
    [
        ('bgr8; jpeg compressed bgr8', Kind.COLOUR),
        ('jpeg', Kind.COLOUR),
        ('bayer_rggb8', Kind.COLOUR),
        ('mono8; jpeg compressed ', Kind.GREY),
        ('16UC1; compressedDepth png', Kind.DEPTH),
        ('32FC1; compressedDepth', Kind.DEPTH),
        ('', Kind.UNKNOWN),
    ],
)
def test_what_an_encoding_says(encoding, kind):
    assert ImageTopic('/image', encoding).kind is kind


def test_raw_messages_are_in_recorded_order_and_filtered(tmp_path):
    path = write_bag(
        tmp_path / 'bag',
        [('/a', 1, text('one')), ('/b', 2, text('two')), ('/a', 3, text('three'))],
    )
    with BagReader(path) as bag:
        assert [(c.topic, t) for c, t, _ in bag.messages()] == [('/a', 1), ('/b', 2), ('/a', 3)]
        words = [bag.deserialize(c, data).data for c, _, data in bag.messages(['/a'])]
        assert words == ['one', 'three']
        assert list(bag.messages(['/nowhere'])) == []


def test_own_message_types_can_be_registered(tmp_path):
    store = ros2_typestore(
        {
            'emotion_msgs/msg/Inner': 'float32 score\n',
            'emotion_msgs/msg/Outer': 'std_msgs/Header header\nInner[] faces\n',
        }
    )
    types = store.types
    message = types['emotion_msgs/msg/Outer'](
        header=header(5), faces=[types['emotion_msgs/msg/Inner'](score=0.5)]
    )
    data = store.serialize_cdr(message, 'emotion_msgs/msg/Outer')
    again = store.deserialize_cdr(data, 'emotion_msgs/msg/Outer')
    assert again.faces[0].score == 0.5
    assert again.header.stamp.nanosec == 5


def test_bad_image_is_an_image_error_and_the_bag_goes_on(tmp_path):
    messages = [
        ('/image', 1, image(1, encoding='secret')),
        ('/image', 2, image(2)),
    ]
    with BagReader(write_bag(tmp_path / 'bag', messages)) as bag:
        bad, good = bag.images('/image')
        with pytest.raises(ImageFormatError, match='secret'):
            bad.decode()
        np.testing.assert_array_equal(good.decode(), PICTURE)


def no_images(tmp_path):
    return write_bag(tmp_path / 'bag', [('/chatter', 1, text('hello'))])


def empty_bag(tmp_path):
    with Writer(tmp_path / 'bag', version=9) as writer:
        writer.add_connection('/image', IMAGE, typestore=STORES[2])
    return tmp_path / 'bag'


def cut_off(storage, share, compression=None):
    def make(tmp_path):
        path = write_bag(
            tmp_path / 'bag', some_images(40), storage=storage, compression=compression
        )
        (file,) = (f for f in path.iterdir() if f.suffix != '.yaml')
        data = file.read_bytes()
        file.write_bytes(data[: int(len(data) * share)])
        return path

    return make


def flipped(storage, compression=None):
    def make(tmp_path):
        path = write_bag(
            tmp_path / 'bag', some_images(40), storage=storage, compression=compression
        )
        (file,) = (f for f in path.iterdir() if f.suffix != '.yaml')
        data = bytearray(file.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 2000] = bytes(b ^ 0xA5 for b in data[middle : middle + 2000])
        file.write_bytes(bytes(data))
        return path

    return make


def broken_metadata(content):
    def make(tmp_path):
        path = write_bag(tmp_path / 'bag', some_images())
        (path / 'metadata.yaml').write_text(content)
        return path

    return make


def missing_storage(tmp_path):
    path = write_bag(tmp_path / 'bag', some_images())
    (path / 'bag.db3').unlink()
    return path


def two_without_metadata(tmp_path):
    path = write_bag(tmp_path / 'bag', some_images())
    shutil.copy(path / 'bag.db3', path / 'bag_2.db3')
    (path / 'metadata.yaml').unlink()
    return path


def other_database(tmp_path):
    connection = sqlite3.connect(tmp_path / 'other.db3')
    connection.execute('CREATE TABLE cats (name TEXT)')
    connection.commit()
    connection.close()
    return tmp_path / 'other.db3'


def file_with(name, content):
    def make(tmp_path):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return make


def with_channel(tmp_path, encoding='', message_encoding='', schema=b'', profile='ros2'):
    """An MCAP file of another tool: the images of a bag, and maybe a channel of another system."""
    pytest.importorskip('mcap', reason='mcap is not installed: make foxglove-env')
    from mcap.reader import make_reader
    from mcap.writer import Writer as McapWriter

    bag = write_bag(tmp_path / 'bag', some_images(), storage='mcap')
    with next(bag.glob('*.mcap')).open('rb') as file:
        messages = list(make_reader(file).iter_messages())
    path = tmp_path / 'other.mcap'
    with path.open('wb') as file:
        writer = McapWriter(file)
        writer.start(profile=profile, library='another tool')
        first_schema, first, message = messages[0]
        kind = writer.register_schema(first_schema.name, first_schema.encoding, first_schema.data)
        images = writer.register_channel(first.topic, 'cdr', kind, first.metadata)
        if message_encoding:
            foreign = writer.register_schema('Other', encoding, schema)
            other = writer.register_channel('/other', message_encoding, foreign)
            writer.add_message(other, message.log_time, b'{}', message.log_time)
        for _, _, each in messages:
            writer.add_message(images, each.log_time, each.data, each.publish_time)
        writer.finish()
    return path


@pytest.mark.parametrize(
    ('encoding', 'message_encoding', 'schema'),
    [('jsonschema', 'json', b'{}'), ('protobuf', 'protobuf', b'\x0a\xff\xfe'), ('', 'x', b'')],
)
def test_channels_of_other_systems_are_left_aside(tmp_path, encoding, message_encoding, schema):
    with BagReader(with_channel(tmp_path, encoding, message_encoding, schema)) as bag:
        assert [topic.name for topic in bag.topics] == ['/camera/image_raw']
        assert bag.foreign_topics == ('/other',)
        assert len(list(bag.messages())) == 5
        assert bag.message_count == 6


@pytest.mark.parametrize(('storage', 'name'), [('mcap', 'X.MCAP'), ('sqlite3', 'X.DB3')])
def test_a_suffix_in_capitals_is_one(tmp_path, storage, name):
    bag = write_bag(tmp_path / 'bag', some_images(), storage=storage)
    (file,) = bag.glob(f'*.{name.lower()[2:]}')
    path = file.rename(tmp_path / name)
    assert is_bag(path)
    with BagReader(path) as reader:
        assert len(list(reader.images('/camera/image_raw'))) == 5


def test_a_bag_that_is_still_written_to_is_told_so(tmp_path):
    path = file_with('day.bag.active', b'#ROSBAG V2.0')(tmp_path)
    with pytest.raises(BagError, match='was not finished by its recorder'):
        BagReader(path)


def test_a_file_of_no_ros_2_is_not_called_damaged(tmp_path):
    with pytest.raises(BagError, match=r'not supported \(Profile is not ros2') as caught:
        BagReader(with_channel(tmp_path, profile=''))
    assert 'damaged' not in str(caught.value)


def with_metadata(path, old, new):
    file = path / 'metadata.yaml'
    text = file.read_text()
    assert re.search(old, text)
    file.write_text(re.sub(old, new, text))
    return path


@pytest.mark.parametrize('storage', ['sqlite3', 'mcap'])
def test_a_reindexed_bag_that_names_no_storage_is_read(tmp_path, storage):
    path = write_bag(tmp_path / 'bag', some_images(), storage=storage)
    with_metadata(path, r'storage_identifier: \w+', "storage_identifier: ''")
    with BagReader(path) as bag:
        assert len(list(bag.images('/camera/image_raw'))) == 5


@pytest.mark.parametrize(
    ('old', 'new'),
    [(r'version: 9', 'version: 99'), (r'storage_identifier: \w+', 'storage_identifier: other')],
)
def test_what_is_not_supported_is_not_called_damaged(tmp_path, old, new):
    path = with_metadata(write_bag(tmp_path / 'bag', some_images()), old, new)
    with pytest.raises(BagError, match='of a kind that is not supported') as caught:
        BagReader(path)
    assert 'damaged' not in str(caught.value)


def killed_recorder(folder):
    """A sqlite3 bag with 4 messages in it and 6 more in the log beside it."""
    bag = write_bag(folder / 'work', some_images(10))
    (file,) = bag.glob('*.db3')
    with sqlite3.connect(file) as database:
        last = database.execute('SELECT id, topic_id, timestamp, data FROM messages').fetchall()[4:]
        database.execute('DELETE FROM messages WHERE id >= ?', (last[0][0],))
    database.execute('PRAGMA journal_mode=WAL')
    database.execute('PRAGMA wal_autocheckpoint=0')
    database.executemany('INSERT INTO messages VALUES (?, ?, ?, ?)', last)
    database.commit()
    target = folder / 'bag'
    target.mkdir()
    for each in bag.glob('*.db3*'):
        shutil.copy(each, target)
    database.close()
    return target


def test_a_log_beside_a_database_is_not_left_out_in_silence(tmp_path):
    bag = killed_recorder(tmp_path)
    with pytest.raises(BagError, match=r'may have its newest messages in .*-wal only') as caught:
        BagReader(bag)
    cure = re.search('`(.*)`', str(caught.value)).group(1)
    subprocess.run(cure, shell=True, check=True)
    with BagReader(bag) as reader:
        assert len(list(reader.images('/camera/image_raw'))) == 10


DAMAGED = {
    'missing': (lambda tmp_path: tmp_path / 'nowhere', 'does not exist'),
    'no bag': (file_with('notes.txt', b'hello'), 'is not a bag'),
    'no images': (no_images, 'has no images: its topics are /chatter (std_msgs/msg/String)'),
    'empty': (empty_bag, 'is empty: record it again'),
    'sqlite cut off': (cut_off('sqlite3', 0.5), 'damaged or was cut off'),
    'sqlite cut at start': (cut_off('sqlite3', 0.001), 'damaged or was cut off'),
    'mcap cut off': (cut_off('mcap', 0.5), 'damaged or was cut off'),
    'mcap chunks cut off': (
        cut_off('mcap', 0.5, CompressionMode.STORAGE),
        'damaged or was cut off',
    ),
    'zstd cut off': (cut_off('sqlite3', 0.5, CompressionMode.FILE), 'damaged or was cut off'),
    'mcap flipped': (flipped('mcap', CompressionMode.STORAGE), 'damaged or was cut off'),
    'zstd flipped': (flipped('sqlite3', CompressionMode.FILE), 'damaged or was cut off'),
    'metadata empty': (broken_metadata(''), 'damaged or was cut off'),
    'metadata junk': (broken_metadata('{{{'), 'damaged or was cut off'),
    'metadata other': (broken_metadata('a: 1'), 'damaged or was cut off'),
    'storage missing': (missing_storage, 'files are missing'),
    'no metadata': (
        two_without_metadata,
        'lacks its metadata.yaml: make it with `ros2 bag reindex',
    ),
    'other database': (other_database, 'damaged or was cut off'),
    'junk mcap': (file_with('x.mcap', b'junk' * 100), 'damaged or was cut off'),
    'junk db3': (file_with('x.db3', b'junk' * 100), 'damaged or was cut off'),
    'junk bag': (file_with('x.bag', b'junk' * 100), 'damaged or was cut off'),
    'empty mcap': (file_with('x.mcap', b''), 'damaged or was cut off'),
    'empty db3': (file_with('x.db3', b''), 'damaged or was cut off'),
}


@pytest.mark.parametrize('name', sorted(DAMAGED))
def test_damaged_bag_is_one_sentence(name, tmp_path, capfd):
    make, sentence = DAMAGED[name]
    path = make(tmp_path)
    with pytest.raises(BagError) as caught, BagReader(path) as bag:
        for message in bag.images(bag.image_topic().name):
            message.decode()
    assert sentence in str(caught.value)
    assert str(caught.value).endswith('.')
    assert '\n' not in str(caught.value)
    assert capfd.readouterr().err == ''
