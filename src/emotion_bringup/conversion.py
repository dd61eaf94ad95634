"""Between ROS messages and the core's types.

Image data crosses without copies where the layout allows it: incoming bgr8 data is viewed in place,
outgoing data is copied once into the message's own buffer, which is reused from frame to frame.
"""

import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Point, Point32, Pose, Quaternion, Vector3
from sensor_msgs.msg import CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

from emotion_msgs.msg import FaceEmotion, FaceEmotionArray
from emotion_perception.encodings import (
    JPEG_FORMAT,
    decode_compressed,
    decode_depth,
    decode_image,
    encode_jpeg,
)
from emotion_perception.heads.depth import DepthImage
from emotion_perception.heads.head_pose import FACE_MM, rotation_from, rotation_of
from emotion_perception.outputs.results import message_fields
from emotion_perception.types import NS_PER_S, BgrImage, Box, Face, Head, Landmarks


def stamp_to_ns(stamp: Time) -> int:
    """Nanoseconds since the epoch."""
    return int(stamp.sec) * NS_PER_S + int(stamp.nanosec)


def ns_to_stamp(nanoseconds: int) -> Time:
    """ROS time of nanoseconds since the epoch."""
    return Time(sec=nanoseconds // NS_PER_S, nanosec=nanoseconds % NS_PER_S)


def image_from_message(message: Image | CompressedImage) -> BgrImage:
    """Decodes an image message of either transport.

    Args:
        message: `sensor_msgs/Image` in any common encoding, or `sensor_msgs/CompressedImage`.

    Returns:
        uint8 [height, width, 3], BGR; may be a read-only view of the message's data.

    Raises:
        ImageFormatError: Encoding, sizes and data do not fit together, or the data is corrupt.
    """
    if isinstance(message, CompressedImage):
        return decode_compressed(message.data, message.format)
    return decode_image(message.data, **_layout(message))


def depth_from_message(message: Image) -> DepthImage:
    """The samples of a depth image, where possible a read-only view of the message's data.

    Raises:
        ImageFormatError: It is no depth image, or sizes and data do not fit together.
    """
    return decode_depth(message.data, **_layout(message))


def _layout(message: Image) -> dict[str, Any]:
    return {
        'width': message.width,
        'height': message.height,
        'encoding': message.encoding,
        'step': message.step,
        'is_bigendian': bool(message.is_bigendian),
    }


def fill_image_message(message: Image, image: BgrImage, header: Header) -> None:
    """Writes a BGR image into a message, reusing the message's buffer.

    rclpy checks every element of anything but an `array.array` (rclpy#763), so the buffer is one,
    and it is made anew only when the size changes.
    """
    height, width = image.shape[:2]
    if len(message.data) != image.nbytes:
        message.data = array.array('B', bytes(image.nbytes))
    np.copyto(np.frombuffer(message.data, np.uint8).reshape(image.shape), image)
    message.header = header
    message.height, message.width = height, width
    message.encoding, message.is_bigendian, message.step = 'bgr8', 0, width * 3


def compressed_message(image: BgrImage, header: Header, quality: int) -> CompressedImage:
    """A JPEG of an image, as image_transport's compressed plugin names it.

    Args:
        image: BGR image.
        header: Header of the raw image.
        quality: JPEG quality, 1..100.

    Raises:
        ImageFormatError: The image is empty or larger than JPEG allows.
    """
    data = array.array('B')
    data.frombytes(encode_jpeg(image, quality).data)
    return CompressedImage(header=header, format=JPEG_FORMAT, data=data)


def emotions_message(
    header: Header, width: int, height: int, faces: Sequence[Face]
) -> FaceEmotionArray:
    """The result of one image.

    Args:
        header: The image's header, passed on unchanged.
        width: Width of the image in pixels.
        height: Height of the image in pixels.
        faces: Its faces; may be empty.
    """
    return FaceEmotionArray(
        header=header,
        image_width=width,
        image_height=height,
        faces=[_face_message(face, width, height) for face in faces],
    )


def faces_from_message(message: FaceEmotionArray) -> list[Face]:
    """The inverse of `emotions_message`, up to rounding of the box to whole pixels."""
    return [_face_from_message(face) for face in message.faces]


def _face_message(face: Face, width: int, height: int) -> FaceEmotion:
    fields = message_fields(face, width, height)
    fields['box'] = RegionOfInterest(**fields['box'])
    fields['landmarks'] = [Point32(**landmark) for landmark in fields['landmarks']]
    pose = fields['pose']
    fields['pose'] = Pose(
        position=Point(**pose['position']), orientation=Quaternion(**pose['orientation'])
    )
    fields['gaze'] = Vector3(**fields['gaze'])
    return FaceEmotion(**fields)


def _face_from_message(message: FaceEmotion) -> Face:
    box = message.box
    uncertain = message.emotion_id == FaceEmotion.UNCERTAIN
    return Face(
        track_id=message.track_id,
        box=Box(float(box.x_offset), float(box.y_offset), float(box.width), float(box.height)),
        score=message.score,
        landmarks=_landmarks(message.landmarks),
        emotion_id=None if uncertain else message.emotion_id,
        confidence=message.confidence,
        probabilities=np.asarray(message.probabilities, np.float32),
        change=np.asarray(message.change, np.float32),
        head=_head_from_message(message) if message.has_pose else None,
    )


def _head_from_message(message: FaceEmotion) -> Head:
    """The head with what a message does not hold as far as drawing needs it; without its mesh."""
    pose, gaze = message.pose, message.gaze
    place, turn = pose.position, pose.orientation
    box, points = message.box, message.landmarks
    return Head(
        rotation=rotation_of(rotation_from(turn.x, turn.y, turn.z, turn.w)),
        position=np.array([place.x, place.y, place.z]),
        gaze=np.array([gaze.x, gaze.y, gaze.z]),
        looking_at_camera=message.looking_at_camera,
        mesh=np.empty((0, 3), np.float32),
        origin=((points[0].x + points[1].x) / 2, (points[0].y + points[1].y) / 2),
        scale=box.height / FACE_MM,
    )


def _landmarks(points: Sequence[Point32]) -> Landmarks | None:
    values = np.array([(point.x, point.y) for point in points], np.float32)
    return None if np.isnan(values).any() else values
