"""vision_msgs from the emotion node, as a process of its own."""

import shutil

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from peer import ImageSender
from processes import assert_one_sentence, interrupt, run, start, start_node
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
from ros_bench import ASTRONAUT_BOX, header, parameters
from sensor_msgs.msg import Image

from emotion_bringup import qos
from emotion_bringup.conversion import stamp_to_ns
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.labels import EMOTION_NAMES

WITHOUT_VISION_MSGS = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == 'vision_msgs':
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)

sys.meta_path.insert(0, Blocker())
from emotion_bringup.main import run
sys.exit(run('emotion_node'))
"""


@pytest.fixture(scope='module')
def emotion_node(model_path, with_messages):
    process = start_node('emotion_node', *parameters(model_path=model_path), **with_messages)
    yield process
    interrupt(process)


@pytest.fixture(scope='module')
def images(peer, emotion_node):
    return ImageSender(peer, Image)


@pytest.fixture
def vision_msgs(messages):
    return messages('vision_msgs')


@pytest.fixture
def detections(peer, images, vision_msgs):
    subscription, received = peer.hear(vision_msgs.Detection2DArray, 'emotions/detections')
    yield received
    peer.node.destroy_subscription(subscription)


def corner_and_size(bbox):
    center = bbox.center.position
    return (
        center.x - bbox.size_x / 2,
        center.y - bbox.size_y / 2,
        bbox.size_x,
        bbox.size_y,
    )


def test_a_subscriber_of_the_detections_alone_gets_every_face(images, detections, two_faces):
    result = images.ask(two_faces, detections)
    assert len(result.detections) == 2
    assert result.header == header(stamp_to_ns(result.header.stamp))
    assert [one.header for one in result.detections] == [result.header] * 2
    assert {one.id for one in result.detections} == {'1', '2'}
    large = result.detections[0].bbox
    assert large.center.theta == 0.0
    assert np.allclose(corner_and_size(large), ASTRONAUT_BOX, atol=25)


def test_every_face_has_seven_hypotheses_with_the_strongest_first(
    images, detections, vision_msgs, peer, astronaut
):
    info = peer.hear(vision_msgs.LabelInfo, 'emotions/label_info', qos.LABELS)[1]
    peer.spin_until(lambda: info, 'the labels')
    names = {one.class_id: one.class_name for one in info[0].class_map}
    assert names == dict(enumerate(EMOTION_NAMES))
    result = images.ask(astronaut, detections)
    hypotheses = [one.hypothesis for one in result.detections[0].results]
    assert {int(one.class_id) for one in hypotheses} == set(names)
    scores = [one.score for one in hypotheses]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-5)


def test_an_image_without_a_face_is_processed_by_an_empty_array(images, detections, grey):
    assert list(images.ask(grey, detections).detections) == []


def test_detections_say_the_same_as_emotions(peer, images, detections, two_faces):
    subscription, results = peer.hear(FaceEmotionArray, 'emotions')

    def pairs():
        return [(a, b) for a in results for b in detections if a.header.stamp == b.header.stamp]

    # Each topic is matched at a time of its own, and what came before is lost.
    peer.spin_until(pairs, 'the same on both', lambda: images.ask(two_faces, detections))
    emotions, same = pairs()[0]
    peer.node.destroy_subscription(subscription)
    for face, detection in zip(emotions.faces, same.detections, strict=True):
        box = face.box
        expected = (box.x_offset, box.y_offset, box.width, box.height)
        assert np.allclose(corner_and_size(detection.bbox), expected, atol=1.0)
        assert detection.id == str(face.track_id)
        for one in detection.results:
            probability = face.probabilities[int(one.hypothesis.class_id)]
            assert one.hypothesis.score == pytest.approx(probability)


def test_without_a_subscriber_no_image_is_listened_to(peer, images, vision_msgs, grey):
    subscription, received = peer.hear(vision_msgs.Detection2DArray, 'emotions/detections')
    images.ask(grey, received)
    peer.node.destroy_subscription(subscription)
    peer.spin_until(
        lambda: images.publisher.get_subscription_count() == 0, 'the end of the listening'
    )


def test_a_new_threshold_is_announced(peer, images, vision_msgs):
    info = peer.hear(vision_msgs.LabelInfo, 'emotions/label_info', qos.LABELS)[1]
    peer.spin_until(lambda: info, 'the labels')
    client = AsyncParameterClient(peer.node, 'emotion_node')
    peer.spin_until(client.services_are_ready, 'the parameter services')
    for threshold in (0.75, 0.0):
        peer.result(client.set_parameters([Parameter('confidence_threshold', value=threshold)]))
        peer.spin_until(lambda now=threshold: info[-1].threshold == now, 'the new threshold')
    assert len(info[-1].class_map) == len(EMOTION_NAMES)


# --- without vision_msgs -------------------------------------------------------------------------


def test_without_vision_msgs_the_node_works_and_says_once_what_is_missing(
    peer, model_path, astronaut
):
    values = parameters(model_path=model_path, autostart='false')
    arguments = ['--ros-args', '-r', '__ns:=/bare', '-r', 'image:=/image', *values]
    process = start(['-c', WITHOUT_VISION_MSGS, *arguments], ROS_DISTRO='kilted')
    try:
        change = peer.node.create_client(ChangeState, '/bare/emotion_node/change_state')
        peer.spin_until(change.service_is_ready, 'the lifecycle service')
        for transition in (
            Transition.TRANSITION_CONFIGURE,
            Transition.TRANSITION_CLEANUP,
            Transition.TRANSITION_CONFIGURE,
            Transition.TRANSITION_ACTIVATE,
        ):
            request = ChangeState.Request(transition=Transition(id=transition))
            assert peer.result(change.call_async(request)).success
        subscription, results = peer.hear(FaceEmotionArray, '/bare/emotions')
        assert len(ImageSender(peer, Image).ask(astronaut, results).faces) == 1
        assert peer.node.count_publishers('/bare/emotions/detections') == 0
        peer.node.destroy_subscription(subscription)
        code, out, err = interrupt(process)
    finally:
        process.kill()
    assert code == 0
    assert 'Traceback' not in err
    (line,) = (line for line in (out + err).splitlines() if 'vision_msgs' in line)
    assert 'sudo apt install ros-kilted-vision-msgs' in line


def test_detections_that_are_not_wanted_are_not_missed(peer, model_path):
    values = parameters(model_path=model_path, publish_detections='false')
    arguments = ['--ros-args', '-r', '__ns:=/unwanted', *values]
    process = start(['-c', WITHOUT_VISION_MSGS, *arguments])
    try:
        peer.spin_until(lambda: peer.node.count_publishers('/unwanted/emotions'), 'the start')
        code, out, err = interrupt(process)
    finally:
        process.kill()
    assert code == 0
    assert 'vision_msgs' not in out + err


def test_messages_of_another_python_are_told_in_one_sentence(messages, tmp_path):
    """Python finds the classes, but not the libraries that were built for its version."""
    source = messages('vision_msgs').__path__[0]
    shutil.copytree(f'{source}/..', tmp_path / 'vision_msgs', ignore=_without_libraries)
    code = (
        f'import sys; sys.path.insert(0, {str(tmp_path)!r})\n'
        'from emotion_bringup.interop.packages import MessagePackageError, require_messages\n'
        'try:\n'
        "    require_messages('vision_msgs', 'Detection2DArray')\n"
        'except MessagePackageError as error:\n'
        '    print(error)\n'
    )
    code, out, err = run(['-c', code])
    assert (code, err) == (0, '')
    assert_one_sentence(out, 'vision_msgs', 'build it again')


def test_messages_that_are_too_old_are_told_in_one_sentence(tmp_path):
    (tmp_path / 'vision_msgs' / 'msg').mkdir(parents=True)
    (tmp_path / 'vision_msgs' / 'msg' / '__init__.py').touch()
    code = (
        f'import sys; sys.path.insert(0, {str(tmp_path)!r})\n'
        'from emotion_bringup.interop.packages import MessagePackageError, require_messages\n'
        'try:\n'
        "    require_messages('vision_msgs', 'LabelInfo')\n"
        'except MessagePackageError as error:\n'
        '    print(error)\n'
    )
    code, out, err = run(['-c', code])
    assert (code, err) == (0, '')
    assert_one_sentence(out, 'vision_msgs', 'too old', 'LabelInfo')


def _without_libraries(folder, names):
    return [name for name in names if '.so' in name or name == '__pycache__']
