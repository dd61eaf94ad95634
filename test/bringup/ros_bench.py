"""Nodes under test, and a client that talks to them from another DDS participant."""

import gc
import time
from collections import deque
from collections.abc import Callable
from contextlib import contextmanager, suppress

import cv2
import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import Log
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from emotion_bringup import qos
from emotion_bringup.conversion import emotions_message, ns_to_stamp, stamp_to_ns
from emotion_bringup.nodes.camera import CameraNode
from emotion_bringup.nodes.emotion import EmotionNode
from emotion_bringup.nodes.overlay import OverlayNode
from emotion_msgs.msg import FaceEmotionArray

# Far more than an idle machine needs; reached only when something is broken.
DEADLINE_S = 30.0
FRAME_NS = 33_333_333
# The face of the astronaut: x, y, width, height.
ASTRONAUT_BOX = (181, 58, 89, 120)


@contextmanager
def robot_node(name):
    """A node in a DDS participant of its own, with an executor, in the namespace /robot."""
    context = Context()
    rclpy.init(context=context)
    node = rclpy.create_node(name, context=context, namespace='/robot')
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    yield node
    with suppress(ExternalShutdownException):
        executor.shutdown()
    node.destroy_node()
    context.try_shutdown()


class Bench:
    """A node under test, a client node in another DDS participant, and both their executors."""

    def __init__(self, node_class: type[Node], arguments: list[str]) -> None:
        self.stopped = False
        self.diagnostics: deque = deque(maxlen=100)
        self.log: list[Log] = []
        rclpy.init(args=['--ros-args', *arguments], signal_handler_options=SignalHandlerOptions.NO)
        self._context = Context()
        rclpy.init(args=[], context=self._context)
        self.client = Node('client', context=self._context)
        self.client.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, qos.DIAGNOSTICS
        )
        rosout = QoSProfile(depth=1000, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self.client.create_subscription(Log, '/rosout', self.log.append, rosout)
        self.node = node_class(self._stop)
        self._executors = [SingleThreadedExecutor(), SingleThreadedExecutor(context=self._context)]
        for executor, node in zip(self._executors, (self.node, self.client), strict=True):
            executor.add_node(node)
        self._parameters = AsyncParameterClient(self.client, self.node.get_fully_qualified_name())

    def spin_until(self, holds: Callable[[], bool], what: str = 'the expected') -> None:
        deadline = time.monotonic() + DEADLINE_S
        while not holds():
            assert time.monotonic() < deadline, f'{what} did not happen'
            for executor in self._executors:
                executor.spin_once(timeout_sec=0.005)

    def spin_some(self) -> None:
        """Lets both sides work off one thing, if there is one."""
        for executor in self._executors:
            executor.spin_once(timeout_sec=0)

    def spin_until_served(self, service: str) -> None:
        """Waits until the node knows the client: a result before that would be lost."""
        self.spin_until(lambda: self.node.count_clients(service) > 0, 'the match of the service')

    def result(self, future):
        """Spins until a service has processed."""
        self.spin_until(future.done, 'the result of the service')
        return future.result()

    def set_parameter(self, name, value):
        """Sets a parameter as `ros2 param set` does; returns (successful, reason)."""
        self.spin_until(self._parameters.services_are_ready, 'the parameter services')
        self.spin_until_served(f'{self.node.get_fully_qualified_name()}/set_parameters')
        result = self.result(self._parameters.set_parameters([Parameter(name, value=value)]))
        return result.results[0].successful, result.results[0].reason

    def next_status(self):
        """The diagnostics that are published from now on, one status."""
        self.diagnostics.clear()
        self.spin_until(lambda: bool(self.diagnostics), 'diagnostics')
        return self.diagnostics[0]

    def spin_until_status(self, holds):
        """Waits for a diagnostics status that fits and returns it."""
        self.diagnostics.clear()
        self.spin_until(
            lambda: any(holds(status) for status in self.diagnostics), 'the diagnostics status'
        )
        return next(status for status in self.diagnostics if holds(status))

    def offer_best_effort(self) -> None:
        """Publishes images best effort in place of the publisher so far.

        The node must have met that one: what appears while two participants meet each other is
        now and then lost to discovery (Fast DDS; seen once in many runs, on a busy machine).
        """
        self.spin_until(lambda: self.node.count_publishers('image') == 1, 'the first publisher')
        self.client.destroy_publisher(self.images)
        self.images = self.client.create_publisher(
            Image, 'image', QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
        )

    def logged(self, part: str) -> list[str]:
        """Log messages of the node that contain a text."""
        return [entry.msg for entry in self.log if part in entry.msg]

    def close(self) -> None:
        self.node.close()
        for executor in self._executors:
            executor.shutdown()
        self.node.destroy_node()
        self.client.destroy_node()
        rclpy.try_shutdown()
        rclpy.try_shutdown(context=self._context)
        # A node that waits for garbage collection would keep the /rosout of its name to itself.
        self.node = self.client = None
        self._executors.clear()  # they remember their last callback, and with it the node
        gc.collect()

    def _stop(self) -> None:
        self.stopped = True

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        nodes = (status.hardware_id for status in message.status)
        if self.node.get_fully_qualified_name() in nodes:
            self.diagnostics.extend(message.status)


class EmotionBench(Bench):
    """An emotion node with somebody who sends it images and reads its results."""

    def __init__(self, arguments: list[str], *, mode='live', compressed=False, namespace=''):
        super().__init__(EmotionNode, arguments)
        self.results: list[FaceEmotionArray] = []
        self._namespace, self._mode = namespace, mode
        topic = f'{namespace}/image/compressed' if compressed else f'{namespace}/image'
        self.image_topic = topic
        self.images = self.client.create_publisher(
            CompressedImage if compressed else Image, topic, qos.IMAGE_REPLAY
        )
        self.listen()
        self._stamp_ns = 1_700_000_000_000_000_000

    def listen(self):
        """Subscribes to the results."""
        self.subscription = self.client.create_subscription(
            FaceEmotionArray,
            f'{self._namespace}/emotions',
            self.results.append,
            qos.emotions(self._mode),
        )

    def deafen(self):
        """Unsubscribes from the results."""
        self.client.destroy_subscription(self.subscription)

    def connect(self, image):
        """Waits until images come through; the first ones may be lost on the way."""
        self.spin_until(lambda: self.images.get_subscription_count() > 0, 'the subscription')
        self.results.clear()
        deadline = time.monotonic() + DEADLINE_S
        while not self.results:
            assert time.monotonic() < deadline, 'no image comes through'
            self.send(image)
            for executor in self._executors:
                executor.spin_once(timeout_sec=0.2)
        # Whatever is still under way belongs to nobody's test.
        last = self.send(image)
        self.spin_until(lambda: self._results_of(last), 'the last result of the warm-up')
        self.results.clear()

    def next_stamp(self, seconds=FRAME_NS / 1e9):
        self._stamp_ns += round(seconds * 1e9)
        return self._stamp_ns

    def send(self, image, stamp_ns=None):
        """Publishes a BGR image or a ready message; returns its stamp."""
        stamp_ns = self.next_stamp() if stamp_ns is None else stamp_ns
        message = image if not isinstance(image, np.ndarray) else image_message(image)
        message.header = header(stamp_ns)
        self.images.publish(message)
        return stamp_ns

    def ask(self, image, stamp_ns=None) -> FaceEmotionArray:
        """Publishes an image and returns the result to it."""
        stamp_ns = self.send(image, stamp_ns)
        self.spin_until(lambda: self._results_of(stamp_ns), 'the result')
        return self._results_of(stamp_ns)[-1]

    def new_scene(self):
        """Lets all tracks die of age."""
        self.ask(np.full((64, 64, 3), 128, np.uint8), self.next_stamp(60.0))

    def _results_of(self, stamp_ns):
        return [result for result in self.results if stamp_to_ns(result.header.stamp) == stamp_ns]


def parameters(**values):
    """ROS arguments that set parameters."""
    return [part for name, value in values.items() for part in ('-p', f'{name}:={value}')]


def header(stamp_ns, frame_id='head_camera_optical'):
    return Header(stamp=ns_to_stamp(stamp_ns), frame_id=frame_id)


def image_message(image, encoding='bgr8', padding=0, data=None):
    """An image message of an array, with `padding` bytes of noise at the end of every row."""
    height, width = image.shape[:2]
    rows = np.ascontiguousarray(image).view(np.uint8).reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    return Image(
        height=height,
        width=width,
        encoding=encoding,
        step=rows.shape[1],
        data=rows.tobytes() if data is None else data,
    )


def jpeg_message(image):
    _, data = cv2.imencode('.jpg', image)
    return CompressedImage(format='jpeg', data=data.tobytes())


def box_overlap(box, expected):
    """Intersection over union of a RegionOfInterest and (x, y, width, height)."""
    x, y, width, height = expected
    common_width = min(box.x_offset + box.width, x + width) - max(box.x_offset, x)
    common_height = min(box.y_offset + box.height, y + height) - max(box.y_offset, y)
    common = max(common_width, 0) * max(common_height, 0)
    return common / (box.width * box.height + width * height - common)


class CameraBench(Bench):
    """A camera node with a subscriber of everything that it publishes."""

    def __init__(self, arguments: list[str], *, mode='replay'):
        super().__init__(CameraNode, arguments)
        self.received: list[Image] = []
        self.infos: list[CameraInfo] = []
        self.compressed: list[CompressedImage] = []
        self._mode = mode

    def listen_compressed(self):
        profile = qos.image_in(self._mode)
        self.client.create_subscription(
            CompressedImage, 'image_raw/compressed', self.compressed.append, profile
        )
        self.spin_until(
            lambda: self.node._compressed_publisher.get_subscription_count() == 1, 'the match'
        )

    def listen(self):
        mode = self._mode
        self.client.create_subscription(
            CameraInfo, 'camera_info', self.infos.append, qos.camera_info(mode)
        )
        self.client.create_subscription(
            Image, 'image_raw', self.received.append, qos.image_in(mode)
        )

    def spin_to_the_end(self):
        """Spins until the source has ended and everything has arrived."""
        self.spin_until(lambda: self.stopped, 'the end of the source')
        frames = self.node._statistics.frames
        self.spin_until(
            lambda: len(self.received) >= frames and len(self.infos) >= frames, 'the last frame'
        )


class OverlayBench(Bench):
    """An overlay node with somebody who sends images and results."""

    def __init__(self, arguments: list[str], *, mode='live', compressed=False):
        super().__init__(OverlayNode, arguments)
        self.overlays: list[Image] = []
        self.jpegs: list[CompressedImage] = []
        self._mode = mode
        self.images = self.client.create_publisher(
            CompressedImage if compressed else Image,
            'image/compressed' if compressed else 'image',
            qos.IMAGE_REPLAY,
        )
        self.emotions = self.client.create_publisher(
            FaceEmotionArray, 'emotions', qos.EMOTIONS_REPLAY
        )
        self._stamp_ns = 1_700_000_000_000_000_000

    def watch(self):
        """Subscribes to the overlay."""
        return self.client.create_subscription(
            Image, 'emotions/image', self.overlays.append, qos.IMAGE_REPLAY
        )

    def next_stamp(self):
        self._stamp_ns += FRAME_NS
        return self._stamp_ns

    def send_image(self, message, stamp_ns):
        message.header = header(stamp_ns)
        self.images.publish(message)

    def send_result(self, stamp_ns, faces, width=512, height=512):
        self.emotions.publish(emotions_message(header(stamp_ns), width, height, faces))

    def is_connected(self):
        return self.images.get_subscription_count() and self.emotions.get_subscription_count()

    def draw(self, message, faces):
        """Sends pairs until one comes back drawn; live images may be lost."""
        self.spin_until(self.is_connected, 'the subscriptions')
        before = len(self.overlays)
        deadline = time.monotonic() + DEADLINE_S
        while len(self.overlays) == before:
            assert time.monotonic() < deadline, 'no overlay comes back'
            stamp_ns = self.next_stamp()
            self.send_image(message, stamp_ns)
            self.send_result(stamp_ns, faces)
            for executor in self._executors * 2:
                executor.spin_once(timeout_sec=0.1)
        return self.overlays[-1]
