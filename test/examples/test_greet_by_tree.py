"""The behaviour tree in examples/ greets who smiles, and its behaviours say what is so now."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import rclpy
from awaiting import terminate
from builtin_interfaces.msg import Time
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Header, String

from emotion_msgs.msg import ExpressionEvent, FaceEmotion, FaceEmotionArray

py_trees = pytest.importorskip('py_trees', reason='py_trees is not installed: make examples-env')
from py_trees.common import Status

EXAMPLE = Path(__file__).parents[2] / 'examples' / 'greet_by_tree.py'
PATIENCE_S = 60
NS_PER_S = 10**9

specification = importlib.util.spec_from_file_location('greet_by_tree', EXAMPLE)
example = importlib.util.module_from_spec(specification)
specification.loader.exec_module(example)


def result(seconds, *happy):
    """A result of some time, with a face for every probability of Happy."""
    faces = [
        FaceEmotion(track_id=number, probabilities=[0.0, 0.0, 0.0, value, 0.0, 0.0, 1 - value])
        for number, value in enumerate(happy, 1)
    ]
    return FaceEmotionArray(header=Header(stamp=stamp(seconds)), faces=faces)


def stamp(seconds):
    return Time(sec=int(seconds), nanosec=round(seconds % 1 * NS_PER_S))


class Stage:
    """A robot whose clock stands still, and what perceives for it, in another participant."""

    def __init__(self):
        self.contexts = [rclpy.Context(), rclpy.Context()]
        for context in self.contexts:
            rclpy.init(context=context)
        sim_time = Parameter('use_sim_time', value=True)
        self.robot = rclpy.create_node(
            'robot', context=self.contexts[0], parameter_overrides=[sim_time]
        )
        self.peer = rclpy.create_node('perception', context=self.contexts[1])
        self.executors = [SingleThreadedExecutor(context=context) for context in self.contexts]
        for executor, node in zip(self.executors, (self.robot, self.peer), strict=True):
            executor.add_node(node)
        self.clock = self.peer.create_publisher(Clock, '/clock', 10)
        self.spin_until(self.clock.get_subscription_count)

    def spin_until(self, holds):
        reached = rclpy.Future()
        timer = self.peer.create_timer(
            0.01, lambda: holds() and not reached.done() and reached.set_result(None)
        )
        for _ in range(PATIENCE_S * 100):
            for executor in self.executors:
                executor.spin_once(timeout_sec=0.005)
            if reached.done():
                break
        self.peer.destroy_timer(timer)
        assert reached.done()

    def set_clock(self, seconds):
        now = round(seconds * NS_PER_S)

        def has_come():
            # Once is not enough: rclpy listens to the clock best effort, and what comes before its
            # reader knows of this publisher is lost, though the publisher knows of the reader.
            self.clock.publish(Clock(clock=stamp(seconds)))
            return self.robot.get_clock().now().nanoseconds == now

        self.spin_until(has_come)

    def set_up(self, behaviour, message_type, topic):
        """Sets a behaviour up; returns what publishes to it."""
        publisher = self.peer.create_publisher(message_type, topic, 10)
        behaviour.setup(node=self.robot)
        self.spin_until(publisher.get_subscription_count)
        return publisher

    def close(self):
        for executor in self.executors:
            executor.shutdown()
        for node, context in zip((self.robot, self.peer), self.contexts, strict=True):
            node.destroy_node()
            rclpy.shutdown(context=context)


@pytest.fixture
def stage():
    stage = Stage()
    yield stage
    stage.close()


def ticked(behaviour):
    behaviour.tick_once()
    return behaviour.status


@pytest.mark.parametrize('topic', ['emotions', 'emotions/target'])
def test_happy_is_who_looks_happy_in_the_latest_result(stage, topic):
    behaviour = example.LooksHappy(topic=topic, threshold=0.6, longest_age_s=1.0)
    publisher = stage.set_up(behaviour, FaceEmotionArray, topic)
    stage.set_clock(10.0)
    assert ticked(behaviour) is Status.FAILURE
    assert behaviour.feedback_message == f'nothing has come on {topic}'

    def after(message):
        publisher.publish(message)
        # The latest one that is there, by its stamp.
        stage.spin_until(lambda: behaviour._latest and behaviour._latest.header == message.header)
        return ticked(behaviour), behaviour.feedback_message

    assert after(result(9.9, 0.1, 0.7)) == (Status.SUCCESS, '0.70')
    assert after(result(9.95, 0.5)) == (Status.FAILURE, '0.50')
    assert after(result(10.0)) == (Status.FAILURE, 'no face')
    assert after(result(10.1, 0.9)) == (Status.SUCCESS, '0.90')
    stage.set_clock(10.9)
    assert ticked(behaviour) is Status.SUCCESS
    stage.set_clock(11.1)
    assert ticked(behaviour) is Status.FAILURE
    assert behaviour.feedback_message == 'the last result came 1.1 s ago'
    stage.set_clock(2.0)  # a bag that has begun again
    assert ticked(behaviour) is Status.FAILURE


def test_an_expression_is_waited_for_until_it_begins_or_the_time_is_over(stage):
    behaviour = example.WaitForExpression('Happy', longest_s=5.0)
    publisher = stage.set_up(behaviour, ExpressionEvent, 'emotions/events')
    seen = []
    stage.robot.create_subscription(ExpressionEvent, 'emotions/events', seen.append, 10)
    stage.spin_until(lambda: publisher.get_subscription_count() == 2)

    def tell(kind, emotion):
        before = len(seen)
        publisher.publish(ExpressionEvent(track_id=7, kind=kind, emotion=emotion))
        stage.spin_until(lambda: len(seen) > before)
        stage.robot.executor.spin_once(timeout_sec=0)

    stage.set_clock(10.0)
    assert ticked(behaviour) is Status.RUNNING
    tell(ExpressionEvent.STARTED, 'Sad')
    tell(ExpressionEvent.GOING_ON, 'Happy')
    stage.set_clock(14.9)
    assert ticked(behaviour) is Status.RUNNING
    stage.set_clock(15.1)
    assert ticked(behaviour) is Status.FAILURE
    # What begins while it does not wait is past when it waits again.
    tell(ExpressionEvent.STARTED, 'Happy')
    assert ticked(behaviour) is Status.RUNNING
    tell(ExpressionEvent.STARTED, 'Happy')
    assert ticked(behaviour) is Status.SUCCESS
    assert behaviour.feedback_message == 'person 7'
    assert ticked(behaviour) is Status.RUNNING
    stage.set_clock(1.0)  # a bag that has begun again
    assert ticked(behaviour) is Status.FAILURE


def test_the_tree_greets_who_smiles_and_still_does(stage, tmp_path):
    log = tmp_path / 'log.txt'
    with log.open('w') as file:
        process = subprocess.Popen(
            [sys.executable, str(EXAMPLE), '--ros-args', '-p', 'use_sim_time:=true'], stderr=file
        )
    peer, said = stage.peer, []
    peer.create_subscription(String, 'say', said.append, 10)
    results = peer.create_publisher(FaceEmotionArray, 'emotions', 10)
    events = peer.create_publisher(ExpressionEvent, 'emotions/events', 10)
    start = ExpressionEvent(track_id=7, kind=ExpressionEvent.STARTED, emotion='Happy')
    now = 100.0

    def smiles_begin(happy, holds):
        """Lets time go on, with smiles that begin and a face that looks so happy now."""

        def go_on():
            nonlocal now
            now += 0.1
            stage.clock.publish(Clock(clock=stamp(now)))
            results.publish(result(now, happy))
            events.publish(start)
            return holds()

        stage.spin_until(go_on)

    try:
        stage.spin_until(
            lambda: (
                peer.count_publishers('say')
                and results.get_subscription_count()
                and events.get_subscription_count()
                and stage.clock.get_subscription_count() == 2
            )
        )
        smiles_begin(0.2, lambda: 'looks happy? [x]' in log.read_text())
        assert not said
        smiles_begin(0.8, lambda: said)
        assert said[0].data == 'Hello! Nice to see you smile.'
    finally:
        assert terminate(process, PATIENCE_S) in (0, -15)
