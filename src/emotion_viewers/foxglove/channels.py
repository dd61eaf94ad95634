"""The channels that a WebSocket server and an MCAP file may both listen to."""

from collections.abc import Sequence
from typing import Any

from emotion_perception.bags.type_names import FACE_ARRAY_TYPE
from emotion_perception.types import Face
from emotion_viewers.foxglove import check_sdk
from emotion_viewers.foxglove.messages import (
    compressed_image,
    image_annotations,
)
from emotion_viewers.foxglove.schemas import (
    ANNOTATIONS_TOPIC,
    DIAGNOSTICS_TOPIC,
    DIAGNOSTICS_TYPE,
    EMOTIONS_TOPIC,
    IMAGE_TOPIC,
    definition,
    emotions_data,
)


class EmotionChannels:
    """Images, annotations, results and diagnostics, each made only while somebody reads it.

    Attributes:
        context: The SDK's context that servers and files are opened in.
        frames: Images whose results somebody read.

    Raises:
        FoxgloveError: foxglove-sdk is not installed.
        BagError: The `.msg` files of `emotion_msgs` are not installed.
    """

    def __init__(self) -> None:
        check_sdk()
        from foxglove import Context
        from foxglove.channels import CompressedImageChannel, ImageAnnotationsChannel

        self.context = Context()
        self.frames = 0
        self._image = CompressedImageChannel(IMAGE_TOPIC, context=self.context)
        self._annotations = ImageAnnotationsChannel(ANNOTATIONS_TOPIC, context=self.context)
        self._emotions = _ros_channel(EMOTIONS_TOPIC, FACE_ARRAY_TYPE, self.context)
        self._diagnostics = _ros_channel(DIAGNOSTICS_TOPIC, DIAGNOSTICS_TYPE, self.context)

    @property
    def wants_images(self) -> bool:
        """Whether somebody reads the images."""
        return bool(self._image.has_sinks())

    @property
    def wants_results(self) -> bool:
        """Whether somebody reads annotations or results."""
        return bool(self._annotations.has_sinks() or self._emotions.has_sinks())

    @property
    def wants_diagnostics(self) -> bool:
        """Whether somebody reads the diagnostics."""
        return bool(self._diagnostics.has_sinks())

    def log_image(self, stamp_ns: int, frame_id: str, data: bytes, format: str = 'jpeg') -> None:
        """Sends an image file; see `messages.compressed_image`."""
        message = compressed_image(stamp_ns, frame_id, data, format)
        self._image.log(message, log_time=stamp_ns)

    def log_results(
        self, stamp_ns: int, frame_id: str, width: int, height: int, faces: Sequence[Face]
    ) -> None:
        """Sends annotations and results of one image; see `messages`.

        They carry the time of the image, so that a recording plays as things happened.
        """
        self.frames += self.wants_results
        if self._annotations.has_sinks():
            annotations = image_annotations(stamp_ns, width, height, faces)
            self._annotations.log(annotations, log_time=stamp_ns)
        if self._emotions.has_sinks():
            data = emotions_data(stamp_ns, frame_id, width, height, faces)
            self._emotions.log(data, log_time=stamp_ns)

    def log_diagnostics(self, time_ns: int, data: bytes) -> None:
        """Passes a `diagnostic_msgs/msg/DiagnosticArray` on.

        Args:
            time_ns: Time in nanoseconds on the clock of the images.
            data: The message in CDR.
        """
        self._diagnostics.log(data, log_time=time_ns)


def _ros_channel(topic: str, message_type: str, context: Any) -> Any:
    """A channel of ROS messages in CDR."""
    from foxglove import Channel, Schema

    schema = Schema(name=message_type, encoding='ros2msg', data=definition(message_type).encode())
    return Channel(topic, schema=schema, message_encoding='cdr', context=context)
