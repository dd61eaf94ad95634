"""A bag at full speed through camera and emotion node: every stamp is accounted for."""

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from ros_bench import header, image_message
from sensor_msgs.msg import CameraInfo, Image
from stage import FIRST_STAMP_NS

from emotion_bringup import qos
from emotion_bringup.conversion import stamp_to_ns
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.bags.writer import BagWriter

FRAMES = 2000
# Closer than any machine can answer, so that the bag is read as fast as the answers come.
PERIOD_NS = 100_000
EVERY_NTH_REPEATS = 500


def bag_stamps():
    """Even steps; now and then a stamp that comes twice."""
    stamps = FIRST_STAMP_NS + PERIOD_NS * np.arange(FRAMES)
    stamps[EVERY_NTH_REPEATS::EVERY_NTH_REPEATS] -= PERIOD_NS
    return stamps.tolist()


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    """Tiny pictures of two sizes in turns, so that an answer shows which picture it is to."""
    path = tmp_path_factory.mktemp('bags') / 'full_speed'
    pictures = [np.full((32, 32 + 16 * (n % 2), 3), 100, np.uint8) for n in range(2)]
    with BagWriter(path) as writer:
        connection = writer.add_topic('/image', 'sensor_msgs/msg/Image')
        for number, stamp_ns in enumerate(bag_stamps()):
            message = image_message(pictures[number % 2])
            message.header = header(stamp_ns)
            time_ns = FIRST_STAMP_NS + number * PERIOD_NS
            writer.write(connection, time_ns, serialize_message(message))
    return path


@pytest.fixture(scope='module')
def replayed(stage, bag):
    """(images, answers) of one replay."""
    image = ['-r', 'image:=/bag/image_raw', '-r', 'emotions:=/bag/emotions']
    stage.start('emotion_node', *image, mode='replay', min_subscribers=2)
    images = stage.listen(Image, '/bag/image_raw', qos.image_in('replay'))
    answers = stage.listen(FaceEmotionArray, '/bag/emotions', qos.emotions('replay'))
    source = {'video_device': f"'{bag}'", 'mode': 'replay'}
    flow = {'wait_for_subscribers': 2, 'max_in_flight': 4}
    arguments = ['-r', '__ns:=/bag', *image]
    camera = stage.start('camera_node', *arguments, **source, **flow)
    camera.killed = True  # it ends by itself
    stage.listen(CameraInfo, '/bag/camera_info', qos.camera_info('replay'))
    stage.spin_until(lambda: not camera.is_alive, 'the end of the bag')
    assert camera.wait() == 0, camera.output
    stage.spin_until(lambda: len(answers) >= FRAMES, 'the last answer')
    return images, answers


def test_every_stamp_of_the_bag_comes_back_once_and_in_order(replayed):
    _, answers = replayed
    assert [stamp_to_ns(answer.header.stamp) for answer in answers] == bag_stamps()


def test_every_answer_is_the_one_to_its_picture(replayed):
    images, answers = replayed
    assert [image.header for image in images] == [answer.header for answer in answers]
    assert [image.width for image in images] == [answer.image_width for answer in answers]


def test_nothing_crashed_and_nothing_was_given_up(stage, replayed):
    assert stage.crashed() == []
    assert not stage.logged('going on without')
    assert not stage.logged('left out')
