"""Positions by depth images from the emotion node, over DDS."""

import math

import numpy as np
import pytest
from rclpy.qos import QoSProfile, ReliabilityPolicy
from ros_bench import FRAME_NS, EmotionBench, header, image_message, parameters
from sensor_msgs.msg import CameraInfo, Image

FAR_M = 4.0


@pytest.fixture
def open_bench(model_path):
    benches = []

    def make(**values):
        bench = EmotionBench(parameters(model_path=model_path, detector='haar', **values))
        bench.depth = bench.client.create_publisher(Image, 'depth', 10)
        bench.infos = bench.client.create_publisher(CameraInfo, 'camera_info', 10)
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.close()


@pytest.fixture
def bench(open_bench, astronaut):
    """A node that uses depth and knows its camera."""
    bench = open_bench(gaze=True, use_depth=True)
    bench.connect(astronaut)
    bench.spin_until(lambda: bench.depth.get_subscription_count() == 1, 'the subscription')
    bench.infos.publish(camera_info())
    bench.spin_until(lambda: bench.node._camera_info._calibration, 'the calibration')
    return bench


def camera_info():
    k = [600.0, 0.0, 256.0, 0.0, 600.0, 256.0, 0.0, 0.0, 1.0]
    return CameraInfo(width=512, height=512, distortion_model='plumb_bob', d=[0.0] * 5, k=k)


def wall(encoding='16UC1', side=512):
    """A depth image of a wall that is far away."""
    if encoding == '16UC1':
        return image_message(np.full((side, side), 1000 * FAR_M, np.uint16), encoding)
    return image_message(np.full((side, side), FAR_M, np.float32), encoding)


def publish_depth(bench, message, stamp_ns):
    message.header = header(stamp_ns)
    bench.depth.publish(message)


def place(bench, image, message=None, off_ns=0):
    """Where the face is in the next image, when its depth image has come before it."""
    stamp_ns = bench.next_stamp()
    if message is not None:
        stamps = bench.node._depth._stamps
        publish_depth(bench, message, stamp_ns + off_ns)
        bench.spin_until(lambda: stamps and stamps[-1] == stamp_ns + off_ns, 'the depth image')
    (face,) = bench.ask(image, stamp_ns).faces
    return face.pose.position


@pytest.mark.parametrize('encoding', ['16UC1', '32FC1'])
def test_a_face_is_where_its_depth_image_says(bench, astronaut, encoding):
    near = place(bench, astronaut)
    assert 0.5 < near.z < 1.5
    far = place(bench, astronaut, wall(encoding))
    # The points of the face that are seen lie before the one between the pupils.
    assert FAR_M < far.z < FAR_M + 0.04
    assert (far.x / far.z, far.y / far.z) == pytest.approx(
        (near.x / near.z, near.y / near.z), abs=0.01
    )


def test_the_depth_image_of_half_a_period_around_counts_and_no_other(bench, astronaut):
    # The period is known once two have come.
    far = [place(bench, astronaut, wall()).z for _ in range(3)]
    assert min(far) > FAR_M
    assert place(bench, astronaut, wall(), off_ns=FRAME_NS * 2 // 5).z > FAR_M
    assert place(bench, astronaut, wall(), off_ns=-FRAME_NS * 2 // 5).z > FAR_M
    unmatched = bench.node._depth.unmatched
    bench.new_scene()  # a face that depth has not measured yet
    assert place(bench, astronaut, wall(), off_ns=-FRAME_NS * 3 // 5).z < 1.5
    assert place(bench, astronaut).z < 1.5
    values = {each.key: each.value for each in bench.next_status().values}
    assert values['images without depth'] == str(unmatched + 3)


def test_a_depth_image_that_comes_while_the_faces_are_found_counts(bench, astronaut):
    found = []

    def send():
        stamp_ns = bench.send(astronaut)
        publish_depth(bench, wall(), stamp_ns)
        bench.spin_until(lambda: bench._results_of(stamp_ns), 'the result')
        (face,) = bench._results_of(stamp_ns)[-1].faces
        found.append(face.pose.position.z)
        return found[-1] > FAR_M

    # How soon a message comes is not promised: most of them do.
    bench.spin_until(send, 'a depth image in time')


def test_what_cannot_be_used_is_told_once_and_positions_go_on(bench, astronaut):
    for _ in range(3):
        assert place(bench, astronaut, wall(side=256)).z < 1.5
    said = 'Depth images of /depth are not used. They have 256x256 pixels and the images 512x512: '
    bench.spin_until(lambda: bench.logged(said), 'the sentence')
    assert place(bench, astronaut, wall()).z > FAR_M
    bench.new_scene()
    grey = image_message(np.zeros((512, 512), np.uint8), 'mono8')
    for _ in range(2):
        assert place(bench, astronaut, grey).z < 1.5
    bench.spin_until(lambda: bench.logged("'mono8' is none of depth images"), 'the sentence')
    holes = image_message(np.full((512, 512), math.nan, np.float32), '32FC1')
    assert place(bench, astronaut, holes).z < 1.5
    assert len(bench.logged('Depth images of')) == 2


def test_depth_images_are_read_only_where_they_are_wanted(open_bench, astronaut):
    bench = open_bench(gaze=False, use_depth=True)
    bench.connect(astronaut)
    assert bench.depth.get_subscription_count() == 0
    assert bench.set_parameter('gaze', True) == (True, '')
    bench.spin_until(lambda: bench.depth.get_subscription_count() == 1, 'the subscription')
    bench.deafen()
    bench.spin_until(lambda: bench.depth.get_subscription_count() == 0, 'the end of listening')


def test_replay_takes_best_effort_depth_too(open_bench, astronaut):
    bench = open_bench(gaze=True, use_depth=True, mode='replay')
    bench.client.destroy_publisher(bench.depth)
    profile = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    bench.depth = bench.client.create_publisher(Image, 'depth', profile)
    bench.connect(astronaut)
    said = 'A publisher of /depth does not offer the reliability asked for'
    bench.spin_until(lambda: bench.logged(said), 'the warning')
    bench.spin_until(lambda: bench.depth.get_subscription_count() == 1, 'the subscription')
    bench.infos.publish(camera_info())
    bench.spin_until(lambda: bench.node._camera_info._calibration, 'the calibration')
    assert place(bench, astronaut, wall()).z > FAR_M


def test_without_the_parameter_no_depth_image_is_read(open_bench, astronaut):
    bench = open_bench(gaze=True)
    bench.connect(astronaut)
    bench.spin_until(lambda: bench.infos.get_subscription_count() == 1, 'the calibration wanted')
    assert bench.depth.get_subscription_count() == 0
