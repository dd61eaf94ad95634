"""Messages of `emotion_msgs` and overlay images, as `rosbags` writes them.

The `.msg` files of the package `emotion_msgs` are the only definition; they are read from wherever
they lie.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from rosbags.typesys.store import Typestore

from emotion_perception.bags.reader import ros2_typestore
from emotion_perception.bags.type_names import (
    COMPRESSED_IMAGE_TYPE,
    FACE_ARRAY_TYPE,
    IMAGE_TYPE,
)
from emotion_perception.encodings import JPEG_FORMAT, encode_jpeg
from emotion_perception.errors import BagError, ModelError
from emotion_perception.files.resources import share_folder
from emotion_perception.outputs.results import message_fields
from emotion_perception.types import BgrImage, Face

_FACE_TYPE: Final = 'emotion_msgs/msg/FaceEmotion'
_POINT_TYPE: Final = 'geometry_msgs/msg/Point32'
_POSE_TYPE: Final = 'geometry_msgs/msg/Pose'
_PARTS_OF_POSE: Final = {
    'position': 'geometry_msgs/msg/Point',
    'orientation': 'geometry_msgs/msg/Quaternion',
}
_VECTOR_TYPE: Final = 'geometry_msgs/msg/Vector3'
_REGION_TYPE: Final = 'sensor_msgs/msg/RegionOfInterest'
_NAMES: Final = (
    *('FaceEmotion', 'FaceEmotionArray', 'EmotionLabels'),
    *('ExpressionEvent', 'FaceSummary', 'Audience'),
)


def emotion_typestore() -> Typestore:
    """The standard ROS 2 message types and those of `emotion_msgs`.

    Raises:
        BagError: The `.msg` files of `emotion_msgs` are not installed.
    """
    return ros2_typestore(message_definitions())


@cache
def message_definitions() -> dict[str, str]:
    """Text of every message of `emotion_msgs` by full name, for example that of FACE_ARRAY_TYPE.

    They are looked for in the repository, then in every prefix of a sourced ROS workspace, then in
    the prefix of this Python.

    Raises:
        BagError: They are not installed.
    """
    for folder in _message_folders():
        files = [folder / f'{name}.msg' for name in _NAMES]
        if all(file.is_file() for file in files):
            return {
                f'emotion_msgs/msg/{file.stem}': file.read_text(encoding='utf-8') for file in files
            }
    raise BagError(
        'The message definitions of emotion_msgs are not installed: run `make env`, or in your '
        'workspace `ln -s emotion_bringup/src/emotion_msgs src/` and `colcon build`, and source '
        'install/setup.bash.'
    )


def face_array_message(
    typestore: Typestore, header: Any, width: int, height: int, faces: Sequence[Face]
) -> Any:
    """The result of one image: `emotion_msgs/FaceEmotionArray`.

    Args:
        typestore: From `emotion_typestore`.
        header: The image's header, a `std_msgs/Header` of `rosbags`; passed on unchanged.
        width: Width of the image in pixels.
        height: Height of the image in pixels.
        faces: Its faces; may be empty.
    """
    return typestore.types[FACE_ARRAY_TYPE](
        header=header,
        image_width=width,
        image_height=height,
        faces=[_face_message(typestore, face, width, height) for face in faces],
    )


def image_message(typestore: Typestore, header: Any, image: BgrImage) -> Any:
    """An image as `sensor_msgs/Image` in bgr8.

    Args:
        typestore: Standard types.
        header: A `std_msgs/Header` of `rosbags`.
        image: uint8 [height, width, 3], BGR.
    """
    height, width = image.shape[:2]
    return typestore.types[IMAGE_TYPE](
        header=header,
        height=height,
        width=width,
        encoding='bgr8',
        is_bigendian=0,
        step=3 * width,
        data=np.ascontiguousarray(image).reshape(-1),
    )


def compressed_image_message(
    typestore: Typestore, header: Any, image: BgrImage, quality: int
) -> Any:
    """An image as `sensor_msgs/CompressedImage`, a JPEG.

    Args:
        typestore: Standard types.
        header: A `std_msgs/Header` of `rosbags`.
        image: uint8 [height, width, 3], BGR.
        quality: JPEG quality, 1..100.

    Raises:
        ImageFormatError: The image is empty or larger than JPEG allows.
    """
    data = encode_jpeg(image, quality)
    return typestore.types[COMPRESSED_IMAGE_TYPE](header=header, format=JPEG_FORMAT, data=data)


def _message_folders() -> Iterator[Path]:
    with suppress(ModelError):  # an incomplete installation may still have the messages
        yield share_folder() / 'src' / 'emotion_msgs' / 'msg'
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
    for prefix in (*prefixes, sys.prefix):
        if prefix:
            yield Path(prefix, 'share', 'emotion_msgs', 'msg')


def _face_message(typestore: Typestore, face: Face, width: int, height: int) -> Any:
    region, point = typestore.types[_REGION_TYPE], typestore.types[_POINT_TYPE]
    fields = message_fields(face, width, height)
    fields['box'] = region(**fields['box'], do_rectify=False)
    fields['landmarks'] = [point(**landmark) for landmark in fields['landmarks']]
    pose = {
        part: typestore.types[_PARTS_OF_POSE[part]](**values)
        for part, values in fields['pose'].items()
    }
    fields['pose'] = typestore.types[_POSE_TYPE](**pose)
    fields['gaze'] = typestore.types[_VECTOR_TYPE](**fields['gaze'])
    return typestore.types[_FACE_TYPE](**fields)
