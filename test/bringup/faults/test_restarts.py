"""One of three running nodes is killed and started again; nobody touches the others."""

import signal

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from processes import finish, start
from sensor_msgs.msg import CameraInfo, Image

from emotion_bringup import qos
from emotion_bringup.conversion import stamp_to_ns
from emotion_msgs.msg import FaceEmotionArray

NODES = ('camera_node', 'emotion_node', 'overlay_node')


class Robot:
    """Camera, emotion and overlay node, and a subscriber of each that never subscribes again."""

    def __init__(self, stage, clip):
        self._stage, self._clip = stage, clip
        self.nodes = {}
        self.infos = stage.listen(CameraInfo, 'camera/camera_info', qos.camera_info('live'))
        self.results = stage.listen(FaceEmotionArray, 'emotions', qos.emotions('live'))
        self.images = stage.listen(Image, 'emotions/image', qos.image_in('live'))
        for name in NODES:
            self.start(name)

    def start(self, name):
        image = ['-r', 'image:=/camera/image_raw']
        start = self._stage.start
        if name == 'camera_node':
            source = {'video_device': f"'{self._clip}'", 'framerate': 20.0, 'loop': 'true'}
            self.nodes[name] = start(name, '-r', '__ns:=/camera', **source)
        elif name == 'emotion_node':
            self.nodes[name] = start(name, *image, image_timeout=1.0)
        else:
            self.nodes[name] = start(name, *image)

    def restart(self, name):
        self.nodes[name].kill()
        self.start(name)

    def spin_until_all_go_on(self, *lists):
        """Waits for ten more messages on each of some topics."""
        wanted = [len(received) + 10 for received in lists]
        self._stage.spin_until(
            lambda: all(len(r) >= n for r, n in zip(lists, wanted, strict=True)), 'the stream'
        )

    def spin_until_everything_goes_on(self):
        self.spin_until_all_go_on(self.infos, self.results, self.images)

    def pids(self, *names):
        assert all(self.nodes[name].is_alive for name in names)
        return [self.nodes[name].pid for name in names]


@pytest.fixture(scope='module')
def robot(stage, clip):
    robot = Robot(stage, clip)
    robot.spin_until_everything_goes_on()
    return robot


def test_results_come_back_after_the_emotion_node_was_killed(stage, robot):
    others = robot.pids('camera_node', 'overlay_node')
    robot.nodes['emotion_node'].kill()
    robot.spin_until_all_go_on(robot.infos)
    last_ns = stamp_to_ns(robot.results[-1].header.stamp)
    before = len(robot.results)
    robot.start('emotion_node')
    robot.spin_until_everything_goes_on()
    assert stamp_to_ns(robot.results[before].header.stamp) > last_ns
    assert {face.track_id for result in robot.results[before:] for face in result.faces} == {1}
    assert robot.pids('camera_node', 'overlay_node') == others


def test_the_overlay_draws_again_after_it_was_killed(stage, robot):
    others = robot.pids('camera_node', 'emotion_node')
    robot.restart('overlay_node')
    robot.spin_until_everything_goes_on()
    assert robot.pids('camera_node', 'emotion_node') == others


def test_a_killed_camera_is_missed_and_welcomed_back(stage, robot):
    others = robot.pids('emotion_node', 'overlay_node')
    stage.forget_log()
    robot.nodes['camera_node'].kill()
    status = stage.status('/emotion_node', lambda s: s.level == DiagnosticStatus.WARN)
    assert 'No image on /camera/image_raw' in status.message
    robot.start('camera_node')
    robot.spin_until_everything_goes_on()
    stage.status('/emotion_node', lambda s: s.level == DiagnosticStatus.OK)
    stage.spin_until(lambda: stage.logged('again, after', 'emotion_node'), 'the good news')
    # What comes later is another silence: a busy machine may need a second for a frame.
    warning, news = stage.logged(' on /camera/image_raw', 'emotion_node')[:2]
    assert warning.startswith('No image on')
    assert news.startswith('Images on')
    assert robot.pids('emotion_node', 'overlay_node') == others


def test_all_three_killed_at_once_come_back(stage, robot):
    for name in NODES:
        robot.nodes[name].kill()
    for name in NODES:
        robot.start(name)
    robot.spin_until_everything_goes_on()
    assert stage.crashed() == []


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_node_that_is_stopped_while_it_loads_ends_without_a_word(number):
    """A launch that is stopped at once, on a slow machine."""
    process = start(['-X', 'importtime', '-m', 'emotion_bringup.main', 'emotion_node'])
    for line in process.stderr:
        if 'rclpy' in line:
            break
    process.send_signal(number)
    code, out, err = finish(process)
    assert (code, out) == (0, '')
    assert all(line.startswith('import time:') for line in err.splitlines()), err
