"""Expressions for the faces of another package (REP-155), from a process of its own."""

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from processes import assert_one_sentence, interrupt, run_node, start_node
from rcl_interfaces.msg import Log
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from ros_bench import ASTRONAUT_BOX, Bench, header, image_message, parameters
from sensor_msgs.msg import Image

from emotion_bringup import qos
from emotion_bringup.conversion import stamp_to_ns
from emotion_bringup.endings import EXIT_USAGE
from emotion_perception.api import analyse_still
from emotion_perception.detection import create_detector
from emotion_perception.face_crops import FaceCropReader
from emotion_perception.files.resources import default_model_path
from emotion_perception.inference.alignment import cropped_portrait
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.labels import Emotion
from emotion_perception.networks import load_networks
from emotion_perception.settings.tables import PipelineSettings
from emotion_perception.types import Box

FRAME_S = 1 / 30
BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.fixture(scope='module')
def hri_msgs(messages):
    return messages('hri_msgs')


@pytest.fixture(scope='module')
def node(with_messages):
    """Without smoothing, so that each image counts alone."""
    process = start_node('expression_node', *parameters(smoothing=0.0), **with_messages)
    yield process
    code, _, err = interrupt(process)
    assert code == 0
    assert 'Traceback' not in err


@pytest.fixture(scope='module')
def smiling(astronaut):
    """The astronaut's face as a detector cuts it out: bgr8, 128x128, black beside it."""
    return cropped_portrait(astronaut, Box(*ASTRONAUT_BOX), 128, 128)


@pytest.fixture(scope='module')
def plain():
    return np.full((128, 128, 3), 128, np.uint8)


class FaceDetector:
    """Another package's detector: it says who is tracked, and sends images of the faces."""

    def __init__(self, peer, hri_msgs, humans='/humans', image='cropped', profile=1):
        self.peer, self._types = peer, hri_msgs
        self._topic, self._image, self._profile = f'{humans}/faces', image, profile
        self.ids, self.images, self._expressions = [], {}, []
        self._tracked = peer.node.create_publisher(
            hri_msgs.IdsList, f'{self._topic}/tracked', profile
        )
        peer.spin_until(self._tracked.get_subscription_count, 'the subscription to the ids')

    def track(self, *ids):
        """Says who is there; opens a topic for each new face and closes those of the others."""
        self.ids = list(ids)
        for face_id in ids:
            if face_id not in self.images:
                self.images[face_id] = self.peer.node.create_publisher(
                    Image, f'{self._topic}/{face_id}/{self._image}', self._profile
                )
        for face_id in self.images.keys() - set(ids):
            self.peer.node.destroy_publisher(self.images.pop(face_id))
        self.say()

    def say(self):
        message = self._types.IdsList(header=header(self.peer.later(FRAME_S)), ids=self.ids)
        self._tracked.publish(message)

    def name(self, face_id):
        return f'{self._topic}/{face_id}/expression'

    def hear(self, face_id):
        """Listens to an expression; returns the list that the messages come into."""
        subscription, received = self.peer.hear(self._types.Expression, self.name(face_id))
        self._expressions.append(subscription)
        return received

    def send(self, face_id, message):
        """Sends an image or a message; returns its stamp."""
        if isinstance(message, np.ndarray):
            message = image_message(message)
        message.header = header(self.peer.later(FRAME_S))
        self.images[face_id].publish(message)
        return stamp_to_ns(message.header.stamp)

    def ask(self, face_id, image, received):
        """Sends an image until it is processed; returns the result."""
        sent = []

        def results():
            return [one for one in received if stamp_to_ns(one.header.stamp) in sent]

        self.peer.spin_until(
            results, 'an expression', lambda: sent.append(self.send(face_id, image))
        )
        return results()[-1]

    def is_watched(self, face_id):
        return self.images[face_id].get_subscription_count() == 1

    def deafen(self):
        while self._expressions:
            self.peer.node.destroy_subscription(self._expressions.pop())

    def close(self):
        self.deafen()
        for publisher in (self._tracked, *self.images.values()):
            self.peer.node.destroy_publisher(publisher)

    def is_gone(self, face_id):
        return not self.peer.node.count_publishers(self.name(face_id))


@pytest.fixture
def detector(peer, node, hri_msgs):
    other = FaceDetector(peer, hri_msgs)
    yield other
    other.track()
    other.close()
    peer.spin_until(lambda: not expressions(peer), 'the end of all faces')


def expressions(peer):
    return [
        name for name, _ in peer.node.get_topic_names_and_types() if name.endswith('/expression')
    ]


# --- what is said --------------------------------------------------------------------------------


def test_a_smiling_face_is_happy_with_the_probability_of_the_whole_image(
    detector, smiling, astronaut
):
    detector.track('bd34a')
    result = detector.ask('bd34a', smiling, detector.hear('bd34a'))
    # Not `predict_emotion`, whose networks would stay for the tests that count them.
    (face,) = analyse_still(astronaut, load_networks(), PipelineSettings())
    assert result.expression == 'happy'
    assert face.emotion_id == Emotion.HAPPY
    assert result.confidence == pytest.approx(face.confidence, abs=0.15)
    assert result.valence > 0.3


def test_the_header_is_the_images(detector, smiling):
    detector.track('bd34a')
    result = detector.ask('bd34a', smiling, detector.hear('bd34a'))
    assert result.header == header(stamp_to_ns(result.header.stamp))
    assert result.header.frame_id == 'head_camera_optical'


@pytest.mark.parametrize('encoding', ['rgb8', 'mono8', 'bgra8'])
def test_detectors_may_send_any_encoding(detector, smiling, encoding):
    code = {'rgb8': cv2.COLOR_BGR2RGB, 'mono8': cv2.COLOR_BGR2GRAY, 'bgra8': cv2.COLOR_BGR2BGRA}
    message = image_message(cv2.cvtColor(smiling, code[encoding]), encoding, padding=7)
    detector.track('bd34a')
    assert detector.ask('bd34a', message, detector.hear('bd34a')).expression == 'happy'


def test_two_faces_at_once_have_their_own_expressions(detector, smiling, plain):
    reader = FaceCropReader(create_detector('centerface'), EmotionClassifier(default_model_path()))
    images = {'left': smiling, 'right': plain}
    expected = dict(zip(images, reader.read(list(images.values())).max(axis=1), strict=True))
    detector.track(*images)
    received = {face_id: detector.hear(face_id) for face_id in images}
    detector.peer.spin_until(
        lambda: all(received.values()),
        'both expressions',
        lambda: [detector.send(*item) for item in images.items()],
    )
    for face_id, results in received.items():
        assert results[-1].confidence == pytest.approx(expected[face_id], abs=1e-3)
    assert received['left'][-1].expression == 'happy'


# --- faces that come and go ----------------------------------------------------------------------


def test_a_face_that_is_not_tracked_any_more_has_no_expression(detector):
    detector.track('a', 'b')
    detector.hear('a')
    detector.hear('b')
    detector.track('b')
    detector.peer.spin_until(lambda: detector.is_gone('a'), 'the end of the expression')
    assert not detector.is_gone('b')


def test_a_face_that_comes_back_is_read_again(detector, smiling):
    detector.track('a')
    received = detector.hear('a')
    detector.ask('a', smiling, received)
    detector.track()
    detector.peer.spin_until(lambda: detector.is_gone('a'), 'the end of the expression')
    detector.track('a')
    assert detector.ask('a', smiling, received).expression == 'happy'


def test_a_missed_detection_loses_no_subscriber(detector, smiling):
    detector.track('a')
    received = detector.hear('a')
    detector.ask('a', smiling, received)
    for _ in range(5):
        detector.ids = []
        detector.say()
        detector.ids = ['a']
        detector.say()
    # Both sides are still matched: nothing has to be discovered again.
    assert detector.is_watched('a')
    detector.ask('a', smiling, received)


def test_faces_are_gone_when_their_detector_is(detector, peer, hri_msgs):
    other = FaceDetector(peer, hri_msgs)
    detector.close()
    other.track('a')
    other.hear('a')
    other.close()
    peer.spin_until(lambda: other.is_gone('a'), 'the end of the expression')
    detector.__init__(peer, hri_msgs)


def test_without_a_subscriber_no_image_is_listened_to(detector):
    detector.track('a', 'b')
    detector.hear('b')
    detector.peer.spin_until(lambda: detector.is_watched('b'), 'the listening')
    assert not detector.is_watched('a')
    detector.deafen()
    detector.peer.spin_until(lambda: not detector.is_watched('b'), 'the end of the listening')


# --- what is wrong -------------------------------------------------------------------------------


@pytest.fixture
def log(peer):
    profile = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    subscription, received = peer.listen(Log, '/rosout', profile)
    yield received
    peer.node.destroy_subscription(subscription)


@pytest.fixture
def health(peer):
    subscription, received = peer.listen(DiagnosticArray, '/diagnostics', qos.DIAGNOSTICS)
    yield received
    peer.node.destroy_subscription(subscription)


def told(log, *parts):
    return [entry for entry in log if all(part in entry.msg for part in parts)]


def statuses(health, name='expression_node: expressions'):
    return [one for array in health for one in array.status if one.name == name]


def test_a_image_that_cannot_be_decoded_is_told_and_the_next_one_is_read(
    detector, smiling, log, health
):
    detector.track('a')
    received = detector.hear('a')
    detector.ask('a', smiling, received)
    broken = Image(height=128, width=128, encoding='bgr8', step=384, data=bytes(100))
    detector.peer.spin_until(
        lambda: told(log, '/humans/faces/a/cropped', 'cut off'),
        'the warning',
        lambda: detector.send('a', broken),
    )
    assert detector.ask('a', smiling, received).expression == 'happy'
    detector.peer.spin_until(lambda: statuses(health), 'the diagnostics')
    values = {item.key: item.value for item in statuses(health)[-1].values}
    assert int(values['bad frames']) >= 1
    assert int(values['frames']) >= 2


@pytest.mark.parametrize('face_id', ['23bd5', 'a b', 'a/', ''])
def test_an_id_that_cannot_be_part_of_a_topic_is_told_and_the_others_are_read(
    detector, smiling, log, face_id
):
    """REP-155's own example has 23bd5, which was a name in ROS 1."""
    detector.track('good')
    detector.ids.append(face_id)
    detector.peer.spin_until(lambda: told(log, repr(face_id)), 'the warning', detector.say)
    assert detector.ask('good', smiling, detector.hear('good')).expression == 'happy'


def test_another_author_of_expressions_is_told(detector, peer, hri_msgs, health):
    detector.track('a')
    detector.hear('a')
    rival = peer.node.create_publisher(hri_msgs.Expression, detector.name('a'), 1)
    peer.spin_until(
        lambda: any('Another node' in one.message for one in statuses(health)), 'the warning'
    )
    peer.node.destroy_publisher(rival)


def test_a_model_that_does_not_exist_is_told_in_one_sentence(with_messages):
    code, _, err = run_node('expression_node', *parameters(model_path='/no.onnx'), **with_messages)
    assert code == EXIT_USAGE
    assert_one_sentence(err, '/no.onnx')


def test_an_unusable_topic_is_told_in_one_sentence(with_messages):
    arguments = parameters(humans_topic='"no good"')
    code, _, err = run_node('expression_node', *arguments, **with_messages)
    assert code == EXIT_USAGE
    assert_one_sentence(err, 'humans_topic', 'no good')


# --- other settings ------------------------------------------------------------------------------


def test_a_robot_in_a_namespace_reads_aligned_images_sent_best_effort(
    peer, hri_msgs, with_messages, smiling, health
):
    values = parameters(
        humans_topic='humans', face_image='aligned', image_timeout=0.1, mode='replay'
    )
    process = start_node('expression_node', '-r', '__ns:=/robot1', *values, **with_messages)
    other = None
    try:
        other = FaceDetector(peer, hri_msgs, '/robot1/humans', 'aligned', BEST_EFFORT)
        other.track('a')
        # Ids that are sent best effort may be lost while both sides find each other.
        peer.spin_until(lambda: not other.is_gone('a'), 'the publisher', other.say)
        received = other.hear('a')
        peer.spin_until(
            lambda: any(
                'No image on' in one.message
                for one in statuses(health, 'robot1/expression_node: expressions')
            ),
            'the warning of silence',
        )
        assert other.ask('a', smiling, received).expression == 'happy'
        code, _, err = interrupt(process)
    finally:
        process.kill()
        if other is not None:
            other.close()
    assert code == 0
    assert 'Traceback' not in err


def test_faces_that_come_and_go_leave_nothing_in_the_node(hri_msgs, model_path):
    """In this process, to look at what rclpy holds."""
    from emotion_bringup.nodes.expression import ExpressionNode

    values = parameters(model_path=model_path, detector='haar', humans_topic='/crowd')
    bench = Bench(ExpressionNode, values)
    try:
        detector = bench.client.create_publisher(hri_msgs.IdsList, '/crowd/faces/tracked', 1)
        bench.spin_until(detector.get_subscription_count, 'the subscription')
        before = entities_of(bench.node)
        for number in range(6):
            topic = f'/crowd/faces/f{number}/expression'
            subscription = bench.client.create_subscription(
                hri_msgs.Expression, topic, lambda _: None, 1
            )
            detector.publish(hri_msgs.IdsList(ids=[f'f{number}']))
            image = f'/crowd/faces/f{number}/cropped'
            bench.spin_until(
                lambda topic=image: bench.node.count_subscribers(topic), 'the listening'
            )
            detector.publish(hri_msgs.IdsList())
            bench.spin_until(
                lambda topic=topic: not bench.node.count_publishers(topic), 'the end of the face'
            )
            bench.client.destroy_subscription(subscription)
            # What the executor was at when the face ended goes with its next turn.
            bench.spin_until(lambda: entities_of(bench.node) == before, f'the end of all {before}')
        # Those of the last face may wait for the next one.
        assert len(bench.node.default_callback_group.entities) < 2 * before['in the group']
    finally:
        bench.close()


def entities_of(node):
    """How much a node holds on to."""
    group = node.default_callback_group.entities
    return {
        'publishers': len(list(node.publishers)),
        'subscriptions': len(list(node.subscriptions)),
        'waitables': len(list(node.waitables)),
        'guards': len(list(node.guards)),
        'in the group': sum(reference() is not None for reference in group),
    }
