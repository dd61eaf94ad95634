"""A bag at full speed through camera and emotion node: every stamp is accounted for."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from ros_bench import header, image_message
from sensor_msgs.msg import CameraInfo, Image
from stage import FIRST_STAMP_NS, Camera

from emotion_bringup import qos
from emotion_bringup.conversion import stamp_to_ns
from emotion_bringup.distributions import profile_variables
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.bags.writer import BagWriter

CROWD = str(Path(__file__).parent / 'crowd.py')
FRAMES = 2000
# Closer than any machine can result, so that the bag is read as fast as the results come.
PERIOD_NS = 100_000
EVERY_NTH_REPEATS = 500


def bag_stamps():
    """Even steps; now and then a stamp that comes twice."""
    stamps = FIRST_STAMP_NS + PERIOD_NS * np.arange(FRAMES)
    stamps[EVERY_NTH_REPEATS::EVERY_NTH_REPEATS] -= PERIOD_NS
    return stamps.tolist()


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    """Tiny images of two sizes in turns, so that a result shows which image it is to."""
    path = tmp_path_factory.mktemp('bags') / 'full_speed'
    images = [np.full((32, 32 + 16 * (n % 2), 3), 100, np.uint8) for n in range(2)]
    with BagWriter(path) as writer:
        connection = writer.add_topic('/image', 'sensor_msgs/msg/Image')
        for number, stamp_ns in enumerate(bag_stamps()):
            message = image_message(images[number % 2])
            message.header = header(stamp_ns)
            time_ns = FIRST_STAMP_NS + number * PERIOD_NS
            writer.write(connection, time_ns, serialize_message(message))
    return path


@pytest.fixture(scope='module')
def replayed(stage, bag):
    """(images, results) of one replay."""
    image = ['-r', 'image:=/bag/image_raw', '-r', 'emotions:=/bag/emotions']
    stage.start('emotion_node', *image, mode='replay', min_subscribers=2)
    images = stage.listen(Image, '/bag/image_raw', qos.image_in('replay'))
    results = stage.listen(FaceEmotionArray, '/bag/emotions', qos.emotions('replay'))
    source = {'video_device': f"'{bag}'", 'mode': 'replay'}
    flow = {'wait_for_subscribers': 2, 'max_in_flight': 4}
    arguments = ['-r', '__ns:=/bag', *image]
    camera = stage.start('camera_node', *arguments, **source, **flow)
    camera.killed = True  # it ends by itself
    stage.listen(CameraInfo, '/bag/camera_info', qos.camera_info('replay'))
    stage.spin_until(lambda: not camera.is_alive, 'the end of the bag')
    assert camera.wait() == 0, camera.output
    stage.spin_until(lambda: len(results) >= FRAMES, 'the last result')
    return images, results


def test_every_stamp_of_the_bag_comes_back_once_and_in_order(replayed):
    _, results = replayed
    assert [stamp_to_ns(result.header.stamp) for result in results] == bag_stamps()


def test_every_result_is_the_one_to_its_image(replayed):
    images, results = replayed
    assert [image.header for image in images] == [result.header for result in results]
    assert [image.width for image in images] == [result.image_width for result in results]


def test_nothing_crashed_and_nothing_was_given_up(stage, replayed):
    assert stage.crashed() == []
    assert not stage.logged('going on without')
    assert not stage.logged('left out')


# --- a subscriber that is behind ---------------------------------------------------------------

# As many results as the node may keep for a reader that is behind; 5000 without this profile.
SHORT_QUEUE = """\
<dds xmlns="http://www.eprosima.com"><profiles>
  <data_writer profile_name="/behind/emotions"><topic><resourceLimitsQos>
    <max_samples>20</max_samples>
    <max_instances>1</max_instances>
    <max_samples_per_instance>20</max_samples_per_instance>
  </resourceLimitsQos></topic></data_writer>
</profiles></dds>
"""


def test_a_subscriber_that_is_behind_is_waited_for_in_replay(stage, small, tmp_path, monkeypatch):
    profile = tmp_path / 'short_queue.xml'
    profile.write_text(SHORT_QUEUE)
    with monkeypatch.context() as patch:
        for variable in profile_variables(os.environ):
            patch.setenv(variable, str(profile))
        stage.start('emotion_node', '-r', '__ns:=/behind', mode='replay')
    camera = Camera(stage, '/behind', mode='replay')
    camera.connect(small)
    reader = stage.python('reader', CROWD, camera.emotions_topic, '2', '1000000')

    def heard() -> bool:
        camera.ask(small)
        return 'All have heard' in reader.output

    # A writer waits only for readers that it has found: that must come before they stop.
    stage.spin_until(heard, 'a result in the reader')
    reader.signal(signal.SIGSTOP)
    camera.results.clear()
    sent = [camera.send(small) for _ in range(60)]
    stage.spin_until(lambda: stage.logged('does not keep up'), 'the warning')
    assert len(camera.results) < len(sent)
    reader.signal(signal.SIGCONT)
    stage.spin_until(lambda: len(camera.results) >= len(sent), 'the last result')
    assert camera.stamps == sent
    reader.kill()
