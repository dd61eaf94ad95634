"""A behaviour tree, with py_trees, that greets who smiles; its behaviours are for your own trees.

The condition `LooksHappy` reads `emotions`, or `emotions/target` for the one person to attend to,
the action `WaitForExpression` the events of `people_node`. It needs `emotion_msgs` and py_trees
(`make examples-env`); the perception nodes run elsewhere:

    ros2 run emotion_bringup people_node
    python3 examples/greet_by_tree.py

Their `setup` takes the node as `node=`, as `py_trees_ros.trees.BehaviourTree` gives it too.
"""

from typing import Any

import py_trees
import rclpy
from py_trees.common import Status
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from std_msgs.msg import String

from emotion_msgs.msg import ExpressionEvent, FaceEmotion, FaceEmotionArray

TICK_S = 0.1
NS_PER_S = 1e9


class LooksHappy(py_trees.behaviour.Behaviour):
    """Succeeds while a face looks happy in the latest result, fails otherwise and without one."""

    def __init__(
        self,
        name: str = 'looks happy?',
        *,
        topic: str = 'emotions',
        threshold: float = 0.5,
        longest_age_s: float = 1.0,
    ) -> None:
        """Stores what counts as happy.

        Args:
            name: Of the behaviour in its tree.
            topic: `emotions` asks for any face, `emotions/target` for the target.
            threshold: Probability of Happy from which a face counts, 0..1.
            longest_age_s: A result that came longer ago says nothing of now: the condition fails.
                Measured by when it came, not by its stamp, because the clocks of two machines
                differ and a clip's stamps fall behind on a slow one.
        """
        super().__init__(name)
        self._topic = topic
        self._threshold = threshold
        self._longest_age_s = longest_age_s
        self._latest: FaceEmotionArray | None = None

    def setup(self, **kwargs: Any) -> None:
        """Subscribes, with the node in `node`."""
        self._clock = kwargs['node'].get_clock()
        kwargs['node'].create_subscription(FaceEmotionArray, self._topic, self._store, 10)

    def update(self) -> Status:
        """Looks at the latest result."""
        if self._latest is None:
            self.feedback_message = f'nothing has come on {self._topic}'
            return Status.FAILURE
        age_s = (self._clock.now() - self._came).nanoseconds / NS_PER_S
        if abs(age_s) > self._longest_age_s:  # below 0 where a bag has begun again
            self.feedback_message = f'the last result came {age_s:.1f} s ago'
            return Status.FAILURE
        happy = [face.probabilities[FaceEmotion.HAPPY] for face in self._latest.faces]
        self.feedback_message = f'{max(happy):.2f}' if happy else 'no face'
        return Status.SUCCESS if max(happy, default=0.0) >= self._threshold else Status.FAILURE

    def _store(self, message: FaceEmotionArray) -> None:
        self._latest, self._came = message, self._clock.now()


class WaitForExpression(py_trees.behaviour.Behaviour):
    """Runs until an expression begins on a face; fails where none has in time."""

    def __init__(self, emotion: str, longest_s: float, name: str = '') -> None:
        """Stores what to wait for.

        Args:
            emotion: Angry, Disgust, Fear, Happy, Sad or Surprise.
            longest_s: For how long, by the node's clock.
            name: Of the behaviour in its tree; empty takes one that says what it waits for.
        """
        super().__init__(name or f'wait for {emotion}')
        self._emotion = emotion
        self._longest_s = longest_s
        self._has_begun = False

    def setup(self, **kwargs: Any) -> None:
        """Subscribes, with the node in `node`: people_node makes events while somebody listens."""
        self._clock = kwargs['node'].get_clock()
        kwargs['node'].create_subscription(ExpressionEvent, 'emotions/events', self._on_event, 10)

    def initialise(self) -> None:
        """Begins to wait: what came before does not count."""
        self._has_begun = False
        self._started = self._clock.now()

    def update(self) -> Status:
        """Says whether it has begun."""
        if self._has_begun:
            return Status.SUCCESS
        waited_ns = (self._clock.now() - self._started).nanoseconds
        # Below 0 where a bag has begun again.
        is_in_time = 0 <= waited_ns <= self._longest_s * NS_PER_S
        return Status.RUNNING if is_in_time else Status.FAILURE

    def _on_event(self, event: ExpressionEvent) -> None:
        if event.kind == event.STARTED and event.emotion == self._emotion:
            self._has_begun = True
            self.feedback_message = f'person {event.track_id}'


class Say(py_trees.behaviour.Behaviour):
    """Publishes a sentence for the robot's voice on `say`."""

    def __init__(self, sentence: str) -> None:
        super().__init__('say')
        self._sentence = sentence

    def setup(self, **kwargs: Any) -> None:
        """Advertises, with the node in `node`."""
        self._publisher = kwargs['node'].create_publisher(String, 'say', 10)

    def update(self) -> Status:
        """Says it."""
        self._publisher.publish(String(data=self._sentence))
        return Status.SUCCESS


def greet_who_smiles() -> py_trees.behaviour.Behaviour:
    """Waits for a smile and greets, if the smile is not over already."""
    return py_trees.composites.Sequence(
        'greet who smiles',
        memory=True,
        children=[
            WaitForExpression('Happy', longest_s=60.0),
            LooksHappy(),
            Say('Hello! Nice to see you smile.'),
        ],
    )


def main() -> None:
    """Runs the tree until Ctrl-C, and tells of every change in it."""
    rclpy.init()
    node = Node('greet_by_tree')
    tree = py_trees.trees.BehaviourTree(greet_who_smiles())
    shown = py_trees.visitors.SnapshotVisitor()
    tree.visitors.append(shown)
    tree.setup(node=node)

    def tick() -> None:
        tree.tick()
        if shown.changed:
            node.get_logger().info(py_trees.display.ascii_tree(tree.root, show_status=True))

    node.create_timer(TICK_S, tick)
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        # After a signal that comes just before rclpy waits, it fails on what that has shut down.
        if rclpy.ok():
            raise
    finally:
        tree.shutdown()
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
