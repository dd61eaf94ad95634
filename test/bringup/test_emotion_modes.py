"""The emotion node in other modes: lifecycle, namespace, replay, compressed, silence."""

import os

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from processes import assert_one_sentence, interrupt, run_node, start_node
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter as RosParameter
from rclpy.qos import ReliabilityPolicy
from ros_bench import ASTRONAUT_BOX, EmotionBench, box_overlap, header, jpeg_message, parameters
from sensor_msgs.msg import CompressedImage, Image
from tiny_model import make_tiny_model

from emotion_bringup import qos
from emotion_bringup.conversion import ns_to_stamp, stamp_to_ns
from emotion_bringup.distributions import profile_variables
from emotion_bringup.endings import EXIT_USAGE
from emotion_bringup.image_watch import foreign_owners
from emotion_msgs.msg import EmotionLabels
from emotion_perception.files.resources import config_path


@pytest.fixture
def open_bench(model_path):
    """Starts an emotion node with ROS arguments; closes it afterwards."""
    benches = []

    def make(*arguments, keywords=None, **values):
        values = {'model_path': model_path, **values}
        bench = EmotionBench([*parameters(**values), *arguments], **(keywords or {}))
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.close()


# --- labels ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('label_set', 'emotions'), [('fer2013', ('Happy', 'Sad')), ('ferplus', ('Neutral', 'Angry'))]
)
def test_the_labels_choose_the_result(open_bench, astronaut, tmp_path, label_set, emotions):
    model = make_tiny_model(tmp_path, votes=True)
    bench = open_bench(model_path=model, labels=label_set, confidence_threshold=0.0)
    bench.connect(astronaut)
    (face,) = bench.ask(astronaut).faces
    assert face.emotion in emotions
    values = {entry.key: entry.value for entry in bench.next_status().values}
    assert values['labels'] == label_set
    told = []
    bench.client.create_subscription(EmotionLabels, 'emotions/labels', told.append, qos.LABELS)
    bench.spin_until(lambda: bool(told), 'the labels')
    assert told[0].label_set == label_set


def test_labels_that_the_model_does_not_know(open_bench):
    bench = open_bench(labels='ferplus')
    bench.spin_until(lambda: bench.logged('cannot predict the labels'), 'the error')


# --- transport ---------------------------------------------------------------------------------


@pytest.mark.parametrize('transport', ['raw', 'compressed'])
def test_a_topic_that_ends_in_compressed_says_its_transport(open_bench, astronaut, transport):
    remap = ['-r', 'image:=/image/compressed']
    bench = open_bench(*remap, image_transport=transport, keywords={'compressed': True})
    bench.connect(jpeg_message(astronaut))
    assert len(bench.ask(jpeg_message(astronaut)).faces) == 1
    assert bench.client.count_subscribers('/image/compressed/compressed') == 0


def test_compressed_images(open_bench, astronaut):
    bench = open_bench(image_transport='compressed', keywords={'compressed': True})
    bench.connect(jpeg_message(astronaut))
    stamp_ns = bench.next_stamp()
    result = bench.ask(jpeg_message(astronaut), stamp_ns)
    assert result.header == header(stamp_ns)
    assert box_overlap(result.faces[0].box, ASTRONAUT_BOX) > 0.6
    corrupt = jpeg_message(astronaut)
    corrupt.data = bytes(corrupt.data[:40])
    bench.send(corrupt)
    bench.spin_until(lambda: bench.node._statistics.bad == 1, 'the corrupt image')
    bench.spin_until(lambda: bench.logged('Image left out'), 'the warning')
    assert len(bench.ask(jpeg_message(astronaut)).faces) == 1


def test_replay_results_every_image_once_and_in_order(open_bench, astronaut, grey):
    bench = open_bench(mode='replay', keywords={'mode': 'replay'})
    bench.spin_until(lambda: bench.images.get_subscription_count() == 1, 'the subscription')
    bench.spin_until(lambda: bench.subscription.get_publisher_count() == 1, 'the publisher')
    small = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    sent = []
    for number in range(60):
        sent.append(bench.send(grey if number % 3 == 0 else small))
        bench.spin_some()
    bench.spin_until(lambda: len(bench.results) >= 60, 'the last result')
    assert [stamp_to_ns(result.header.stamp) for result in bench.results] == sent
    assert [len(result.faces) for result in bench.results] == [0, 1, 1] * 20
    ids = {face.track_id for result in bench.results for face in result.faces}
    assert ids == {1}


def test_replay_takes_best_effort_publishers_too(open_bench, grey):
    """A bag that was recorded best effort is played best effort."""
    bench = open_bench(mode='replay', keywords={'mode': 'replay'})
    bench.offer_best_effort()
    bench.spin_until(lambda: bench.logged('does not offer the reliability'), 'the warning')
    bench.connect(grey)
    assert list(bench.ask(grey).faces) == []


# --- namespace and parameter files -------------------------------------------------------------


def test_a_namespace_holds_topics_and_shipped_parameters(open_bench, grey, tmp_path):
    text = config_path('emotion.yaml').read_text()
    changed = tmp_path / 'changed.yaml'
    changed.write_text(
        text.replace('smoothing: 0.3', 'smoothing: 1.25').replace('max_faces: 0', 'max_faces: 3')
    )
    bench = open_bench(
        '-r', '__ns:=/robot1', '--params-file', str(changed), keywords={'namespace': '/robot1'}
    )
    assert bench.node.get_parameter('smoothing').value == 1.25
    assert bench.node.get_parameter('max_faces').value == 3
    assert bench.node._pipeline.settings.smoothing == 1.25
    bench.connect(grey)
    assert list(bench.ask(grey).faces) == []
    assert bench.next_status().hardware_id == '/robot1/emotion_node'
    assert bench.client.count_publishers('/robot1/emotions/labels') == 1
    assert bench.client.count_publishers('/emotions') == 0


def test_the_image_topic_can_be_remapped(open_bench, grey):
    bench = open_bench('-r', 'image:=/head/image_raw')
    assert bench.node._topic == '/head/image_raw'


def test_the_reliability_can_be_overridden_by_parameter(open_bench, grey):
    override = 'qos_overrides./image.subscription.reliability:=reliable'
    bench = open_bench('-p', override)
    bench.spin_until(lambda: bench.images.get_subscription_count() == 1, 'the subscription')
    (endpoint,) = bench.client.get_subscriptions_info_by_topic('/image')
    assert endpoint.qos_profile.reliability == ReliabilityPolicy.RELIABLE


# --- silence -----------------------------------------------------------------------------------


def test_silence_without_publisher_is_told_once_with_its_cure(open_bench):
    bench = open_bench(image_timeout=0.2)
    bench.client.destroy_publisher(bench.images)
    bench.spin_until(
        lambda: (
            bench.client.count_publishers('/image') == 0
            and bench.client.count_subscribers('/image') == 1
        ),
        'the graph',
    )
    status = bench.spin_until_status(lambda status: status.message.startswith('No image on'))
    assert status.level == DiagnosticStatus.WARN
    assert '/image ' in status.message
    assert 'nobody publishes it' in bench.next_status().message
    assert len(bench.logged('No image on /image')) == 1


def test_silence_with_a_publisher_names_the_transport(open_bench):
    bench = open_bench(image_timeout=0.2)
    bench.spin_until(lambda: bench.images.get_subscription_count() == 1, 'the subscription')
    status = bench.spin_until_status(lambda status: 'none of their images' in status.message)
    assert status.level == DiagnosticStatus.WARN
    assert all(name in status.message for name in profile_variables(os.environ))


def test_silence_of_a_topic_of_another_type_names_it(open_bench):
    bench = open_bench(image_timeout=0.2)
    bench.client.destroy_publisher(bench.images)
    other = bench.client.create_publisher(CompressedImage, '/image', 10)
    status = bench.spin_until_status(lambda status: 'is published there' in status.message)
    assert 'sensor_msgs/msg/CompressedImage is published there, not sensor_msgs/msg/Image' in (
        status.message
    )
    assert 'set `image_transport`' in status.message
    bench.client.destroy_publisher(other)


def test_shared_memory_of_another_user_is_known(tmp_path, monkeypatch):
    (tmp_path / 'fastrtps_port7411').touch()
    (tmp_path / 'sem.other').touch()
    assert foreign_owners(tmp_path) == []
    mine = os.getuid()
    monkeypatch.setattr('os.getuid', lambda: mine + 1)
    assert foreign_owners(tmp_path) == [mine]


def test_health_follows_the_results_and_not_the_images(open_bench, grey):
    bench = open_bench()
    bench.connect(grey)
    broken = Image(encoding='bgr8', height=4, width=4, step=1)

    def is_ill(status):
        return status.level == DiagnosticStatus.ERROR

    def send_broken():
        broken.header.stamp = ns_to_stamp(bench.next_stamp())
        bench.images.publish(broken)
        return any(map(is_ill, bench.diagnostics))

    bench.spin_until(send_broken, 'the report of an error')
    status = next(filter(is_ill, bench.diagnostics))
    assert 'images were left out' in status.message
    assert 'step' in status.message
    bench.ask(grey)
    assert bench.spin_until_status(lambda status: status.level == DiagnosticStatus.OK)


def test_an_image_ends_the_silence(open_bench, grey):
    bench = open_bench(image_timeout=3.0)
    bench.connect(grey)
    bench.ask(grey)
    assert bench.next_status().level == DiagnosticStatus.OK


# --- lifecycle ---------------------------------------------------------------------------------


class Lifecycle:
    """What `ros2 lifecycle` does."""

    def __init__(self, bench, name='/emotion_node'):
        self._bench = bench
        self._get = bench.client.create_client(GetState, f'{name}/get_state')
        self._change = bench.client.create_client(ChangeState, f'{name}/change_state')
        bench.spin_until(self._get.service_is_ready, 'the lifecycle service')
        bench.spin_until(self._change.service_is_ready, 'the lifecycle service')
        bench.spin_until_served(f'{name}/get_state')
        bench.spin_until_served(f'{name}/change_state')

    @property
    def state(self):
        result = self._bench.result(self._get.call_async(GetState.Request()))
        return result.current_state.id

    def change(self, transition):
        request = ChangeState.Request(transition=Transition(id=transition))
        return self._bench.result(self._change.call_async(request)).success


def test_the_node_activates_itself(open_bench):
    bench = open_bench()
    assert Lifecycle(bench).state == State.PRIMARY_STATE_ACTIVE
    assert not bench.stopped


def test_the_whole_life_of_a_managed_node(open_bench, astronaut):
    bench = open_bench(autostart='false')
    life = Lifecycle(bench)
    assert life.state == State.PRIMARY_STATE_UNCONFIGURED
    assert bench.next_status().message == 'Not configured'
    for _ in range(2):
        assert life.change(Transition.TRANSITION_CONFIGURE)
        assert life.state == State.PRIMARY_STATE_INACTIVE
        assert bench.next_status().message == 'Inactive'
        assert bench.client.count_subscribers('/image') == 0
        assert life.change(Transition.TRANSITION_ACTIVATE)
        assert life.state == State.PRIMARY_STATE_ACTIVE
        bench.connect(astronaut)
        assert len(bench.ask(astronaut).faces) == 1
        assert life.change(Transition.TRANSITION_DEACTIVATE)
        assert life.state == State.PRIMARY_STATE_INACTIVE
        bench.spin_until(
            lambda: bench.client.count_subscribers('/image') == 0, 'the end of the listening'
        )
        assert life.change(Transition.TRANSITION_CLEANUP)
        assert life.state == State.PRIMARY_STATE_UNCONFIGURED
        bench.spin_until(
            lambda: bench.client.count_publishers('/emotions') == 0, 'the end of the publisher'
        )


def set_parameters(bench, **values):
    """Whether the node takes the values, and its reason if it does not."""
    setter = bench.client.create_client(SetParameters, '/emotion_node/set_parameters')
    bench.spin_until(setter.service_is_ready, 'the parameter service')
    changes = [RosParameter(name, value=value).to_parameter_msg() for name, value in values.items()]
    results = bench.result(setter.call_async(SetParameters.Request(parameters=changes))).results
    return [(result.successful, result.reason) for result in results]


def test_model_and_labels_may_change_between_cleanup_and_configure(open_bench, astronaut, tmp_path):
    bench = open_bench()
    life = Lifecycle(bench)
    wanted = {'model_path': str(make_tiny_model(tmp_path, votes=True)), 'labels': 'ferplus'}
    ((successful, reason), _) = set_parameters(bench, **wanted)
    assert not successful
    assert 'is read when the node configures: call `ros2 lifecycle set /emotion_node' in reason
    assert life.change(Transition.TRANSITION_DEACTIVATE)
    # Still loaded: what the parameters say is what will result.
    assert not any(successful for successful, _ in set_parameters(bench, **wanted))
    assert life.change(Transition.TRANSITION_CLEANUP)
    assert set_parameters(bench, **wanted) == [(True, ''), (True, '')]
    ((successful, reason),) = set_parameters(bench, labels='foo')
    assert not successful
    assert reason == "labels must be fer2013 or ferplus or balanced, not 'foo'"
    assert life.change(Transition.TRANSITION_CONFIGURE)
    assert life.change(Transition.TRANSITION_ACTIVATE)
    bench.connect(astronaut)
    assert len(bench.ask(astronaut).faces) == 1
    values = {entry.key: entry.value for entry in bench.next_status().values}
    assert values['labels'] == 'ferplus'


def test_a_live_node_finds_a_new_face_within_five_images(open_bench, astronaut):
    bench = open_bench()
    bench.connect(np.zeros_like(astronaut))
    counts = [len(bench.ask(astronaut).faces) for _ in range(5)]
    assert counts == sorted(counts)
    assert counts[-1] == 1


def test_a_replaying_node_searches_every_image(open_bench, astronaut):
    bench = open_bench(mode='replay')
    bench.connect(np.zeros_like(astronaut))
    assert len(bench.ask(astronaut).faces) == 1


def test_activation_starts_new_tracks(open_bench, astronaut):
    bench = open_bench(detect_every_n=1)
    life = Lifecycle(bench)
    bench.connect(astronaut)
    for _ in range(2):
        assert [face.track_id for face in bench.ask(astronaut).faces] == [1]
        assert life.change(Transition.TRANSITION_DEACTIVATE)
        assert life.change(Transition.TRANSITION_ACTIVATE)
        bench.connect(np.zeros_like(astronaut))


def test_shutdown_from_the_active_state(open_bench):
    bench = open_bench()
    life = Lifecycle(bench)
    assert life.change(Transition.TRANSITION_ACTIVE_SHUTDOWN)
    assert life.state == State.PRIMARY_STATE_FINALIZED


def test_a_failed_configuration_leaves_the_node_alive(open_bench, tmp_path, model_path):
    missing = tmp_path / 'missing.onnx'
    bench = open_bench(model_path=missing, autostart='false')
    life = Lifecycle(bench)
    assert not life.change(Transition.TRANSITION_CONFIGURE)
    assert life.state == State.PRIMARY_STATE_UNCONFIGURED
    bench.spin_until(lambda: bench.logged(str(missing)), 'the error')
    assert not bench.stopped
    # Once the file is there, the node can be configured after all.
    missing.write_bytes(model_path.read_bytes())
    missing.with_suffix('.json').write_bytes(model_path.with_suffix('.json').read_bytes())
    assert life.change(Transition.TRANSITION_CONFIGURE)


# --- as a process ------------------------------------------------------------------------------


def test_a_missing_model_ends_the_process_with_one_sentence(tmp_path):
    missing = tmp_path / 'missing.onnx'
    code, _, err = run_node('emotion_node', *parameters(model_path=missing))
    assert code == EXIT_USAGE
    assert_one_sentence(err, missing, 'does not exist: set `model_path` to')


@pytest.mark.parametrize(
    ('values', 'part'),
    [
        ({'mode': 'fast'}, 'mode'),
        ({'confidence_threshold': 2.0}, 'confidence_threshold'),
        ({'max_faces': 'many'}, 'max_faces'),
        ({'detector': 'magic'}, 'set `detector` to'),
        ({'execution_providers': '[warp]'}, 'set `execution_providers` to'),
    ],
    ids=str,
)
def test_unusable_parameters_end_the_process_with_one_sentence(model_path, values, part):
    values = {'model_path': model_path, **values}
    code, _, err = run_node('emotion_node', *parameters(**values))
    assert code == EXIT_USAGE
    assert_one_sentence(err, part)


def test_a_missing_parameter_file_ends_the_process_with_one_sentence(tmp_path):
    missing = tmp_path / 'missing.yaml'
    code, _, err = run_node('emotion_node', '--params-file', str(missing))
    assert code == 2
    assert_one_sentence(err, missing, 'does not exist', '--params-file')


def test_ctrl_c_ends_the_process_cleanly(model_path, open_bench):
    bench = open_bench(autostart='false')
    process = start_node('emotion_node', *parameters(model_path=model_path), '-r', '__ns:=/other')
    try:
        bench.spin_until(
            lambda: bench.client.count_publishers('/other/emotions') == 1, 'the start of the node'
        )
        code, _, err = interrupt(process)
    finally:
        process.kill()
    assert code == 0
    assert 'Traceback' not in err
