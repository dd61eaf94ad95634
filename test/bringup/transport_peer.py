"""One end of the transport test, run as a process of its own: `publish` or `subscribe`."""

import sys

from emotion_bringup.environment import use_shipped_dds_profile

use_shipped_dds_profile()

import rclpy
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Empty

from emotion_bringup import qos

COUNT = 100
RATE = 30.0
WIDTH, HEIGHT = 1280, 720
# Deep enough that a busy machine does not drop in the reader what the transport has delivered.
BEST_EFFORT = QoSProfile(depth=COUNT, reliability=ReliabilityPolicy.BEST_EFFORT)
DONE = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
_QUIET_S = 0.5


def publish():
    node = Node('publisher')
    images = node.create_publisher(Image, 'image', qos.IMAGE_OUT)
    done = node.create_publisher(Empty, 'done', DONE)
    message = Image(width=WIDTH, height=HEIGHT, encoding='bgr8', step=3 * WIDTH)
    message.data = bytes(3 * WIDTH * HEIGHT)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    sent = 0

    def send():
        nonlocal sent
        if images.get_subscription_count() and sent < COUNT:
            sent += 1
            message.header.stamp.sec = sent
            images.publish(message)

    node.create_timer(1 / RATE, send)
    while sent < COUNT:
        executor.spin_once()
    done.publish(Empty())
    while not done.get_subscription_count():
        executor.spin_once()
    done.wait_for_all_acked(Duration(seconds=30))


def subscribe():
    node = Node('subscriber')
    received, finished = [], []
    node.create_subscription(
        Image, 'image', lambda message: received.append(message.header.stamp.sec), BEST_EFFORT
    )
    node.create_subscription(Empty, 'done', finished.append, DONE)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not finished:
        executor.spin_once()
    before = -1
    while before != len(received):
        before = len(received)
        executor.spin_once(timeout_sec=_QUIET_S)
    print(*received)


if __name__ == '__main__':
    rclpy.init(args=[])
    {'publish': publish, 'subscribe': subscribe}[sys.argv[1]]()
    rclpy.shutdown()
