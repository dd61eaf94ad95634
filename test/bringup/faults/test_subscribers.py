"""Subscribers that never read, that are many, that are not there; publishers of both kinds."""

import signal
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import QoSProfile, ReliabilityPolicy
from ros_bench import header, image_message
from sensor_msgs.msg import Image
from stage import Camera

NODE = '/robot/emotion_node'
CROWD = str(Path(__file__).parent / 'crowd.py')
SUBSCRIBERS = 200
FRAMES = 200
# The allocators' noise; 200 images of the test's size that were kept take more.
MOST_GROWTH_MIB = 16


@pytest.fixture(scope='module')
def process(stage):
    return stage.start('emotion_node', '-r', '__ns:=/robot')


@pytest.fixture(scope='module')
def camera(stage, process, small):
    camera = Camera(stage, '/robot')
    camera.connect(small)
    return camera


def spin_until_subscribers(stage, camera, count):
    stage.spin_until(
        lambda: stage.node.count_subscribers(camera.emotions_topic) == count, f'{count} subscribers'
    )


def values(status):
    return {entry.key: entry.value for entry in status.values}


def ask_many(camera, image):
    for _ in range(FRAMES):
        camera.ask(image)


def test_without_subscriber_there_is_no_work_and_diagnostics_are_ok(stage, camera, small):
    camera.deafen()
    status = stage.status(NODE, lambda s: s.message.startswith('Idle'))
    assert status.level == DiagnosticStatus.OK
    # Not asked before: that report may be older than the last result.
    before = values(status)['frames']
    stage.spin_until(
        lambda: stage.node.count_subscribers(camera.image_topic) == 0, 'the end of the listening'
    )
    for _ in range(20):
        camera.send(small)
    status = stage.status(NODE)
    assert (status.level, values(status)['frames']) == (DiagnosticStatus.OK, before)
    camera.listen()
    camera.connect(small)


@pytest.mark.parametrize('stopped', [False, True], ids=['idle process', 'stopped process'])
def test_a_subscriber_that_never_reads_neither_blocks_nor_fills_the_node(
    stage, process, camera, stopped
):
    image = np.full((240, 320, 3), 128, np.uint8)
    before = stage.node.count_subscribers(camera.emotions_topic)
    deaf = stage.python('deaf', CROWD, camera.emotions_topic, '2', '0')
    spin_until_subscribers(stage, camera, before + 2)
    camera.ask(image)
    if stopped:
        deaf.signal(signal.SIGSTOP)
    memory, handles, threads = process.memory_mib, process.handles, process.threads
    ask_many(camera, image)
    assert process.memory_mib - memory < MOST_GROWTH_MIB
    assert (process.handles, process.threads) == (handles, threads)
    assert stage.status(NODE).level == DiagnosticStatus.OK
    deaf.kill()
    camera.ask(image)


def test_each_of_hundreds_of_subscribers_hears_the_results(stage, process, camera, small):
    crowd = stage.python('crowd', CROWD, camera.emotions_topic, str(SUBSCRIBERS), '3')
    crowd.killed = True  # it ends by itself
    while crowd.is_alive:
        camera.ask(small)
    assert crowd.wait() == 0, crowd.output
    camera.ask(small)
    assert stage.status(NODE).level == DiagnosticStatus.OK


def test_best_effort_and_reliable_publishers_are_both_processed(stage, camera, small):
    profile = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    second = stage.node.create_publisher(Image, camera.image_topic, profile)
    stage.spin_until(lambda: second.get_subscription_count() == 1, 'the match')
    camera.results.clear()

    def both_processed():
        message = image_message(small)
        message.header = header(camera.next_stamp(), 'second')
        second.publish(message)
        camera.send(small)
        return {result.header.frame_id for result in camera.results} >= {
            'second',
            'head_camera_optical',
        }

    stage.spin_until(both_processed, 'the results to both')
    stage.node.destroy_publisher(second)
    camera.connect(small)
    camera.ask(small)
