"""A client of nodes in other processes."""

import time

from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from ros_bench import header, image_message

from emotion_bringup import qos
from emotion_bringup.conversion import emotions_message, stamp_to_ns
from emotion_msgs.msg import FaceEmotionArray

# Far more than an idle machine needs; reached only when something is broken.
_DEADLINE_S = 120.0


class Peer:
    """A node of this process with its own executor."""

    def __init__(self):
        self.context = Context()
        self.context.init()
        self.node = Node('peer', context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._stamp_ns = 1_700_000_000_000_000_000

    def spin_until(self, holds, what, again=lambda: None):
        """Spins until something holds; calls `again` in between."""
        deadline = time.monotonic() + _DEADLINE_S
        while not holds():
            assert time.monotonic() < deadline, f'{what} did not happen'
            again()
            self._executor.spin_once(timeout_sec=0.1)

    def listen(self, message_type, topic, profile=None):
        """Subscribes; returns the subscription and the list that messages come into."""
        received = []
        profile = profile or qos.emotions('live')
        subscription = self.node.create_subscription(message_type, topic, received.append, profile)
        return subscription, received

    def hear(self, message_type, topic, profile=None):
        """Subscribes and waits until a publisher is there; returns as `listen`.

        The publisher may know of the subscription later, and what it says until then is lost.
        """
        subscription, received = self.listen(message_type, topic, profile)
        self.spin_until(lambda: subscription.get_publisher_count() == 1, f'a publisher of {topic}')
        return subscription, received

    def result(self, future):
        self.spin_until(future.done, 'the result of the service')
        return future.result()

    def later(self, seconds):
        """The next stamp in nanoseconds."""
        self._stamp_ns += round(seconds * 1e9)
        return self._stamp_ns

    def close(self):
        self._executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()


class ImageSender:
    """Sends images to an emotion node."""

    def __init__(self, peer, message_type):
        self._peer = peer
        self.publisher = peer.node.create_publisher(message_type, 'image', qos.IMAGE_REPLAY)

    def ask(self, image, received):
        """Sends an image until it is processed, for live images may be lost; returns the result."""
        sent = []

        def send():
            if not sent or not _results(received, sent[-1:]):
                sent.append(self._peer.later(1 / 30))
                message = image_message(image)
                message.header = header(sent[-1])
                self.publisher.publish(message)

        self._peer.spin_until(lambda: _results(received, sent), 'a result', send)
        return _results(received, sent)[-1]


class EmotionSender:
    """What an emotion node says, and the images that it says it of."""

    def __init__(self, peer, topic='emotions'):
        self._peer, self._topic = peer, topic
        self.open()

    def open(self):
        self.publisher = self._peer.node.create_publisher(
            FaceEmotionArray, self._topic, qos.EMOTIONS_REPLAY
        )

    def close(self):
        self._peer.node.destroy_publisher(self.publisher)

    def send(self, faces, stamp_ns, width=512, height=512):
        self.publisher.publish(emotions_message(header(stamp_ns), width, height, faces))

    def is_heard(self):
        return self.publisher.get_subscription_count() == 1


def _results(received, stamps):
    return [one for one in received if stamp_to_ns(one.header.stamp) in stamps]
