"""The calibration of the camera whose images a node reads."""

from rclpy.node import Node
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo

from emotion_bringup import qos
from emotion_bringup.callback_groups import forget_destroyed
from emotion_bringup.image_subscription import is_compressed
from emotion_perception.heads.calibration import CameraCalibration


def camera_info_topic(image_topic: str) -> str:
    """Where the calibration of an image topic's camera is: beside it, as image_transport has it.

    Args:
        image_topic: Full name, raw or compressed.
    """
    raw = image_topic.rpartition('/')[0] if is_compressed(image_topic) else image_topic
    return f'{raw.rpartition("/")[0]}/camera_info'


class CameraInfoSubscription:
    """Listens on demand to the calibration beside an image topic."""

    def __init__(self, node: Node, image_topic: str) -> None:
        """Stores the topic; `start` subscribes.

        Args:
            node: Makes the subscription.
            image_topic: Full name of the images' topic.
        """
        self._node = node
        self._topic = camera_info_topic(image_topic)
        self._subscription: Subscription | None = None
        self._calibration: CameraCalibration | None = None
        self._told = ''

    def listen(self, wanted: bool) -> None:
        """Starts or stops to listen."""
        if wanted and self._subscription is None:
            self._subscription = self._node.create_subscription(
                CameraInfo,
                self._topic,
                self._store,
                qos.CAMERA_INFO_IN,
                qos_overriding_options=qos.overridable(),
            )
        elif not wanted and self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = self._calibration = None
            forget_destroyed(self._node)

    def calibration(self, width: int, height: int) -> CameraCalibration | None:
        """The calibration, where there is one for images of a size; says once when there is none.

        Args:
            width: Of the images, in pixels.
            height: Of the images, in pixels.
        """
        known = self._calibration
        if known is None:
            problem = f'Nothing has come on {self._topic}'
        elif not known.is_calibrated:
            problem = f'The camera of {self._topic} is not calibrated'
        else:
            problem = known.size_warning(width, height) or ''
        if not problem:
            self._told = ''
            return known
        # The first images may come before the first calibration.
        if known is not None and problem != self._told:
            self._told = problem
            self._node.get_logger().warning(
                f'{problem.rstrip(".")}: heads have no position (NaN), only directions.'
            )
        return None

    def _store(self, message: CameraInfo) -> None:
        self._calibration = CameraCalibration(
            message.width,
            message.height,
            '',
            message.distortion_model,
            tuple(message.d),
            tuple(float(each) for each in message.k),
            tuple(float(each) for each in message.r),
            tuple(float(each) for each in message.p),
        )
