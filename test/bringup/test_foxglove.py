"""The Foxglove node: what a viewer gets, that it costs nothing without one, and recordings."""

import argparse
import re
import signal
import socket
import sys
import time

import cv2
import numpy as np
import pytest
from processes import (
    assert_one_sentence,
    finish,
    interrupt,
    run,
    run_node,
    start,
    start_node,
)
from ros_bench import (
    DEADLINE_S,
    FRAME_NS,
    Bench,
    emotions_message,
    header,
    image_message,
    jpeg_message,
    parameters,
)

from emotion_bringup.endings import EXIT_USAGE

pytest.importorskip('foxglove', reason='foxglove-sdk is not installed: make foxglove-env')
pytest.importorskip('mcap', reason='mcap is not installed: make foxglove-env')
pytest.importorskip('websockets', reason='websockets is not installed: make foxglove-env')

from foxglove_client import Viewer, corners, read_mcap
from sensor_msgs.msg import CompressedImage, Image

from emotion_bringup import qos
from emotion_bringup.conversion import stamp_to_ns
from emotion_bringup.graph import FULL_SEARCH
from emotion_bringup.nodes.foxglove import FoxgloveNode
from emotion_bringup.session.arguments import add_arguments, options_from
from emotion_bringup.session.processes import check_foxglove
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.types import Box, Face
from emotion_viewers.foxglove import FoxgloveError
from emotion_viewers.foxglove.schemas import (
    ANNOTATIONS_TOPIC,
    DIAGNOSTICS_TOPIC,
    EMOTIONS_TOPIC,
    IMAGE_TOPIC,
)

FACE = Face(
    4,
    Box(181.0, 58.0, 89.0, 120.0),
    0.9,
    np.array([[203, 101], [246, 103], [224, 125], [204, 141], [242, 142]], np.float32),
    3,
    0.7,
    np.array([0.05, 0.05, 0.05, 0.7, 0.05, 0.05, 0.05], np.float32),
)


class FoxgloveBench(Bench):
    """A Foxglove node with a robot that sends images and results, and viewers."""

    def __init__(self, arguments, *, compressed=False):
        super().__init__(FoxgloveNode, arguments)
        kind, topic = (CompressedImage, 'image/compressed') if compressed else (Image, 'image')
        self.images = self.client.create_publisher(kind, topic, qos.IMAGE_REPLAY)
        self.emotions = self.client.create_publisher(
            FaceEmotionArray, 'emotions', qos.EMOTIONS_REPLAY
        )
        self.viewers = []
        self._stamp_ns = 1_700_000_000_000_000_000

    def viewer(self, *topics):
        viewer = Viewer(self.node.url)
        self.viewers.append(viewer)
        if topics:
            viewer.subscribe(*topics)
        return viewer

    def connect(self):
        self.spin_until(
            lambda: self.images.get_subscription_count() and self.emotions.get_subscription_count(),
            'the subscriptions',
        )

    def next_stamp(self):
        self._stamp_ns += FRAME_NS
        return self._stamp_ns

    def send_image(self, message, stamp_ns):
        message.header = header(stamp_ns)
        self.images.publish(message)

    def send_result(self, stamp_ns, faces, width=512, height=512):
        self.emotions.publish(emotions_message(header(stamp_ns), width, height, faces))

    def send(self, message, faces):
        stamp_ns = self.next_stamp()
        self.send_image(message, stamp_ns)
        self.send_result(stamp_ns, faces)
        return stamp_ns

    def listen(self):
        """Results of the emotion node by stamp, as they come."""
        results = {}

        def keep(message):
            results[stamp_to_ns(message.header.stamp)] = message

        self.client.create_subscription(FaceEmotionArray, 'emotions', keep, qos.EMOTIONS_REPLAY)
        return results

    def wake(self, viewer, message):
        """Sends images until one comes through; the first ones may be lost on the way."""
        self.spin_until(lambda: self.images.get_subscription_count() == 2, 'both nodes')
        deadline = time.monotonic() + DEADLINE_S
        while not viewer.messages(IMAGE_TOPIC):
            assert time.monotonic() < deadline, 'no image comes through'
            self.send_image(message, self.next_stamp())
            for executor in self._executors:
                executor.spin_once(timeout_sec=0.2)

    def close(self):
        for viewer in self.viewers:
            viewer.close()
        super().close()


@pytest.fixture
def open_bench():
    benches = []

    def make(compressed=False, **values):
        values = {'mode': 'replay', 'port': 0, **values}
        if compressed:
            values['image_transport'] = 'compressed'
        benches.append(FoxgloveBench(parameters(**values), compressed=compressed))
        return benches[-1]

    yield make
    for bench in benches:
        bench.close()


def decoded(message):
    return cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)


def stamp_of(message):
    return message.timestamp.seconds * 10**9 + message.timestamp.nanos


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def test_a_viewer_gets_the_image_the_boxes_and_the_probabilities_of_one_stamp(
    open_bench, astronaut
):
    bench = open_bench()
    viewer = bench.viewer(IMAGE_TOPIC, ANNOTATIONS_TOPIC, EMOTIONS_TOPIC)
    bench.connect()
    stamp_ns = bench.send(image_message(astronaut), [FACE])
    for topic in (IMAGE_TOPIC, ANNOTATIONS_TOPIC, EMOTIONS_TOPIC):
        bench.spin_until(lambda topic=topic: viewer.messages(topic), topic)
        assert viewer.topics[topic].messages[0][0] == stamp_ns
    (image,) = viewer.messages(IMAGE_TOPIC)
    assert (stamp_of(image), image.frame_id) == (stamp_ns, 'head_camera_optical')
    assert cv2.absdiff(decoded(image), astronaut).mean() < 4
    (annotations,) = viewer.messages(ANNOTATIONS_TOPIC)
    assert stamp_of(annotations) == stamp_ns
    assert corners(annotations.points[0])[::2] == [(181, 58), (270, 178)]
    assert annotations.texts[0].text == 'Happy 70 % #4'
    (results,) = viewer.messages(EMOTIONS_TOPIC)
    stamp = results['header']['stamp']
    assert stamp['sec'] * 10**9 + stamp['nanosec'] == stamp_ns
    probabilities = np.array([0.05, 0.05, 0.05, 0.7, 0.05, 0.05, 0.05], np.float32)
    np.testing.assert_array_equal(results['faces'][0]['probabilities'], probabilities)


def test_a_image_goes_out_only_with_the_result_of_exactly_its_stamp(open_bench, astronaut):
    bench = open_bench()
    viewer = bench.viewer(IMAGE_TOPIC, EMOTIONS_TOPIC)
    bench.connect()
    first = bench.next_stamp()
    bench.send_image(image_message(astronaut), first)
    bench.send_result(first + 1, [])
    last = bench.send(image_message(astronaut), [FACE])
    bench.spin_until(lambda: viewer.messages(IMAGE_TOPIC), 'the pair')
    bench.spin_until(lambda: len(viewer.messages(EMOTIONS_TOPIC)) == 2, 'both results')
    assert [stamp_of(message) for message in viewer.messages(IMAGE_TOPIC)] == [last]


def test_without_a_viewer_nothing_is_subscribed_to(open_bench, astronaut):
    bench = open_bench()
    assert bench.next_status().message == 'Idle: nobody watches'
    counts = ('/image', '/emotions')
    assert [bench.client.count_subscribers(topic) for topic in counts] == [0, 0]
    viewer = bench.viewer()  # connected, and reads nothing yet
    assert bench.next_status().message == 'Idle: nobody watches'
    viewer.subscribe(EMOTIONS_TOPIC)
    bench.spin_until(lambda: bench.client.count_subscribers('/emotions') == 1, 'the listening')
    assert bench.client.count_subscribers('/image') == 0
    viewer.subscribe(IMAGE_TOPIC)
    bench.spin_until(lambda: bench.client.count_subscribers('/image') == 1, 'the listening')
    viewer.unsubscribe(IMAGE_TOPIC)
    bench.spin_until(lambda: bench.client.count_subscribers('/image') == 0, 'its end')
    viewer.close()
    bench.spin_until(lambda: bench.client.count_subscribers('/emotions') == 0, 'its end')
    assert bench.next_status().message == 'Idle: nobody watches'


def test_results_alone_need_no_image(open_bench):
    bench = open_bench()
    viewer = bench.viewer(EMOTIONS_TOPIC)
    bench.spin_until(bench.emotions.get_subscription_count, 'the subscription')
    bench.send_result(bench.next_stamp(), [])
    bench.spin_until(lambda: viewer.messages(EMOTIONS_TOPIC), 'the results')
    assert viewer.messages(EMOTIONS_TOPIC)[0]['faces'] == []


def test_several_viewers_get_the_same(open_bench, astronaut):
    bench = open_bench()
    viewers = [bench.viewer(ANNOTATIONS_TOPIC, IMAGE_TOPIC) for _ in range(2)]
    bench.connect()
    # Whoever comes second is served from then on.
    bench.spin_until(lambda: bench.next_status() and True, 'a second')
    stamp_ns = bench.send(image_message(astronaut), [FACE])
    for viewer in viewers:
        bench.spin_until(lambda viewer=viewer: viewer.messages(ANNOTATIONS_TOPIC), 'the boxes')
        assert stamp_of(viewer.messages(ANNOTATIONS_TOPIC)[0]) == stamp_ns


def test_a_jpeg_is_passed_on_byte_by_byte(open_bench, astronaut):
    bench = open_bench(compressed=True)
    viewer = bench.viewer(IMAGE_TOPIC)
    bench.connect()
    message = jpeg_message(astronaut)
    bench.send(message, [FACE])
    bench.spin_until(lambda: viewer.messages(IMAGE_TOPIC), 'the image')
    assert viewer.messages(IMAGE_TOPIC)[0].data == bytes(message.data)


@pytest.mark.parametrize('compressed', [False, True])
def test_faces_can_be_made_unrecognisable_while_it_runs(open_bench, astronaut, compressed):
    bench = open_bench(compressed=compressed)
    viewer = bench.viewer(IMAGE_TOPIC)
    bench.connect()
    assert bench.client.count_subscribers(f'/{FULL_SEARCH}') == 0
    assert bench.set_parameter('blur_faces', True) == (True, '')
    bench.spin_until(lambda: bench.client.count_subscribers(f'/{FULL_SEARCH}') == 1, 'the wish')
    bench.send(jpeg_message(astronaut) if compressed else image_message(astronaut), [FACE])
    bench.spin_until(lambda: viewer.messages(IMAGE_TOPIC), 'the image')
    difference = cv2.absdiff(decoded(viewer.messages(IMAGE_TOPIC)[0]), astronaut)
    assert difference[58:178, 181:270].mean() > 15
    assert difference[300:, :].mean() < 6


def test_a_bad_image_is_left_out_and_its_results_are_shown(open_bench, astronaut):
    bench = open_bench()
    viewer = bench.viewer(IMAGE_TOPIC, EMOTIONS_TOPIC)
    bench.connect()
    bench.send(image_message(astronaut, 'klingon8'), [FACE])
    good = bench.send(image_message(astronaut), [FACE])
    bench.spin_until(lambda: viewer.messages(IMAGE_TOPIC), 'the good image')
    bench.spin_until(lambda: len(viewer.messages(EMOTIONS_TOPIC)) == 2, 'both results')
    bench.spin_until(lambda: bench.logged('klingon8'), 'the warning')
    assert [stamp_of(message) for message in viewer.messages(IMAGE_TOPIC)] == [good]


def test_diagnostics_are_passed_on_at_the_time_of_the_images(open_bench, astronaut):
    bench = open_bench()
    viewer = bench.viewer(DIAGNOSTICS_TOPIC, EMOTIONS_TOPIC)
    topic = viewer.topics[DIAGNOSTICS_TOPIC]
    assert (topic.encoding, topic.schema_name) == ('cdr', 'diagnostic_msgs/msg/DiagnosticArray')
    bench.spin_until(bench.emotions.get_subscription_count, 'the subscription')
    stamp_ns = bench.next_stamp()
    bench.send_result(stamp_ns, [])
    bench.spin_until(lambda: viewer.messages(EMOTIONS_TOPIC), 'the results')
    topic.messages.clear()
    bench.spin_until(lambda: topic.messages, 'diagnostics')
    log_time, message = topic.messages[0]
    assert log_time == stamp_ns
    (status,) = message['status']
    assert status['name'] == 'foxglove_node: foxglove'
    assert {item['key']: item['value'] for item in status['values']}['address'] == bench.node.url


def test_a_recording_holds_what_was_sent_and_needs_no_viewer(open_bench, astronaut, tmp_path):
    path = tmp_path / 'new' / 'out.mcap'
    bench = open_bench(mcap_path=path, serve='false')
    assert bench.node.url == ''
    bench.connect()
    stamps = [bench.send(image_message(astronaut), [FACE] * (n % 2)) for n in range(4)]
    bench.spin_until(lambda: bench.node._statistics.frames == 4, 'the results')
    bench.diagnostics.clear()
    # The recording reads them too; three are more than enough to have one on its way.
    bench.spin_until(lambda: len(bench.diagnostics) == 3, 'diagnostics')
    bench.node.close()
    found = read_mcap(path)
    assert [time for time, _ in found[ANNOTATIONS_TOPIC]] == stamps
    assert [stamp_of(message) for _, message in found[IMAGE_TOPIC]] == stamps
    assert [len(message['faces']) for _, message in found[EMOTIONS_TOPIC]] == [0, 1, 0, 1]
    assert {time for time, _ in found[DIAGNOSTICS_TOPIC]} <= set(stamps)
    assert bench.node.exit_code == 0


# --- as a process ------------------------------------------------------------------------------


def test_boxes_and_stamps_are_those_of_the_emotion_node(open_bench, astronaut, model_path):
    """A real emotion node finds a real face in images that come over DDS."""
    wanted = {'mode': 'replay', 'model_path': model_path, 'min_subscribers': 2}
    emotion_node = start_node('emotion_node', *parameters(**wanted))
    try:
        bench = open_bench()
        results = bench.listen()
        viewer = bench.viewer(IMAGE_TOPIC, ANNOTATIONS_TOPIC)
        bench.wake(viewer, image_message(astronaut))
        stamps = []
        for shift in (10, 20, 30):
            stamps.append(bench.next_stamp())
            bench.send_image(image_message(np.roll(astronaut, shift, axis=1)), stamps[-1])
        shown = viewer.topics[ANNOTATIONS_TOPIC]
        bench.spin_until(lambda: set(stamps) <= set(dict(shown.messages)), 'the boxes')
        bench.spin_until(lambda: set(stamps) <= set(results), 'the results')
    finally:
        emotion_node.send_signal(signal.SIGINT)
        _, _, err = finish(emotion_node)
    assert 'Traceback' not in err
    boxes = []
    for stamp_ns in stamps:
        annotations, (face,) = dict(shown.messages)[stamp_ns], results[stamp_ns].faces
        assert stamp_of(annotations) == stamp_ns
        left, top = face.box.x_offset, face.box.y_offset
        right, bottom = left + face.box.width, top + face.box.height
        boxes.append((left, top, right, bottom))
        assert corners(annotations.points[0])[::2] == [(left, top), (right, bottom)]
        assert annotations.texts[0].text.startswith(face.emotion)
    assert len(set(boxes)) == 3


def test_a_session_serves_the_whole_demo_and_records_it(tmp_path, model_path):
    port, path = free_port(), tmp_path / 'out.mcap'
    options = ['--foxglove', str(port), '--mcap', str(path), '--model', str(model_path)]
    options += ['--log-level', 'info']  # the node says when it serves
    process = start(
        ['-m', 'emotion_perception.cli', 'nodes', '--source', 'demo', '--loop', *options]
    )
    try:
        url = f'ws://127.0.0.1:{port}'
        assert any(url in line for line in process.stderr)
        viewer = Viewer(url)
        viewer.subscribe(ANNOTATIONS_TOPIC)
        viewer.wait_for(ANNOTATIONS_TOPIC)
        viewer.close()
    finally:
        code, out, err = interrupt(process)
    assert code == 0, err
    assert f'wrote {path}' in out
    assert f'ws://127.0.0.1:{port}' in out
    found = read_mcap(path)
    assert len(found[IMAGE_TOPIC]) > 0
    processed = [time for time, _ in found[EMOTIONS_TOPIC]]
    assert [time for time, _ in found[ANNOTATIONS_TOPIC]] == processed
    assert {time for time, _ in found[IMAGE_TOPIC]} <= set(processed)


def test_a_file_is_recorded_from_its_first_frame_to_its_last(tmp_path, astronaut, model_path):
    frames, path = tmp_path / 'frames', tmp_path / 'out.mcap'
    frames.mkdir()
    for index in range(6):
        cv2.imwrite(str(frames / f'{index}.png'), np.roll(astronaut, 5 * index, axis=1))
    options = ['--source', str(frames), '--mcap', str(path), '--model', str(model_path)]
    code, out, err = run(['-m', 'emotion_perception.cli', 'nodes', '--quiet', *options])
    assert code == 0, err
    assert f'wrote {path}' in out
    found = read_mcap(path)
    stamps = [time for time, _ in found[IMAGE_TOPIC]]
    assert len(set(stamps)) == 6
    for topic in (ANNOTATIONS_TOPIC, EMOTIONS_TOPIC):
        assert sorted(time for time, _ in found[topic]) == sorted(stamps)


def test_a_session_without_the_sdk_says_so_before_anything_starts(monkeypatch):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    monkeypatch.setitem(sys.modules, 'foxglove', None)
    for wanted in (['--foxglove'], ['--mcap', 'out.mcap']):
        with pytest.raises(FoxgloveError, match='run `make foxglove-env`'):
            check_foxglove(options_from(parser.parse_args(wanted)))
    check_foxglove(options_from(parser.parse_args([])))


@pytest.mark.parametrize('port', ['0', '65536', 'x'])
def test_a_port_that_cannot_be_is_refused(port, capsys):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(['--foxglove', port])
    assert '--foxglove' in capsys.readouterr().err


def test_a_taken_port_ends_the_process_with_one_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', 0))
        taken.listen()
        port = taken.getsockname()[1]
        path = tmp_path / 'out.mcap'
        code, _, err = run_node('foxglove_node', *parameters(port=port, mcap_path=path))
    assert code == EXIT_USAGE
    assert_one_sentence(err, port, 'Address already in use', 'set `port` to another')
    assert not list(tmp_path.iterdir())


def test_without_the_sdk_the_process_ends_with_one_sentence():
    blocked = 'import sys; sys.modules["foxglove"] = None; '
    code = blocked + 'from emotion_bringup.main import foxglove_node; sys.exit(foxglove_node())'
    process = start(['-c', code])
    code, _, err = finish(process)
    assert code == EXIT_USAGE
    assert_one_sentence(err, 'foxglove-sdk is not installed', 'make foxglove-env')


def test_only_this_machine_can_connect_unless_told_otherwise(open_bench):
    bench = open_bench()
    assert re.fullmatch(r'ws://127\.0\.0\.1:\d+', bench.node.url)
    assert bench.node.get_parameter('address').value == '127.0.0.1'
