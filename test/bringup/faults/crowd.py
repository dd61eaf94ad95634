"""Many subscribers of `emotions` in one process; it ends when each has heard enough.

`python crowd.py TOPIC SUBSCRIBERS MESSAGES`; a crowd of zero messages never reads at all. Says so
when each has heard a first message.
"""

import sys
import threading
from collections import Counter

import rclpy
from rclpy.node import Node

from emotion_bringup import qos
from emotion_msgs.msg import FaceEmotionArray


def main() -> None:
    topic, subscribers, messages = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rclpy.init()
    node = Node('crowd')
    heard: Counter = Counter()

    def listen(number: int) -> None:
        def hear(message: FaceEmotionArray) -> None:
            heard[number] += 1
            if heard[number] == 1 and len(heard) == subscribers:
                print('All have heard something.', flush=True)

        # Of both kinds: those of replay keep everything that they do not read.
        profile = qos.emotions('replay' if number % 2 else 'live')
        node.create_subscription(FaceEmotionArray, topic, hear, profile)

    for number in range(subscribers):
        listen(number)
    if not messages:
        threading.Event().wait()
    while len(heard) < subscribers or min(heard.values()) < messages:
        rclpy.spin_once(node)


if __name__ == '__main__':
    main()
