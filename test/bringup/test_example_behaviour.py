"""The behaviour in examples/ greets a person who begins to smile, once."""

import subprocess
import sys
from pathlib import Path

import pytest
import rclpy
from awaiting import terminate
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Header, String

from emotion_msgs.msg import ExpressionEvent

EXAMPLE = Path(__file__).parents[2] / 'examples' / 'greet_happy_person.py'
PERIOD_NS = 100_000_000


@pytest.fixture
def behaviour():
    process = subprocess.Popen([sys.executable, str(EXAMPLE)])
    yield process
    terminate(process)


def event(number, kind, emotion='Happy', track_id=7):
    stamp = Time(sec=1 + number * PERIOD_NS // 10**9, nanosec=number * PERIOD_NS % 10**9)
    header = Header(stamp=stamp)
    return ExpressionEvent(header=header, kind=kind, emotion=emotion, track_id=track_id)


def test_greets_each_person_once_and_anew_when_time_jumps_back(behaviour):
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('test_behaviour', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    said = []
    node.create_subscription(String, 'say', said.append, 10)
    publisher = node.create_publisher(ExpressionEvent, 'emotions/events', 100)
    ready = rclpy.Future()
    timer = node.create_timer(
        0.05,
        lambda: (
            publisher.get_subscription_count()
            and node.count_publishers('say')
            and not ready.done()
            and ready.set_result(None)
        ),
    )
    executor.spin_until_future_complete(ready, timeout_sec=60)
    assert ready.done()
    started, going_on, ended = (
        ExpressionEvent.STARTED,
        ExpressionEvent.GOING_ON,
        ExpressionEvent.ENDED,
    )
    frames = [
        event(1, started, 'Sad'),
        event(2, ended, 'Sad'),
        event(3, started),
        event(13, going_on),
        event(20, ended),
        event(30, started),
        event(31, started, track_id=8),
        event(2, started),  # the bag begins again
    ]
    sent = rclpy.Future()

    def publish_next():
        # One at a time: the behaviour's queue holds ten.
        if frames:
            publisher.publish(frames.pop(0))
        elif not sent.done():
            sent.set_result(None)

    camera = node.create_timer(0.02, publish_next)
    executor.spin_until_future_complete(sent, timeout_sec=60)
    node.destroy_timer(camera)
    acknowledged = publisher.wait_for_all_acked(rclpy.duration.Duration(seconds=30))
    assert acknowledged
    finished = rclpy.Future()
    node.create_timer(1.0, lambda: finished.done() or finished.set_result(None))
    executor.spin_until_future_complete(finished, timeout_sec=60)
    node.destroy_timer(timer)
    assert [message.data for message in said] == ['Hello! Nice to see you smile.'] * 3
    node.destroy_node()
    rclpy.shutdown(context=context)
