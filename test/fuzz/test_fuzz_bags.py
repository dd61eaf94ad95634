"""Rosbags: any bytes in the storage, any metadata.yaml."""

import numpy as np
import pytest
import yaml
from fuzzing import changed_documents, fuzz, mutated
from hypothesis import given
from hypothesis import strategies as st
from rosbags import rosbag1, rosbag2
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin

from emotion_perception.bags.messages import compressed_image_message, image_message
from emotion_perception.bags.reader import ros1_typestore, ros2_typestore

START = 1_700_000_000_000_000_000
IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
PLUGINS = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}
TOKENS = (b'&a ', b'*a', b'<<: *a', b'!!python/name:os.system', b'- ' * 50, b'2001-99-99', b'null')


@pytest.fixture(scope='module')
def bags(tmp_path_factory, image):
    """Folders of small bags: both storages, plain and with packed messages or chunks."""
    base = tmp_path_factory.mktemp('bags')
    for storage in PLUGINS:
        _write(base / storage, storage, image, None)
        _write(base / f'{storage}-message', storage, image, CompressionMode.MESSAGE)
    _write(base / 'mcap-chunk', 'mcap', image, CompressionMode.STORAGE)
    return sorted(base.iterdir())


@fuzz(50)
@given(data=st.data())
def test_any_storage_is_read_or_refused(child, bags, data):
    folder = data.draw(st.sampled_from(bags))
    (file,) = (path for path in folder.iterdir() if path.suffix != '.yaml')
    content = data.draw(mutated([file.read_bytes()]))
    test = f'bags, {file.suffix[1:]}'
    if data.draw(st.booleans()):
        child.run(test, 'bag', content, name=file.name, rest=str(folder))
    else:
        child.run(test, 'single_bag', content, name=file.name)


@fuzz(20)
@given(data=st.data())
def test_any_storage_is_annotated_or_refused(child, bags, data):
    """The input stays as it is, and there is a whole bag or nothing."""
    folder = data.draw(st.sampled_from(bags))
    (file,) = (path for path in folder.iterdir() if path.suffix != '.yaml')
    content = data.draw(mutated([file.read_bytes()]))
    child.run('bags, annotated', 'annotated_bag', content, name=file.name, rest=str(folder))


@fuzz(50)
@given(data=st.data())
def test_any_metadata_is_read_or_refused(child, bags, data):
    folder = data.draw(st.sampled_from(bags))
    text = (folder / 'metadata.yaml').read_bytes()
    if data.draw(st.booleans()):
        document = data.draw(changed_documents(yaml.safe_load(text)))
        text = yaml.safe_dump(document).encode()
    else:
        text = data.draw(mutated([text], TOKENS))
    child.run('bags, metadata.yaml', 'bag', text, name='metadata.yaml', rest=str(folder))


@fuzz(30)
@given(data=st.data())
def test_any_ros1_bag_is_read_or_refused(child, ros1_bag, data):
    child.run('bags, ROS 1', 'single_bag', data.draw(mutated(ros1_bag)), name='old.bag')


@pytest.fixture(scope='module')
def ros1_bag(tmp_path_factory, image):
    """One ROS 1 bag, plain and packed."""
    types, files = ros1_typestore(), []
    for compression in (None, rosbag1.Writer.CompressionFormat.BZ2):
        path = tmp_path_factory.mktemp('ros1') / 'old.bag'
        writer = rosbag1.Writer(path)
        if compression is not None:
            writer.set_compression(compression)
        with writer:
            connection = writer.add_connection('/image_raw', IMAGE, typestore=types)
            message = image_message(types, _header(types, START, ros1=True), image)
            writer.write(connection, START, types.serialize_ros1(message, IMAGE))
        files.append(path.read_bytes())
    return files


def _write(path, storage, image, compression):
    types = ros2_typestore()
    writer = rosbag2.Writer(path, version=9, storage_plugin=PLUGINS[storage])
    if compression is not None:
        writer.set_compression(compression, CompressionFormat.ZSTD)
    with writer:
        raw = writer.add_connection('/image_raw', IMAGE, typestore=types)
        packed = writer.add_connection('/image_raw/compressed', COMPRESSED, typestore=types)
        for index in range(3):
            at = START + index * 100_000_000
            frame = np.roll(image, 7 * index, axis=1)
            message = image_message(types, _header(types, at), frame)
            writer.write(raw, at, types.serialize_cdr(message, IMAGE))
            message = compressed_image_message(types, _header(types, at), frame, 80)
            writer.write(packed, at, types.serialize_cdr(message, COMPRESSED))


def _header(types, stamp_ns, *, ros1=False):
    seconds, rest = divmod(stamp_ns, 10**9)
    stamp = types.types['builtin_interfaces/msg/Time'](sec=seconds, nanosec=rest)
    more = {'seq': 0} if ros1 else {}
    return types.types['std_msgs/msg/Header'](stamp=stamp, frame_id='camera', **more)
