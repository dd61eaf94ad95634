"""Two robots on one machine, one of them on a simulated clock that stands still and jumps."""

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rosgraph_msgs.msg import Clock

from emotion_bringup import qos
from emotion_bringup.conversion import ns_to_stamp, stamp_to_ns
from emotion_msgs.msg import FaceEmotionArray

SECOND = 1_000_000_000
START_NS = 5_000 * SECOND
WIDTHS = {'real': 64, 'simulated': 96}


class Robot:
    """A camera and an emotion node in a namespace; their images have a width of their own."""

    def __init__(self, stage, name, folder, **values):
        self.name = name
        self.results = stage.listen(FaceEmotionArray, f'/{name}/emotions', qos.emotions('live'))
        cv2.imwrite(str(folder / '0.png'), np.full((48, WIDTHS[name], 3), 120, np.uint8))
        source = {'video_device': f"'{folder}'", 'framerate': 50.0, 'loop': 'true', **values}
        arguments = ['-r', f'__ns:=/{name}/camera']
        self.camera = stage.start('camera_node', *arguments, **source)
        arguments = ['-r', f'__ns:=/{name}', '-r', 'image:=camera/image_raw']
        self.emotion = stage.start('emotion_node', *arguments, **values)

    @property
    def stamps(self):
        return [stamp_to_ns(result.header.stamp) for result in self.results]


class SimulatedClock:
    """What a simulator or `ros2 bag play --clock` publishes."""

    def __init__(self, stage):
        self._stage = stage
        self._publisher = stage.node.create_publisher(Clock, '/clock', 10)
        self.now_ns = START_NS

    def publish(self):
        self._publisher.publish(Clock(clock=ns_to_stamp(self.now_ns)))

    def run_until(self, holds, what):
        """Goes on by 10 ms with every turn of the executor."""

        def step():
            self.now_ns += 10_000_000
            self.publish()
            return holds()

        self._stage.spin_until(step, what)


@pytest.fixture(scope='module')
def robots(stage, tmp_path_factory):
    """Both robots, the simulated one before anybody publishes /clock."""
    real = Robot(stage, 'real', tmp_path_factory.mktemp('real'))
    simulated = Robot(stage, 'simulated', tmp_path_factory.mktemp('sim'), use_sim_time='true')
    stage.spin_until(lambda: len(real.results) > 5, 'the results in real time')
    return real, simulated


SIMULATED = ('/simulated/emotion_node', '/simulated/camera/camera_node')


@pytest.fixture(scope='module')
def clock(stage, robots):
    _, simulated = robots
    for name in SIMULATED:
        status = stage.status(name, lambda s: s.level == DiagnosticStatus.WARN)
        assert 'nothing publishes /clock' in status.message
    for node in (simulated.emotion, simulated.camera):
        stage.spin_until(lambda node=node: 'set use_sim_time to false' in node.output, 'the cure')
    clock = SimulatedClock(stage)
    for name in SIMULATED:
        stage.status(name, lambda s: 'no time comes on /clock' in s.message)
    return clock


def test_a_clock_that_does_not_start_is_told_once_and_the_nodes_live(robots, clock):
    real, simulated = robots
    for node in (simulated.emotion, simulated.camera):
        assert node.output.count('use_sim_time is true, but') == 1
        assert node.is_alive
    for node in (real.emotion, real.camera):
        assert 'use_sim_time' not in node.output


def test_a_clock_that_starts_stamps_the_images(stage, robots, clock):
    _, simulated = robots
    simulated.results.clear()
    clock.run_until(lambda: any(s >= START_NS for s in simulated.stamps), 'simulated stamps')
    assert max(simulated.stamps) <= clock.now_ns + SECOND
    clock.run_until(lambda: len(simulated.results) > 20, 'a stream of results')
    for node in (simulated.emotion, simulated.camera):
        clock.run_until(lambda node=node: 'The time of /clock has come' in node.output, 'the news')


def test_a_paused_clock_stops_stamps_but_not_diagnostics(stage, robots, clock):
    _, simulated = robots
    simulated.results.clear()
    for name in SIMULATED:
        stage.status(name, lambda s: 'the time of /clock stands still at 5' in s.message)
    assert simulated.stamps == sorted(set(simulated.stamps))
    assert all(stamp <= clock.now_ns + SECOND for stamp in simulated.stamps)
    simulated.results.clear()
    clock.run_until(lambda: len(simulated.results) > 10, 'the results after the pause')


@pytest.mark.parametrize('seconds', [1000, -2000], ids=['forward', 'back'])
def test_a_clock_that_steps_takes_the_stamps_with_it(stage, robots, clock, seconds):
    _, simulated = robots
    clock.now_ns += seconds * SECOND
    target_ns = clock.now_ns

    def arrived():
        return any(target_ns <= stamp <= clock.now_ns + SECOND for stamp in simulated.stamps)

    simulated.results.clear()
    clock.run_until(arrived, 'stamps of the new time')
    simulated.results.clear()
    clock.run_until(lambda: len(simulated.results) > 10, 'a stream of results')
    assert simulated.stamps == sorted(simulated.stamps)
    stage.status('/simulated/emotion_node', lambda s: s.level == DiagnosticStatus.OK)


def test_time_is_told_to_go_back_once(robots):
    _, simulated = robots
    assert simulated.emotion.output.count('Time went back') == 1


def test_each_emotion_node_results_its_own_camera_only(stage, robots):
    real, simulated = robots
    for robot in robots:
        assert {result.image_width for result in robot.results} == {WIDTHS[robot.name]}
    now_ns = stage.node.get_clock().now().nanoseconds
    assert all(abs(now_ns - stamp) < 600 * SECOND for stamp in real.stamps)
    before = len(real.results)
    simulated.emotion.kill()
    stage.spin_until(lambda: len(real.results) > before + 10, 'the results of the other robot')
    assert stage.crashed() == []
