"""Building and serialising ROS messages, as the nodes do when they publish."""

import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emotion_perception.types import BgrImage, Face


@dataclass(frozen=True, slots=True)
class MessageStages:
    """The steps of publishing, each a function of its own.

    Attributes:
        emotions: Builds and serialises the result to an image.
        image: Fills and serialises an image message.
        fill: Fills the reused image message.
        fill_anew: Fills an image message with a new buffer each time.
    """

    emotions: Callable[[BgrImage, Sequence[Face]], object]
    image: Callable[[BgrImage], object]
    fill: Callable[[BgrImage], object]
    fill_anew: Callable[[BgrImage], object]


def message_stages() -> MessageStages | None:
    """The steps of publishing; None where ROS or the messages are not installed."""
    try:
        from rclpy.serialization import serialize_message
        from sensor_msgs.msg import Image
        from std_msgs.msg import Header

        from emotion_bringup.conversion import emotions_message, fill_image_message
    except ImportError:
        return None
    header, reused = Header(frame_id='camera_optical_frame'), Image()

    def emotions(image: BgrImage, faces: Sequence[Face]) -> object:
        height, width = image.shape[:2]
        return serialize_message(emotions_message(header, width, height, faces))

    def fill(image: BgrImage) -> Image:
        fill_image_message(reused, image, header)
        return reused

    def fill_anew(image: BgrImage) -> object:
        height, width = image.shape[:2]
        return Image(
            header=header,
            height=height,
            width=width,
            encoding='bgr8',
            step=3 * width,
            data=array.array('B', image.tobytes()),
        )

    return MessageStages(emotions, lambda image: serialize_message(fill(image)), fill, fill_anew)
