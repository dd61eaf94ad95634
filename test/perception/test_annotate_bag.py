"""Bags: written, annotated, and read back."""

import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from rosbags import rosbag2
from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin
from rosbags.typesys import get_types_from_msg

from emotion_perception.bags.annotate import AnnotateOptions, annotate_bag
from emotion_perception.bags.messages import (
    FACE_ARRAY_TYPE,
    emotion_typestore,
    face_array_message,
    image_message,
    message_definitions,
)
from emotion_perception.bags.reader import BagReader
from emotion_perception.bags.writer import BagWriter, storage_of
from emotion_perception.cli.main import main
from emotion_perception.errors import BagError
from emotion_perception.networks import load_networks
from emotion_perception.pipeline import EmotionPipeline
from emotion_perception.types import Box, Face

IMAGES = '/robot1/camera/image_raw'
START = 1_700_000_000_000_000_000
STEP = 100_000_000
BEST_EFFORT = Qos(
    QosHistory.KEEP_LAST, 3, QosReliability.BEST_EFFORT, QosDurability.TRANSIENT_LOCAL,
    QosTime(1, 2), QosTime(3, 4), QosLiveliness.AUTOMATIC, QosTime(5, 6),
    avoid_ros_namespace_conventions=False,
)  # fmt: skip
TYPES = emotion_typestore()
PROBABILITIES = np.array([0.01, 0.02, 0.03, 0.8, 0.04, 0.05, 0.05], np.float32)
LANDMARKS = np.array([[1.5, 2], [3, 4], [5, 6], [7, 8], [9, 10]], np.float32)


def make_header(stamp_ns, frame_id='robot1/camera_optical'):
    time = TYPES.types['builtin_interfaces/msg/Time'](
        sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9
    )
    return TYPES.types['std_msgs/msg/Header'](stamp=time, frame_id=frame_id)


def image_bytes(image, stamp_ns):
    message = image_message(TYPES, make_header(stamp_ns), image)
    return bytes(TYPES.serialize_cdr(message, 'sensor_msgs/msg/Image'))


def bad_image_bytes(image, stamp_ns):
    message = image_message(TYPES, make_header(stamp_ns), image)
    message.encoding = 'nonsense'
    return bytes(TYPES.serialize_cdr(message, 'sensor_msgs/msg/Image'))


def write_bag(path, storage, messages):
    """Writes (topic, type, record time, bytes) with the best-effort profile."""
    store = emotion_typestore()
    store.register(get_types_from_msg('float64 value\n', 'strange_msgs/msg/Strange'))
    plugin = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}[storage]
    with rosbag2.Writer(path, version=9, storage_plugin=plugin) as writer:
        connections = {}
        for topic, kind, record_ns, data in messages:
            if topic not in connections:
                connections[topic] = writer.add_connection(
                    topic, kind, typestore=store, offered_qos_profiles=[BEST_EFFORT]
                )
            writer.write(connections[topic], record_ns, data)
    return path


@pytest.fixture
def bag_messages(portrait):
    """Three images (the middle one without a face), a strange type, and a bad image."""
    black = np.zeros_like(portrait)
    images = [portrait, black, portrait]
    messages = []
    for index, image in enumerate(images):
        at = START + index * STEP
        # Stamped before it was recorded, as in a real bag.
        messages.append((IMAGES, 'sensor_msgs/msg/Image', at, image_bytes(image, at - 7_000_001)))
        strange = b'\x00\x01\x00\x00' + np.float64(index).tobytes()
        messages.append(('/strange', 'strange_msgs/msg/Strange', at + 1, strange))
    at = START + 3 * STEP
    messages.append((IMAGES, 'sensor_msgs/msg/Image', at, bad_image_bytes(portrait, at)))
    return messages


@pytest.fixture(params=['mcap', 'sqlite3'])
def bag(request, tmp_path, bag_messages):
    return write_bag(tmp_path / 'recording', request.param, bag_messages)


@pytest.fixture
def pipeline(tiny_model):
    return EmotionPipeline(load_networks(tiny_model))


def contents(path):
    """Messages of a bag as (topic, type, time, bytes), in order."""
    with BagReader(path, TYPES) as reader:
        return [(c.topic, c.msgtype, ns, bytes(data)) for c, ns, data in reader.messages()]


def snapshot(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_originals_are_untouched_and_results_are_added(tmp_path, bag, bag_messages, pipeline):
    before, target = snapshot(bag), tmp_path / 'annotated'

    report = annotate_bag(bag, target, pipeline)

    assert snapshot(bag) == before
    assert (report.messages, report.images, report.bad_images) == (7, 3, 1)
    assert 'nonsense' in report.first_problem
    assert storage_of(target) == storage_of(bag)
    result = contents(target)
    assert [entry for entry in result if not entry[0].startswith('/emotions')] == bag_messages
    assert [entry[2] for entry in result] == sorted(entry[2] for entry in result)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['annotated', 'recording']


def test_results_carry_header_and_record_time_of_their_image(tmp_path, bag, pipeline):
    annotate_bag(bag, tmp_path / 'annotated', pipeline)

    entries = contents(tmp_path / 'annotated')
    results = [
        (ns, TYPES.deserialize_cdr(data, kind))
        for topic, kind, ns, data in entries
        if topic == '/emotions'
    ]
    assert [ns for ns, _ in results] == [START, START + STEP, START + 2 * STEP]
    assert [result.header for _, result in results] == [
        make_header(ns - 7_000_001) for ns, _ in results
    ]
    assert [len(result.faces) for _, result in results] == [1, 0, 1]
    assert {(a.image_width, a.image_height) for _, a in results} == {(512, 512)}
    face = results[0][1].faces[0]
    assert face.emotion == 'Happy'
    assert abs(face.box.x_offset - 181) < 20 and abs(face.box.width - 89) < 20
    overlays = [
        (ns, TYPES.deserialize_cdr(data, kind))
        for topic, kind, ns, data in entries
        if topic == '/emotions/image'
    ]
    assert [(ns, o.header) for ns, o in overlays] == [(ns, a.header) for ns, a in results]
    assert overlays[0][1].encoding == 'bgr8'
    with BagReader(tmp_path / 'annotated') as reader:
        assert reader.image_topics[-1].name == '/emotions/image'  # never taken for a camera's


def test_types_definitions_and_qos_are_kept(tmp_path, bag, pipeline):
    annotate_bag(bag, tmp_path / 'annotated', pipeline)

    def described(path):
        with BagReader(path) as reader:
            return {c.topic: (c.msgtype, c.msgdef, c.digest, c.ext) for c in reader.connections}

    before, after = described(bag), described(tmp_path / 'annotated')
    assert {topic: after[topic] for topic in before} == before
    assert after['/strange'][3].offered_qos_profiles == [BEST_EFFORT]
    assert after['/emotions'][0] == FACE_ARRAY_TYPE
    assert after['/emotions'][3].offered_qos_profiles[0].reliability is QosReliability.RELIABLE


def test_hash_is_found_for_a_single_mcap_file(tmp_path, bag_messages, pipeline):
    bag = write_bag(tmp_path / 'recording', 'mcap', bag_messages)

    annotate_bag(bag / 'recording.mcap', tmp_path / 'annotated', pipeline)

    with BagReader(bag) as before, BagReader(tmp_path / 'annotated') as after:
        hashes = {c.topic: c.digest for c in after.connections}
        assert {c.topic: c.digest for c in before.connections}.items() <= hashes.items()


def test_compressed_overlay_and_other_topic(tmp_path, bag, pipeline):
    options = AnnotateOptions(output_topic='/robot1/emotions', compressed=True)

    annotate_bag(bag, tmp_path / 'annotated', pipeline, options)

    with BagReader(tmp_path / 'annotated') as reader:
        topics = {topic.name: topic.type for topic in reader.topics}
        assert topics['/robot1/emotions/image/compressed'] == 'sensor_msgs/msg/CompressedImage'
        assert '/robot1/emotions/image' not in topics
        overlay = next(reader.images('/robot1/emotions/image/compressed'))
        assert overlay.decode().shape == (512, 512, 3)


def test_without_overlay(tmp_path, bag, pipeline):
    annotate_bag(bag, tmp_path / 'annotated', pipeline, AnnotateOptions(overlay=False))
    topics = {topic for topic, *_ in contents(tmp_path / 'annotated')}
    assert topics == {IMAGES, '/strange', '/emotions'}


def test_a_compressed_topic_is_read(tmp_path, portrait, pipeline):
    kind = 'sensor_msgs/msg/CompressedImage'
    data = cv2.imencode('.jpg', portrait)[1]
    message = TYPES.types[kind](header=make_header(START), format='jpeg', data=data)
    entry = ('/image_raw/compressed', kind, START, bytes(TYPES.serialize_cdr(message, kind)))
    bag = write_bag(tmp_path / 'recording', 'mcap', [entry])

    assert annotate_bag(bag, tmp_path / 'annotated', pipeline).images == 1


@pytest.mark.parametrize('error', [KeyboardInterrupt, RuntimeError])
def test_an_interruption_leaves_nothing(tmp_path, bag, pipeline, error):
    def interrupt(frame, faces):
        raise error

    before = snapshot(bag)
    with pytest.raises(error):
        annotate_bag(bag, tmp_path / 'annotated', pipeline, on_image=interrupt)

    assert [path.name for path in tmp_path.iterdir()] == ['recording']
    assert snapshot(bag) == before


def test_an_existing_target_is_refused(tmp_path, bag, pipeline):
    target = tmp_path / 'annotated'
    target.mkdir()
    with pytest.raises(BagError, match='exists already'):
        annotate_bag(bag, target, pipeline)
    assert list(target.iterdir()) == []


def test_a_target_inside_the_source_is_refused(bag, pipeline):
    before = snapshot(bag)
    with pytest.raises(BagError, match='inside the bag'):
        annotate_bag(bag, bag / 'annotated', pipeline)
    assert snapshot(bag) == before


def test_annotating_twice_is_refused_on_the_same_topic(tmp_path, bag, pipeline):
    annotate_bag(bag, tmp_path / 'once', pipeline)
    with pytest.raises(BagError, match='has the topic /emotions already'):
        annotate_bag(tmp_path / 'once', tmp_path / 'twice', pipeline)
    options = AnnotateOptions(topic=IMAGES, output_topic='/again')
    assert annotate_bag(tmp_path / 'once', tmp_path / 'twice', pipeline, options).images == 3


def test_a_bag_with_bad_images_only_is_an_error(tmp_path, portrait, pipeline):
    entry = (IMAGES, 'sensor_msgs/msg/Image', START, bad_image_bytes(portrait, START))
    bag = write_bag(tmp_path / 'recording', 'mcap', [entry])
    with pytest.raises(BagError, match='no usable image'):
        annotate_bag(bag, tmp_path / 'annotated', pipeline)
    assert [path.name for path in tmp_path.iterdir()] == ['recording']


def test_damaged_bytes_of_one_image_are_no_reason_to_stop(tmp_path, bag_messages, pipeline):
    topic, kind, at, data = bag_messages[0]
    bag_messages[0] = (topic, kind, at, data[:200])
    bag = write_bag(tmp_path / 'recording', 'sqlite3', bag_messages)

    report = annotate_bag(bag, tmp_path / 'annotated', pipeline)

    assert (report.images, report.bad_images) == (2, 2)
    assert (topic, kind, at, data[:200]) in contents(tmp_path / 'annotated')


def test_missing_messages_are_told_in_one_sentence(tmp_path, monkeypatch):
    message_definitions.cache_clear()
    monkeypatch.setattr('emotion_perception.bags.messages.share_folder', lambda: tmp_path)
    monkeypatch.setattr('sys.prefix', str(tmp_path))
    monkeypatch.setenv('AMENT_PREFIX_PATH', '')
    with pytest.raises(BagError, match='emotion_msgs are not installed'):
        message_definitions()


def test_messages_are_found_in_a_ros_workspace(tmp_path, monkeypatch):
    texts = message_definitions()
    folder = tmp_path / 'install' / 'share' / 'emotion_msgs' / 'msg'
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / f'{name.rsplit("/", 1)[1]}.msg').write_text(text)
    message_definitions.cache_clear()
    monkeypatch.setattr('emotion_perception.bags.messages.share_folder', lambda: tmp_path)
    monkeypatch.setattr('sys.prefix', str(tmp_path))
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'/nowhere:{tmp_path / "install"}')
    assert message_definitions() == texts


@pytest.fixture(autouse=True)
def _forget_definitions():
    yield
    message_definitions.cache_clear()


def make_face(**changes):
    values = {
        'track_id': 3, 'box': Box(10.4, 20.6, 30.2, 40.2), 'score': 0.5, 'landmarks': LANDMARKS,
        'emotion_id': 3, 'confidence': 0.8, 'probabilities': PROBABILITIES,
    }  # fmt: skip
    return Face(**{**values, **changes})


def test_message_of_a_face_survives_serialisation():
    message = face_array_message(TYPES, make_header(START), 640, 480, [make_face()])
    data = TYPES.serialize_cdr(message, FACE_ARRAY_TYPE)
    (face,) = TYPES.deserialize_cdr(data, FACE_ARRAY_TYPE).faces
    box = face.box
    assert (box.x_offset, box.y_offset, box.width, box.height) == (10, 21, 31, 40)
    assert (face.emotion, face.emotion_id, face.track_id) == ('Happy', 3, 3)
    assert (face.landmarks[0].x, face.landmarks[0].y, face.landmarks[0].z) == (1.5, 2, 0)
    assert np.array_equal(face.probabilities, PROBABILITIES)


def test_message_of_an_uncertain_face_without_landmarks():
    face = make_face(emotion_id=None, landmarks=None)
    (result,) = face_array_message(TYPES, make_header(START), 640, 480, [face]).faces
    assert (result.emotion, result.emotion_id) == ('Uncertain', 255)
    assert all(np.isnan([p.x, p.y, p.z]).all() for p in result.landmarks)


def test_ros_reads_what_its_own_node_would_have_published():
    pytest.importorskip('emotion_msgs', reason='emotion_msgs is not built here')
    pytest.importorskip('rclpy', reason='ROS is not installed')
    from rclpy.serialization import deserialize_message, serialize_message
    from std_msgs.msg import Header

    from emotion_bringup.conversion import emotions_message, ns_to_stamp
    from emotion_msgs.msg import FaceEmotionArray

    faces = [make_face(), make_face(emotion_id=None, landmarks=None)]
    header = Header(stamp=ns_to_stamp(START + 5), frame_id='camera')
    published = emotions_message(header, 640, 480, faces)
    message = face_array_message(TYPES, make_header(START + 5, 'camera'), 640, 480, faces)
    written = bytes(TYPES.serialize_cdr(message, FACE_ARRAY_TYPE))
    # As text, in which NaN equals NaN; the bytes differ in what ROS leaves between strings.
    assert str(deserialize_message(written, FaceEmotionArray)) == str(
        deserialize_message(serialize_message(published), FaceEmotionArray)
    )
    assert len(written) == len(serialize_message(published))


def test_type_hash_is_that_of_the_built_messages():
    messages = pytest.importorskip('emotion_msgs.msg', reason='emotion_msgs is not built here')
    import json
    from pathlib import Path

    for prefix in Path(messages.__file__).parents:
        file = prefix / 'share' / 'emotion_msgs' / 'msg' / 'FaceEmotionArray.json'
        if file.is_file():
            break
    else:
        pytest.skip('the installation has no type descriptions')
    hashes = {
        entry['type_name']: entry['hash_string']
        for entry in json.loads(file.read_text())['type_hashes']
    }
    assert TYPES.hash_rihs01(FACE_ARRAY_TYPE) == hashes[FACE_ARRAY_TYPE]


def test_writer_takes_profiles_of_rclpy(tmp_path):
    forever = SimpleNamespace(nanoseconds=9_223_372_036_854_775_807)
    profile = SimpleNamespace(
        history=1, depth=7, reliability=2, durability=1, lifespan=forever,
        deadline=SimpleNamespace(nanoseconds=1_500_000_000), liveliness=1,
        liveliness_lease_duration=forever, avoid_ros_namespace_conventions=False,
    )  # fmt: skip
    with BagWriter(tmp_path / 'bag', storage='sqlite3') as writer:
        connection = writer.add_topic('/a', 'std_msgs/msg/String', profile)
        assert writer.add_topic('/a', 'std_msgs/msg/String', profile) is connection
        writer.write(connection, START, b'\x00\x01\x00\x00\x02\x00\x00\x00a\x00')
    with BagReader(tmp_path / 'bag') as reader:
        (qos,) = reader.connections[0].ext.offered_qos_profiles
    assert (qos.reliability, qos.depth) == (QosReliability.BEST_EFFORT, 7)
    assert qos.deadline == QosTime(1, 500_000_000)
    assert qos.lifespan == QosTime(9_223_372_036, 854_775_807)


def test_writer_refuses_unknown_types_and_storages(tmp_path):
    with pytest.raises(BagError, match='Unknown bag storage'):
        BagWriter(tmp_path / 'bag', storage='paper')
    writer = BagWriter(tmp_path / 'bag')
    with pytest.raises(BagError, match='unknown message type'):
        writer.add_topic('/a', 'no_msgs/msg/Such')
    writer.abort()
    assert list(tmp_path.iterdir()) == []


def test_writer_finishes_once_and_then_refuses(tmp_path):
    writer = BagWriter(tmp_path / 'bag')
    connection = writer.add_topic('/a', 'std_msgs/msg/String')
    writer.write(connection, START, b'\x00\x01\x00\x00\x02\x00\x00\x00a\x00')
    writer.close()
    writer.close()
    writer.abort()
    with pytest.raises(BagError, match='closed already'):
        writer.write(connection, START, b'')
    assert sorted(path.name for path in (tmp_path / 'bag').iterdir()) == [
        'bag.mcap',
        'metadata.yaml',
    ]


def test_writer_does_not_replace_a_bag_that_came_meanwhile(tmp_path):
    writer = BagWriter(tmp_path / 'bag')
    (tmp_path / 'bag').mkdir()
    with pytest.raises(BagError, match='exists already'):
        writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ['bag']


def test_command(tmp_path, bag, tiny_model, capsys):
    target = tmp_path / 'annotated'
    arguments = ['annotate-bag', str(bag), str(target), '--model', str(tiny_model)]

    assert main(arguments) == 0
    output = capsys.readouterr()
    assert f'wrote {target}: 7 messages copied, /emotions and /emotions/image added' in output.out
    assert '1 of 4 images' in output.err

    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith(f'error: {target} exists already')


def test_command_on_bad_bags(tmp_path, bag, tiny_model, capsys):
    def error_of(source, *options):
        target = tmp_path / 'annotated'
        arguments = ['annotate-bag', str(source), str(target), '--model', str(tiny_model)]
        assert main([*arguments, *options]) == 1
        assert not target.exists()
        err = capsys.readouterr().err
        assert err.startswith('error: ') and err.count('\n') == 1
        return err

    truncated = tmp_path / 'truncated'
    shutil.copytree(bag, truncated)
    storage = next(path for path in truncated.iterdir() if path.suffix != '.yaml')
    storage.write_bytes(storage.read_bytes()[: storage.stat().st_size // 2])
    empty = write_bag(tmp_path / 'empty', 'mcap', [])
    strange = write_bag(
        tmp_path / 'strange', 'mcap', [('/s', 'std_msgs/msg/String', START, bytes(4))]
    )
    ros1 = tmp_path / 'old.bag'
    ros1.write_bytes(b'#ROSBAG V2.0\n')

    assert 'does not exist' in error_of(tmp_path / 'nowhere')
    assert 'damaged or was cut off' in error_of(truncated)
    assert 'is empty' in error_of(empty)
    assert 'has no images' in error_of(strange)
    assert 'set --topic to one of' in error_of(bag, '--topic', '/nowhere')
    assert 'ROS 1' in error_of(ros1)


def test_command_refuses_a_bad_topic_name(bag, tmp_path, capsys):
    arguments = ['annotate-bag', str(bag), str(tmp_path / 'out'), '--output-topic', 'a b']
    assert main(arguments) == 2
    assert 'is no topic name' in capsys.readouterr().err
