"""The emotion node in live mode: a real detector, a small model, real DDS."""

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from ros_bench import (
    ASTRONAUT_BOX,
    EmotionBench,
    box_overlap,
    header,
    image_message,
    parameters,
)
from sensor_msgs.msg import Image

from emotion_bringup import qos
from emotion_bringup.conversion import stamp_to_ns
from emotion_bringup.parameter_tables import EMOTION_PARAMETERS
from emotion_msgs.msg import EmotionLabels, FaceEmotion
from emotion_perception.inference.manifest import sha256_of
from emotion_perception.labels import EMOTION_NAMES


@pytest.fixture(scope='module')
def running(model_path, grey):
    bench = EmotionBench(parameters(model_path=model_path))
    bench.connect(grey)
    yield bench
    bench.close()


@pytest.fixture
def bench(running):
    """The node of this module in a new scene, its parameters put back afterwards."""
    running.new_scene()
    running.results.clear()
    running.log.clear()
    before = {name: running.node.get_parameter(name).value for name in LIVE_PARAMETERS}
    yield running
    for name, value in before.items():
        if running.node.get_parameter(name).value != value:
            assert running.set_parameter(name, value) == (True, '')


LIVE_PARAMETERS = (
    'confidence_threshold',
    'face_score_threshold',
    'min_face_size',
    'smoothing',
    'max_faces',
    'detect_every_n',
)

# --- results -----------------------------------------------------------------------------------


def test_a_face_is_found_and_named(bench, astronaut):
    stamp_ns = bench.next_stamp()
    result = bench.ask(astronaut, stamp_ns)
    assert result.header == header(stamp_ns)
    assert (result.image_width, result.image_height) == (512, 512)
    (face,) = result.faces
    assert box_overlap(face.box, ASTRONAUT_BOX) > 0.6
    assert face.score > 0.5
    assert face.emotion == EMOTION_NAMES[face.emotion_id]
    assert face.confidence == max(face.probabilities)
    assert sum(face.probabilities) == pytest.approx(1, abs=1e-5)
    assert all(0 < point.x < 512 and 0 < point.y < 512 for point in face.landmarks)


def test_a_image_without_face_is_processed_by_an_empty_array(bench, grey):
    stamp_ns = bench.next_stamp()
    result = bench.ask(grey, stamp_ns)
    assert list(result.faces) == []
    assert result.header == header(stamp_ns)
    assert (result.image_width, result.image_height) == (320, 240)


def test_every_image_is_processed_once(bench, astronaut):
    sent = [stamp_to_ns(bench.ask(astronaut).header.stamp) for _ in range(5)]
    assert [stamp_to_ns(result.header.stamp) for result in bench.results] == sent


def test_a_stamp_is_processed_once(bench, grey):
    first = bench.next_stamp()
    bench.ask(grey, first)
    bench.send(grey, first)
    bench.spin_until(lambda: bench.logged('Two images with the stamp'), 'the warning')
    last = bench.next_stamp()
    bench.ask(grey, last)
    assert [stamp_to_ns(result.header.stamp) for result in bench.results] == [first, last]


def test_a_face_keeps_its_track_id(bench, astronaut):
    (first,) = bench.ask(astronaut).faces
    moved = np.roll(astronaut, 6, axis=1)
    (second,) = bench.ask(moved).faces
    assert first.track_id == second.track_id


def test_faces_are_ordered_by_size(bench, two_faces):
    faces = bench.ask(two_faces).faces
    assert len(faces) == 2
    assert faces[0].box.width * faces[0].box.height > faces[1].box.width * faces[1].box.height
    assert len({face.track_id for face in faces}) == 2


def test_images_without_stamp_are_processed_with_a_warning(bench, astronaut, grey):
    first = bench.ask(astronaut, 0)
    assert len(first.faces) == 1
    bench.spin_until(lambda: bench.logged('no stamp'), 'the warning')
    bench.results.clear()
    assert list(bench.ask(grey, 0).faces) == []
    assert len(bench.results) == 1


def test_time_that_goes_back_starts_new_tracks(bench, astronaut, two_faces):
    start = bench.next_stamp()
    bench.ask(two_faces)
    bench.ask(astronaut, bench.next_stamp(30.0))
    (late,) = bench.ask(astronaut).faces
    assert late.track_id > 2
    (face,) = bench.ask(astronaut, start).faces
    assert face.track_id == 1


# --- encodings ---------------------------------------------------------------------------------

ENCODED = {
    'rgb8': lambda image: image_message(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), 'rgb8'),
    'bgra8': lambda image: image_message(cv2.cvtColor(image, cv2.COLOR_BGR2BGRA), 'bgra8'),
    'mono8': lambda image: image_message(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), 'mono8'),
    'mono16': lambda image: image_message(
        cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.uint16) * 257, 'mono16'
    ),
    '8UC3': lambda image: image_message(image, '8UC3'),
    'padded bgr8': lambda image: image_message(image, 'bgr8', padding=37),
    'padded mono8': lambda image: image_message(
        cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), 'mono8', padding=5
    ),
}


@pytest.mark.parametrize('encoding', ENCODED)
def test_every_common_encoding_shows_the_same_face(bench, astronaut, encoding):
    (face,) = bench.ask(ENCODED[encoding](astronaut)).faces
    assert box_overlap(face.box, ASTRONAUT_BOX) > 0.6


# --- bad images --------------------------------------------------------------------------------

SMALL = np.full((48, 64, 3), 128, np.uint8)
BAD = {
    'unknown encoding': (image_message(SMALL, 'klingon8'), 'klingon8'),
    'short data': (image_message(SMALL, data=bytes(100)), '100'),
    'step shorter than a row': (
        Image(height=48, width=64, encoding='bgr8', step=64, data=bytes(48 * 64)),
        'step',
    ),
    'zero size': (Image(height=0, width=0, encoding='bgr8', step=0), '0x0'),
    'NaN': (image_message(np.full((48, 64), np.nan, np.float32), '32FC1'), 'NaN'),
}


@pytest.mark.parametrize('kind', BAD)
def test_a_bad_image_is_left_out_and_the_next_one_processed(bench, astronaut, kind):
    message, cause = BAD[kind]
    bad_before = bench.node._statistics.bad
    stamp_ns = bench.send(message)
    bench.spin_until(lambda: bench.node._statistics.bad > bad_before, 'the bad image')
    assert len(bench.ask(astronaut).faces) == 1
    assert stamp_ns not in [stamp_to_ns(result.header.stamp) for result in bench.results]
    # Warnings of one kind are throttled; the first of this module is the one that must come.
    assert all(cause in text for text in bench.logged(f'Image left out: {cause}'))


def test_a_thousand_bad_images_do_no_harm(bench, astronaut):
    message, _ = BAD['short data']
    bad_before = bench.node._statistics.bad
    for _ in range(1000):
        bench.send(message)
        bench.spin_some()
    bench.spin_until(lambda: bench.node._statistics.bad > bad_before, 'the bad images')
    assert len(bench.ask(astronaut).faces) == 1
    # One sentence for a stream of bad frames, not one each.
    assert len(bench.logged('Image left out')) < 20
    assert not bench.logged('Traceback')


def test_diagnostics_count_bad_images(bench, grey):
    message, _ = BAD['unknown encoding']
    before = bench.node._statistics.bad
    bench.send(message)
    bench.spin_until(lambda: bench.node._statistics.bad == before + 1, 'the bad image')
    values = {entry.key: entry.value for entry in bench.next_status().values}
    assert values['bad frames'] == str(before + 1)


# --- parameters --------------------------------------------------------------------------------


def test_confidence_threshold_makes_uncertain(bench, astronaut):
    assert bench.set_parameter('confidence_threshold', 1.0) == (True, '')
    (face,) = bench.ask(astronaut).faces
    assert (face.emotion, face.emotion_id) == ('Uncertain', FaceEmotion.UNCERTAIN)
    assert face.confidence == max(face.probabilities)
    assert bench.set_parameter('confidence_threshold', 0.0) == (True, '')
    (face,) = bench.ask(astronaut).faces
    assert face.emotion in EMOTION_NAMES


def test_max_faces_keeps_the_largest(bench, two_faces):
    assert bench.set_parameter('max_faces', 1) == (True, '')
    (face,) = bench.ask(two_faces).faces
    assert box_overlap(face.box, ASTRONAUT_BOX) > 0.6


def test_min_face_size_drops_small_faces(bench, two_faces):
    assert bench.set_parameter('min_face_size', 80) == (True, '')
    assert len(bench.ask(two_faces).faces) == 1
    assert bench.set_parameter('min_face_size', 300) == (True, '')
    assert len(bench.ask(two_faces).faces) == 0


def test_face_score_threshold_drops_weak_faces(bench, astronaut):
    assert bench.set_parameter('face_score_threshold', 1.0) == (True, '')
    assert len(bench.ask(astronaut).faces) == 0


def test_detect_every_n_keeps_the_identity(bench, astronaut):
    assert bench.set_parameter('detect_every_n', 5) == (True, '')
    results = [bench.ask(np.roll(astronaut, 2 * number, axis=1)) for number in range(8)]
    assert len({result.faces[0].track_id for result in results}) == 1
    x, y, width, height = ASTRONAUT_BOX
    assert box_overlap(results[-1].faces[0].box, (x + 14, y, width, height)) > 0.6


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('confidence_threshold', 1.5),
        ('confidence_threshold', float('nan')),
        ('face_score_threshold', -0.1),
        ('min_face_size', 0),
        ('max_faces', -1),
        ('detect_every_n', -1),
        ('smoothing', 11.0),
    ],
)
def test_bad_values_are_refused_with_a_reason(bench, name, value):
    before = bench.node.get_parameter(name).value
    successful, reason = bench.set_parameter(name, value)
    assert not successful
    assert name in reason
    assert bench.node.get_parameter(name).value == before


def test_a_value_of_another_type_is_refused(bench):
    assert not bench.set_parameter('smoothing', 'much')[0]
    assert not bench.set_parameter('max_faces', 1.5)[0]


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('model_path', '/other.onnx'),
        ('detector', 'haar'),
        ('execution_providers', ['cpu']),
        ('strict_providers', True),
        ('num_threads', 2),
        ('image_transport', 'compressed'),
        ('mode', 'replay'),
    ],
)
def test_fixed_parameters_are_refused_while_the_node_runs(bench, name, value):
    successful, reason = bench.set_parameter(name, value)
    assert not successful
    row = next(row for row in EMOTION_PARAMETERS if row.name == name)
    when = 'configures' if row.at_configure else 'starts'
    assert f'{name} is read when the node {when}' in reason


# --- labels and diagnostics --------------------------------------------------------------------


def test_a_late_subscriber_learns_the_labels(bench, model_path):
    received = []
    subscription = bench.client.create_subscription(
        EmotionLabels, 'emotions/labels', received.append, qos.LABELS
    )
    bench.spin_until(lambda: bool(received), 'the labels')
    bench.client.destroy_subscription(subscription)
    (labels,) = received
    assert tuple(labels.names) == EMOTION_NAMES
    assert labels.model_name == 'tiny'
    assert labels.model_sha256 == sha256_of(model_path)
    assert labels.header.stamp.sec > 0


def test_diagnostics_say_ok_and_name_the_provider(bench, grey):
    bench.ask(grey)
    status = bench.next_status()
    assert status.name == 'emotion_node: emotions'
    assert status.level == DiagnosticStatus.OK
    assert 'frames per second' in status.message
    assert status.hardware_id == '/emotion_node'
    values = {entry.key: entry.value for entry in status.values}
    assert values['execution provider'].endswith('ExecutionProvider')
    assert values['detector'] == 'centerface'
    assert values['model'] == 'tiny'
    assert {'rate (Hz)', 'age p50 (ms)', 'age p95 (ms)', 'dropped frames'} <= values.keys()


def test_without_subscriber_the_node_does_not_listen(bench, grey):
    bench.deafen()
    status = bench.spin_until_status(lambda status: status.message.startswith('Idle'))
    assert status.level == DiagnosticStatus.OK
    bench.spin_until(
        lambda: bench.client.count_subscribers(bench.image_topic) == 0, 'the end of the listening'
    )
    bench.listen()
    bench.spin_until(
        lambda: bench.client.count_subscribers(bench.image_topic) == 1, 'the new listening'
    )
    bench.connect(grey)
    assert list(bench.ask(grey).faces) == []
