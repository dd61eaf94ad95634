"""Two nodes on a topic that is meant for one; a killed one does not count."""

import sys

import pytest
from processes import finish, start
from ros_bench import robot_node
from std_msgs.msg import Empty

from emotion_bringup.shared_topic import SharedTopicWatch

TOPIC = '/shared/topic'
PUBLISHER = f"""
import rclpy
from std_msgs.msg import Empty

rclpy.init()
node = rclpy.create_node('other')
publisher = node.create_publisher(Empty, {TOPIC!r}, 1)
print('there', flush=True)
rclpy.spin(node)
"""


@pytest.fixture
def node():
    with robot_node('mine') as node:
        node.create_publisher(Empty, TOPIC, 1)
        yield node


@pytest.fixture
def other():
    process = start(['-c', PUBLISHER])
    assert process.stdout.readline().strip() == 'there'
    yield process
    process.kill()
    finish(process)


def wait_for_publishers(node, count):
    """Also for their names, which come later."""

    def named():
        return [
            each
            for each in node.get_publishers_info_by_topic(TOPIC)
            if 'UNKNOWN' not in each.node_name
        ]

    while len(named()) != count:
        node.executor.spin_once(timeout_sec=0.05)


def test_one_publisher_is_fine(node):
    watch = SharedTopicWatch(node, TOPIC, 'end one.')
    wait_for_publishers(node, 1)
    assert [watch.problem() for _ in range(3)] == [''] * 3


def test_two_are_told_once_by_name(node, other, capfd):
    watch = SharedTopicWatch(node, TOPIC, 'end one.')
    wait_for_publishers(node, 2)
    sentence = f'2 publishers are on {TOPIC} (/other, /robot/mine): end one.'
    assert [watch.problem() for _ in range(3)] == ['', sentence, sentence]
    assert capfd.readouterr().err.count(sentence) == 1


@pytest.mark.skipif(not sys.platform.startswith('linux'), reason='processes are read from /proc')
def test_a_killed_one_does_not_count(node, other):
    watch = SharedTopicWatch(node, TOPIC, 'end one.')
    wait_for_publishers(node, 2)
    other.kill()
    finish(other)
    assert node.count_publishers(TOPIC) == 2  # DDS has not noticed yet
    assert [watch.problem() for _ in range(3)] == [''] * 3
