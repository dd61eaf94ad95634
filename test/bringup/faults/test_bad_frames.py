"""Broken images by the thousand among good ones: every good one is processed, in order."""

from dataclasses import dataclass, field

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from frames import broken_frames, good_frames, is_readable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rclpy.qos import QoSProfile, ReliabilityPolicy
from stage import Camera

NODE = '/fuzz/emotion_node'
EXAMPLES = 50
FRAMES = 40


@dataclass
class Tally:
    """What was tried on the node of this module."""

    tried: int = 0
    good: int = 0
    handles: list[int] = field(default_factory=list)
    memory_mib: list[float] = field(default_factory=list)


@pytest.fixture(scope='module')
def process(stage):
    return stage.start('emotion_node', '-r', '__ns:=/fuzz', mode='replay')


@pytest.fixture(scope='module')
def camera(stage, process, small):
    camera = Camera(stage, '/fuzz', mode='replay')
    camera.connect(small)
    return camera


@pytest.fixture(scope='module')
def tally():
    return Tally()


def values(status):
    return {entry.key: entry.value for entry in status.values}


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(frames=st.lists(good_frames() | broken_frames(), min_size=FRAMES, max_size=FRAMES))
def fuzz(stage, process, camera, tally, frames):
    camera.results.clear()
    expected = []
    for message in frames:
        stamp_ns = camera.send(message)
        if is_readable(message):
            expected.append(stamp_ns)
    tally.tried += len(frames)
    tally.good += len(expected)
    last = camera.send(camera.image)
    stage.spin_until(lambda: last in camera.stamps, 'the result to the good image at the end')
    assert camera.stamps == [*expected, last]
    assert process.is_alive


def test_every_good_image_among_thousands_is_processed_in_order(
    stage, process, camera, tally, small
):
    camera.image = small
    threads, handles, memory = process.threads, process.handles, process.memory_mib
    bad_before = int(values(stage.status(NODE))['bad frames'])
    fuzz(stage, process, camera, tally)
    assert tally.tried >= EXAMPLES * FRAMES
    bad = tally.tried - tally.good
    assert min(tally.good, bad) > tally.tried / 5
    status = stage.status(NODE)
    assert status.level == DiagnosticStatus.OK
    assert int(values(status)['bad frames']) - bad_before == bad
    assert stage.crashed() == []
    assert (process.threads, process.handles) == (threads, handles)
    assert process.memory_mib - memory < 64


def test_bad_images_are_told_now_and_then_and_not_each(stage, process):
    assert 1 <= process.output.count('Image left out') < 100
    assert 'Traceback' not in process.output


def test_repeated_stamps_of_a_bag_are_all_processed(stage, camera, small):
    camera.results.clear()
    sent = [camera.send(small, stamp) for stamp in (10**9, 10**9, 10**9, 2 * 10**9, 0, 0)]
    stage.spin_until(lambda: len(camera.results) == len(sent), 'all results')
    assert camera.stamps == sent


def test_a_best_effort_publisher_joins_and_both_are_heard(stage, camera, small):
    camera.unplug()
    camera.plug_in(QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT))
    stage.spin_until(lambda: stage.logged('does not offer the reliability'), 'the warning')
    camera.connect(small)
    camera.unplug()
    camera.plug_in()
    camera.connect(small)
    camera.ask(small)
