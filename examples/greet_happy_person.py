"""A robot behaviour: greets a person who looks happy for a while, once per visit.

It publishes the command for the robot's voice: a sentence on `say`. It needs only `emotion_msgs`;
the perception nodes run elsewhere. Start them, then this:

    python3 examples/greet_happy_person.py
    python3 examples/greet_happy_person.py --ros-args -p hold_time:=1.0 -r __ns:=/robot1
"""

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.time import Time
from std_msgs.msg import String

from emotion_msgs.msg import FaceEmotion, FaceEmotionArray


class GreetHappyPerson(Node):
    """Publishes one greeting for every person who has looked happy for `hold_time` seconds."""

    def __init__(self) -> None:
        super().__init__('greet_happy_person')
        self._hold_time = self.declare_parameter('hold_time', 0.5).value
        self._confidence = self.declare_parameter('confidence', 0.6).value
        # track id -> stamp in seconds since which the person has looked happy without a break
        self._happy_since: dict[int, float] = {}
        self._greeted: set[int] = set()
        self._last_stamp = 0.0
        self._publisher = self.create_publisher(String, 'say', 10)
        self.create_subscription(FaceEmotionArray, 'emotions', self._on_emotions, 10)

    def _on_emotions(self, message: FaceEmotionArray) -> None:
        # The stamp of the image, not the time of arrival: right in a replayed bag too.
        now = Time.from_msg(message.header.stamp).nanoseconds * 1e-9
        if now < self._last_stamp:  # a bag that begins again: so do the track ids
            self._happy_since.clear()
            self._greeted.clear()
        self._last_stamp = now
        happy = {face.track_id for face in message.faces if self._is_happy(face)}
        self._happy_since = {track: self._happy_since.get(track, now) for track in happy}
        for track, since in self._happy_since.items():
            if now - since >= self._hold_time and track not in self._greeted:
                self._greeted.add(track)
                self._greet(track)

    def _is_happy(self, face: FaceEmotion) -> bool:
        return face.emotion_id == FaceEmotion.HAPPY and face.confidence >= self._confidence

    def _greet(self, track: int) -> None:
        self.get_logger().info(f'Person {track} looks happy: greeting.')
        self._publisher.publish(String(data='Hello! Nice to see you smile.'))


def main() -> None:
    """Runs the behaviour until Ctrl-C."""
    rclpy.init()
    node = GreetHappyPerson()
    try:
        rclpy.spin(node)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
