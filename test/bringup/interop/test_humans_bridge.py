"""REP-155 (ROS4HRI) from the bridge, as a process of its own."""

import dataclasses

import numpy as np
import pytest
from peer import EmotionSender, ImageSender
from processes import assert_one_sentence, interrupt, run, run_node, start_node
from ros_bench import ASTRONAUT_BOX, header, image_message, parameters
from sensor_msgs.msg import Image

from emotion_bringup import qos
from emotion_bringup.conversion import image_from_message, stamp_to_ns
from emotion_bringup.endings import EXIT_USAGE
from emotion_perception.inference.affect import affect_of
from emotion_perception.labels import Emotion
from emotion_perception.types import Box, Face, Head

LANDMARKS = np.array([[203, 101], [246, 103], [224, 125], [204, 141], [242, 142]], np.float32)
FACE = Face(
    track_id=1,
    box=Box(*(float(value) for value in ASTRONAUT_BOX)),
    score=0.9,
    landmarks=LANDMARKS,
    emotion_id=3,
    confidence=0.7,
    probabilities=np.array([0.05, 0.05, 0.05, 0.7, 0.05, 0.05, 0.05], np.float32),
)
FRAME_S = 1 / 30
# Longer than a track lives without its face.
LONG_S = 5.0


@pytest.fixture(scope='module')
def hri_msgs(messages):
    return messages('hri_msgs')


@pytest.fixture(scope='module')
def bridge(with_messages):
    # A slow machine must not make the faces of a test go away.
    process = start_node('humans_bridge', *parameters(emotions_timeout=600.0), **with_messages)
    yield process
    code, _, err = interrupt(process)
    assert code == 0
    assert 'Traceback' not in err


@pytest.fixture(scope='module')
def sender(peer, bridge):
    return EmotionSender(peer)


class Humans:
    """A listener of /humans that starts without any face in view."""

    def __init__(self, peer, sender, hri_msgs, topic='/humans'):
        self._topic = topic
        self._peer, self._sender, self._types = peer, sender, hri_msgs
        self._subscriptions = []
        self.tracked = self.hear(hri_msgs.IdsList, 'tracked')
        peer.spin_until(sender.is_heard, 'the subscription to emotions')
        peer.spin_until(
            lambda: self.tracked, 'the first message', lambda: sender.send([], peer.later(LONG_S))
        )
        self.see([], LONG_S)

    def hear(self, message_type, name, profile=None):
        subscription, received = self._peer.hear(
            message_type, f'{self._topic}/faces/{name}', profile
        )
        self._subscriptions.append(subscription)
        return received

    def see(self, faces, seconds=FRAME_S):
        """Sends the faces of the next image; returns who is tracked then, and its stamp."""
        stamp_ns = self._peer.later(seconds)
        self._sender.send(faces, stamp_ns)
        return list(self.wait_for(self.tracked, stamp_ns).ids), stamp_ns

    def leave_for_good(self):
        """Sends images without a face until none can come back."""
        for _ in range(3):  # a stream so slow keeps its faces for 2.5 steps
            self.see([], LONG_S)

    def wait_for(self, received, stamp_ns):
        """The message with the header of an image."""
        expected = header(stamp_ns)
        self._peer.spin_until(
            lambda: any(one.header == expected for one in received), f'a message of {stamp_ns}'
        )
        return next(one for one in received if one.header == expected)

    def hear_face(self, message_type, name, faces=(FACE,), profile=None):
        """Makes a face appear and listens to one of its topics until messages come through."""
        (face_id,), _ = self.see(list(faces))
        received = self.hear(message_type, f'{face_id}/{name}', profile)
        self._peer.spin_until(lambda: received, 'the first message', lambda: self.see(list(faces)))
        return received

    def close(self):
        while self._subscriptions:
            self._peer.node.destroy_subscription(self._subscriptions.pop())


@pytest.fixture
def humans(peer, sender, hri_msgs):
    listener = Humans(peer, sender, hri_msgs)
    yield listener
    listener.close()


def topics(peer):
    return [name for name, _ in peer.node.get_topic_names_and_types() if '/humans/faces/f' in name]


# --- who is there --------------------------------------------------------------------------------


def test_faces_are_tracked_by_ids_that_start_with_a_letter(humans):
    ids, _ = humans.see([FACE, dataclasses.replace(FACE, track_id=12)])
    assert len(ids) == 2
    assert all(one[0].isalpha() and one.isalnum() for one in ids)
    assert ids[1].startswith('f12')


def test_a_face_that_vanishes_leaves_tracked_at_once(humans):
    other = dataclasses.replace(FACE, track_id=2)
    both, _ = humans.see([FACE, other])
    assert humans.see([other])[0] == both[1:]
    assert humans.see([])[0] == []


def test_a_missed_detection_loses_no_subscriber(humans, hri_msgs):
    received = humans.hear_face(hri_msgs.Expression, 'expression')
    for _ in range(5):
        humans.see([])
        # Without a new match: the very next message has to come.
        humans.wait_for(received, humans.see([FACE])[1])


def test_a_face_that_is_gone_for_good_takes_its_topics_with_it(humans, peer, hri_msgs):
    humans.hear_face(hri_msgs.Expression, 'expression')
    assert len(topics(peer)) >= 5
    humans.leave_for_good()
    (name,) = {subscription.topic_name for subscription in humans._subscriptions[1:]}
    peer.spin_until(lambda: not peer.node.count_publishers(name), 'the end of the publisher')


def test_many_faces_in_turn_leave_no_topics_behind(humans, peer):
    for number in range(100, 130):
        humans.see([dataclasses.replace(FACE, track_id=number)], LONG_S)
    humans.leave_for_good()
    peer.spin_until(lambda: not topics(peer), 'the end of all topics')


def test_after_time_went_back_the_same_track_is_another_person(humans, sender):
    (before,), stamp_ns = humans.see([FACE])
    sender.send([FACE], stamp_ns - 10**9)
    (after,) = humans.wait_for(humans.tracked, stamp_ns - 10**9).ids
    assert after != before
    assert after[0].isalpha()


# --- what is known of a face ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ('emotion', 'name'),
    [
        (Emotion.ANGRY, 'angry'),
        (Emotion.DISGUST, 'disgusted'),
        (Emotion.FEAR, 'scared'),
        (Emotion.HAPPY, 'happy'),
        (Emotion.SAD, 'sad'),
        (Emotion.SURPRISE, 'surprised'),
        (Emotion.NEUTRAL, 'neutral'),
    ],
)
def test_every_emotion_has_its_expression(humans, hri_msgs, emotion, name):
    probabilities = np.full(7, 0.04, np.float32)
    probabilities[emotion] = 0.76
    face = dataclasses.replace(
        FACE, emotion_id=int(emotion), confidence=0.76, probabilities=probabilities
    )
    received = humans.hear_face(hri_msgs.Expression, 'expression', [face])
    assert received[-1].expression == name
    assert received[-1].confidence == pytest.approx(0.76)
    expected = affect_of(probabilities)
    assert (received[-1].valence, received[-1].arousal) == pytest.approx(expected, abs=1e-6)


def test_an_uncertain_face_has_its_strongest_expression_with_its_confidence(humans, hri_msgs):
    probabilities = np.array([0.1, 0.1, 0.1, 0.1, 0.3, 0.2, 0.1], np.float32)
    face = dataclasses.replace(FACE, emotion_id=None, confidence=0.3, probabilities=probabilities)
    received = humans.hear_face(hri_msgs.Expression, 'expression', [face])
    assert received[-1].expression == 'sad'
    assert received[-1].confidence == pytest.approx(0.3)


def test_the_region_is_in_units_of_the_image(humans, hri_msgs):
    region = humans.hear_face(hri_msgs.NormalizedRegionOfInterest2D, 'roi')[-1]
    x, y, width, height = ASTRONAUT_BOX
    corners = np.array([region.xmin, region.ymin, region.xmax, region.ymax]) * 512
    assert np.allclose(corners, (x, y, x + width, y + height), atol=0.01)
    assert region.c == pytest.approx(0.9)


def test_five_landmarks_are_known_and_lie_on_the_persons_side(humans, hri_msgs):
    message = humans.hear_face(hri_msgs.FacialLandmarks, 'landmarks')[-1]
    assert (message.width, message.height) == (512, 512)
    assert len(message.landmarks) == 70
    names = ('RIGHT_PUPIL', 'LEFT_PUPIL', 'NOSE', 'MOUTH_OUTER_RIGHT', 'MOUTH_OUTER_LEFT')
    indices = [getattr(hri_msgs.FacialLandmarks, name) for name in names]
    found = np.array([(message.landmarks[i].x, message.landmarks[i].y) for i in indices])
    assert np.allclose(found * 512, LANDMARKS, atol=0.01)
    known = [index for index, point in enumerate(message.landmarks) if point.c]
    assert known == sorted(indices)


@pytest.mark.parametrize('landmarks', [None, LANDMARKS - 600], ids=['none', 'outside'])
def test_unknown_landmarks_have_no_confidence(humans, hri_msgs, landmarks):
    face = dataclasses.replace(FACE, landmarks=landmarks)
    message = humans.hear_face(hri_msgs.FacialLandmarks, 'landmarks', [face])[-1]
    assert not any(point.c for point in message.landmarks)


# --- where it looks ------------------------------------------------------------------------------


def looking(probability, track_id=1):
    nothing = np.full(3, np.nan)
    head = Head(
        rotation=np.eye(3),
        position=nothing,
        gaze=np.array([0.0, 0, -1]),
        looking_at_camera=probability,
        mesh=np.zeros((468, 3), np.float32),
        origin=(224, 102),
        scale=0.5,
    )
    return dataclasses.replace(FACE, track_id=track_id, head=head)


def test_engagement_follows_how_long_a_face_looks_into_the_camera(humans, hri_msgs):
    levels = hri_msgs.EngagementLevel
    received = humans.hear_face(levels, 'engagement_status')
    assert received[-1].level == levels.UNKNOWN

    def level(probability, seconds):
        _, stamp_ns = humans.see([looking(probability)], seconds)
        return humans.wait_for(received, stamp_ns).level

    found = [level(0.9, FRAME_S), level(0.9, 1.1), level(0.1, FRAME_S), level(0.1, 1.1)]
    assert found == [levels.ENGAGING, levels.ENGAGED, levels.DISENGAGING, levels.DISENGAGED]


def test_who_looks_at_the_robot_is_told_by_id(humans, peer, hri_msgs):
    subscription, received = peer.hear(hri_msgs.Gaze, '/humans/interactions/gazing')
    humans._subscriptions.append(subscription)
    faces = [looking(0.9, 1), looking(0.1, 2)]
    peer.spin_until(lambda: received, 'the first gaze', lambda: humans.see(faces))
    ids, stamp_ns = humans.see(faces)
    told = humans.wait_for(received, stamp_ns)
    assert (told.sender, told.receiver) == (ids[0], '')
    assert not [one for one in received if one.sender == ids[1]]


# --- images ------------------------------------------------------------------------------------


@pytest.fixture(scope='module')
def images(peer, bridge):
    return peer.node.create_publisher(Image, 'image', qos.IMAGE_REPLAY)


@pytest.fixture
def hear_image(humans, peer, images, astronaut):
    """Listens to images of the face; returns the newest one."""

    def hear(name, image=astronaut, size=(512, 512)):
        (face_id,), _ = humans.see([FACE])
        received = humans.hear(Image, f'{face_id}/{name}', qos.IMAGE_OUT)
        send_pair = sender_of_pairs(peer, humans, images, image, size)
        peer.spin_until(lambda: received, 'the image', send_pair)
        return received[-1]

    return hear


def stamps_of(received):
    return [stamp_to_ns(one.header.stamp) for one in received]


def sender_of_pairs(peer, humans, images, image, size=(512, 512)):
    def send():
        stamp_ns = peer.later(FRAME_S)
        message = image_message(image)
        message.header = header(stamp_ns)
        images.publish(message)
        humans._sender.send([FACE], stamp_ns, *size)
        return stamp_ns

    return send


def test_the_crop_is_the_face_in_its_proportions_with_black_beside_it(hear_image, astronaut):
    message = hear_image('cropped')
    assert (message.width, message.height, message.encoding) == (128, 128, 'bgr8')
    assert message.header.frame_id == 'head_camera_optical'
    image = image_from_message(message)
    x, y, width, height = ASTRONAUT_BOX
    bar = (128 - 128 * width // height) // 2 - 1
    assert not image[:, :bar].any()
    assert not image[:, -bar:].any()
    original = astronaut[y : y + height, x : x + width].mean(axis=(0, 1))
    assert np.allclose(image[:, bar + 2 : -bar - 2].mean(axis=(0, 1)), original, atol=4)


def test_the_aligned_face_has_the_size_of_the_crop_and_no_black(hear_image):
    message = hear_image('aligned')
    assert (message.width, message.height, message.encoding) == (128, 128, 'bgr8')
    image = image_from_message(message)
    # The edge of the frame would be repeated; here the face is in its middle.
    assert image[64, 64].any()
    assert image.std() > 20


def test_images_are_listened_to_only_while_images_are(humans, peer, images, hear_image):
    peer.spin_until(
        lambda: images.get_subscription_count() == 0,
        'the end of what was listened to before',
        lambda: humans.see([FACE]),
    )
    hear_image('cropped')
    assert images.get_subscription_count() == 1
    peer.node.destroy_subscription(humans._subscriptions.pop())
    peer.spin_until(
        lambda: images.get_subscription_count() == 0,
        'the end of the listening',
        lambda: humans.see([FACE]),
    )


def test_an_image_of_another_size_is_left_out_and_the_bridge_lives_on(
    humans, peer, images, hear_image, astronaut
):
    hear_image('cropped')
    received = humans.hear(Image, f'{humans.tracked[-1].ids[0]}/aligned', qos.IMAGE_OUT)
    send_wrong = sender_of_pairs(peer, humans, images, np.ascontiguousarray(astronaut[::2, ::2]))
    wrong = []
    for _ in range(5):
        wrong.append(send_wrong())
        humans.see([FACE])
    peer.spin_until(
        lambda: any(stamp > wrong[-1] for stamp in stamps_of(received)),
        'an image of a later image',
        sender_of_pairs(peer, humans, images, astronaut),
    )
    assert not set(wrong) & set(stamps_of(received))


def test_all_landmarks_are_found_in_the_image_on_request(
    peer, sender, images, hri_msgs, with_messages, astronaut
):
    values = parameters(emotions_timeout=600.0, all_landmarks=True, humans_topic='/mesh')
    process = start_node('humans_bridge', *values, **with_messages)
    humans = Humans(peer, sender, hri_msgs, '/mesh')
    (face_id,), _ = humans.see([FACE])
    received = humans.hear(hri_msgs.FacialLandmarks, f'{face_id}/landmarks')
    send_pair = sender_of_pairs(peer, humans, images, astronaut)
    peer.spin_until(lambda: received, 'the landmarks', send_pair)
    humans.close()
    assert interrupt(process)[0] == 0
    assert len(received[-1].landmarks) == 70
    assert all(point.c == pytest.approx(0.9) for point in received[-1].landmarks)
    chin = received[-1].landmarks[8]
    x, y, width, height = ASTRONAUT_BOX
    assert abs(chin.x * 512 - (x + width / 2)) < width / 6
    assert abs(chin.y * 512 - (y + height)) < height / 6


# --- nobody there --------------------------------------------------------------------------------


def test_without_a_listener_nothing_is_subscribed_to(humans, peer, sender):
    humans.see([FACE])
    humans.close()
    peer.spin_until(lambda: not sender.is_heard(), 'the end of the listening')
    peer.spin_until(lambda: not topics(peer), 'the end of all topics')


def test_faces_are_gone_when_the_emotion_node_is(peer, humans, sender):
    ids, _ = humans.see([FACE])
    assert ids
    sender.close()
    peer.spin_until(lambda: not humans.tracked[-1].ids, 'the end of the tracking')
    assert humans.tracked[-1].header.frame_id == 'head_camera_optical'
    sender.open()
    peer.spin_until(sender.is_heard, 'the subscription to emotions')
    again, _ = humans.see([FACE])
    assert again != ids


def test_faces_are_gone_when_the_emotion_node_falls_silent(peer, hri_msgs, with_messages):
    process = start_node(
        'humans_bridge',
        '-r',
        '__ns:=/quiet',
        '-r',
        'emotions:=/quiet/results',
        *parameters(emotions_timeout=0.1, humans_topic='humans'),
        **with_messages,
    )
    try:
        tracked = peer.hear(hri_msgs.IdsList, '/quiet/humans/faces/tracked')[1]
        sender = EmotionSender(peer, '/quiet/results')
        peer.spin_until(
            lambda: any(one.ids for one in tracked),
            'a face',
            lambda: sender.send([FACE], peer.later(FRAME_S)),
        )
        peer.spin_until(lambda: not tracked[-1].ids, 'the end of the tracking')
    finally:
        interrupt(process)


def test_an_unusable_topic_is_told_in_one_sentence(with_messages):
    code, _, err = run_node('humans_bridge', *parameters(humans_topic='"no good"'), **with_messages)
    assert code == EXIT_USAGE
    assert_one_sentence(err, 'humans_topic', 'no good')


@pytest.mark.parametrize('node', ['humans_bridge', 'expression_node'])
@pytest.mark.parametrize(
    ('distribution', 'cure'),
    [
        ('jazzy', 'sudo apt install ros-jazzy-hri-msgs'),
        # Not released there.
        ('kilted', 'build https://github.com/ros4hri/hri_msgs in your workspace'),
    ],
)
def test_without_hri_msgs_a_node_ends_with_one_sentence(node, distribution, cure):
    code = (
        'import sys\n'
        'class Blocker:\n'
        '    def find_spec(self, name, path=None, target=None):\n'
        "        if name.partition('.')[0] == 'hri_msgs':\n"
        "            raise ModuleNotFoundError('No module named hri_msgs', name=name)\n"
        'sys.meta_path.insert(0, Blocker())\n'
        'from emotion_bringup.main import run\n'
        f'sys.exit(run({node!r}))\n'
    )
    code, _, err = run(['-c', code], ROS_DISTRO=distribution)
    assert code == EXIT_USAGE
    assert_one_sentence(err, 'hri_msgs is not installed', cure)


# --- with the emotion node -----------------------------------------------------------------------


def test_a_face_in_a_image_is_a_human(
    peer, messages, hri_msgs, with_messages, model_path, astronaut
):
    """Emotion node, bridge and camera in a robot's namespace, people below it too."""
    namespace = ['-r', '__ns:=/robot1', '-r', 'image:=/image']
    processes = [
        start_node('emotion_node', *namespace, *parameters(model_path=model_path), **with_messages),
        start_node(
            'humans_bridge', *namespace, *parameters(humans_topic='humans'), **with_messages
        ),
    ]
    try:
        tracked = peer.hear(hri_msgs.IdsList, '/robot1/humans/faces/tracked')[1]
        camera = ImageSender(peer, Image)
        assert camera.ask(astronaut, tracked).ids == ['f1']
        topic = '/robot1/humans/faces/f1'
        expressions = peer.hear(hri_msgs.Expression, f'{topic}/expression')[1]
        images = peer.hear(Image, f'{topic}/aligned', qos.IMAGE_OUT)[1]
        peer.spin_until(
            lambda: expressions and images, 'both', lambda: camera.ask(astronaut, tracked)
        )
        assert expressions[-1].expression in ('happy', 'sad')
        assert image_from_message(images[-1]).std() > 20
        for process in reversed(processes):
            code, _, err = interrupt(process)
            assert code == 0
            assert 'Traceback' not in err
    finally:
        for process in processes:
            process.kill()
