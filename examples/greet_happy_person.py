"""A robot behaviour: greets a person who begins to smile, once per visit.

It publishes the command for the robot's voice: a sentence on `say`. It needs only `emotion_msgs`;
the perception nodes run elsewhere. Start them, then `people_node`, which makes events of their
results, then this:

    ros2 run emotion_bringup people_node
    python3 examples/greet_happy_person.py
    python3 examples/greet_happy_person.py --ros-args -r __ns:=/robot1
"""

import rclpy
from rclpy.clock import ClockType
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import String

from emotion_msgs.msg import ExpressionEvent


class GreetHappyPerson(Node):
    """Publishes one greeting for every person who begins to look happy."""

    def __init__(self) -> None:
        super().__init__('greet_happy_person')
        self._greeted: set[int] = set()
        self._last_stamp = Time(clock_type=ClockType.ROS_TIME)
        self._publisher = self.create_publisher(String, 'say', 10)
        self.create_subscription(ExpressionEvent, 'emotions/events', self._on_event, 10)

    def _on_event(self, event: ExpressionEvent) -> None:
        now = Time.from_msg(event.header.stamp)
        if now < self._last_stamp:  # a bag that begins again: so do the track ids
            self._greeted.clear()
        self._last_stamp = now
        is_smile = event.kind == event.STARTED and event.emotion == 'Happy'
        if is_smile and event.track_id not in self._greeted:
            self._greeted.add(event.track_id)
            self.get_logger().info(f'Person {event.track_id} smiles: greeting.')
            self._publisher.publish(String(data='Hello! Nice to see you smile.'))


def main() -> None:
    """Runs the behaviour until Ctrl-C."""
    rclpy.init()
    node = GreetHappyPerson()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        # After a signal that comes just before rclpy waits, it fails on what that has shut down.
        if rclpy.ok():
            raise
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
