"""Readers that are made once their publisher is known, so that they miss nothing of it."""

import time

import pytest
from processes import finish, start
from ros_bench import robot_node
from std_msgs.msg import UInt32

from emotion_bringup import qos
from emotion_bringup.publisher_wait import PublisherWait

MESSAGES = 50
# A publisher that sends all it has as soon as it knows a reader, and says so.
PUBLISHER = f"""
import time
import rclpy
from std_msgs.msg import UInt32
from emotion_bringup import qos

rclpy.init()
node = rclpy.create_node('source', namespace='/robot')
publisher = node.create_publisher(UInt32, 'numbers', qos.EMOTIONS_REPLAY)
while not publisher.get_subscription_count():
    time.sleep(0.001)
for number in range({MESSAGES}):
    publisher.publish(UInt32(data=number))
print('sent', flush=True)
rclpy.spin(node)
"""


@pytest.fixture
def source():
    """Starts the publisher."""
    processes = []

    def begin():
        processes.append(start(['-c', PUBLISHER]))
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        finish(process)


@pytest.fixture
def node():
    with robot_node('reader') as node:
        yield node


def spin(node, holds):
    """Whether something comes true; the time is far more than is needed."""
    deadline = time.monotonic() + 60
    while not (done := holds()) and time.monotonic() < deadline:
        node.executor.spin_once(timeout_sec=0.05)
    return done


def test_a_reader_that_waits_for_its_publisher_hears_all_of_it(node, source):
    heard = []

    def subscribe():
        node.create_subscription(
            UInt32, 'numbers', lambda message: heard.append(message.data), qos.EMOTIONS_REPLAY
        )

    wait = PublisherWait(node, 'numbers', subscribe)
    assert wait.is_waiting
    assert not list(node.subscriptions), 'it must not be known to the publisher yet'
    process = source()
    assert spin(node, lambda: len(heard) == MESSAGES)
    assert heard == [*range(MESSAGES)]
    assert process.stdout.readline().strip() == 'sent'
    assert not wait.is_waiting


def test_where_the_publisher_is_known_it_does_not_wait(node, source):
    source()
    assert spin(node, lambda: node.count_publishers('/robot/numbers') == 1)
    called = []
    wait = PublisherWait(node, 'numbers', lambda: called.append(1))
    assert called
    assert not wait.is_waiting


def test_a_wait_that_was_ended_calls_nothing(node, source):
    called = []
    ended = PublisherWait(node, 'numbers', lambda: called.append('ended'))
    ended.end()
    PublisherWait(node, 'numbers', lambda: called.append('other'))
    source()
    assert spin(node, lambda: called)
    assert called == ['other']
    assert not ended.is_waiting
