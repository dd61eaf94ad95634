"""The behaviour in examples/ greets a happy person once."""

import subprocess
import sys
from pathlib import Path

import pytest
import rclpy
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Header, String

from emotion_msgs.msg import FaceEmotion, FaceEmotionArray

EXAMPLE = Path(__file__).parents[2] / 'examples' / 'greet_happy_person.py'
PERIOD_NS = 100_000_000


@pytest.fixture
def behaviour():
    process = subprocess.Popen([sys.executable, str(EXAMPLE)])
    yield process
    process.terminate()
    process.wait(30)


def frame(number, emotion_id):
    face = FaceEmotion(track_id=7, emotion_id=emotion_id, confidence=0.9)
    stamp = Time(sec=1 + number * PERIOD_NS // 10**9, nanosec=number * PERIOD_NS % 10**9)
    return FaceEmotionArray(header=Header(stamp=stamp), faces=[face])


def test_greets_once_after_half_a_second_of_happiness_and_anew_when_time_jumps_back(behaviour):
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('test_behaviour', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    said = []
    node.create_subscription(String, 'say', said.append, 10)
    publisher = node.create_publisher(FaceEmotionArray, 'emotions', 100)
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
    # Too short a smile, a break, then a long smile; and all of a smile again, earlier.
    emotions = [
        FaceEmotion.HAPPY if not 3 <= number < 10 else FaceEmotion.SAD for number in range(40)
    ]
    frames = [frame(number, emotion) for number, emotion in enumerate(emotions)]
    frames += [frame(number, FaceEmotion.HAPPY) for number in range(10)]
    sent = rclpy.Future()

    def publish_next():
        # One at a time, as a camera's: the behaviour's queue holds ten.
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
    assert [message.data for message in said] == ['Hello! Nice to see you smile.'] * 2
    node.destroy_node()
    rclpy.shutdown(context=context)
