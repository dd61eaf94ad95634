"""Topics as Foxglove sees them, and the ROS messages that go over some of them.

The names are those of the ROS topics of a session without namespace, and results and diagnostics
are the ROS messages themselves: one layout fits the live connection, the MCAP files of this package
and the rosbags of `emotion nodes --record`.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from emotion_perception.bags.type_names import FACE_ARRAY_TYPE
from emotion_perception.types import NS_PER_S, Face

if TYPE_CHECKING:
    from rosbags.typesys.store import Typestore

IMAGE_TOPIC: Final = '/camera/image_raw'
"""`foxglove.CompressedImage`: JPEG or PNG images of the camera."""

ANNOTATIONS_TOPIC: Final = '/emotions/annotations'
"""`foxglove.ImageAnnotations`: boxes, landmarks and labels."""

EMOTIONS_TOPIC: Final = '/emotions'
"""`FACE_ARRAY_TYPE` in CDR: what plots and state transitions are made of."""

DIAGNOSTICS_TOPIC: Final = '/diagnostics'
"""`DIAGNOSTICS_TYPE` in CDR, for the diagnostics panels."""

DIAGNOSTICS_TYPE: Final = 'diagnostic_msgs/msg/DiagnosticArray'


@cache
def _typestore() -> 'Typestore':
    # Here, because it takes longer to load than the rest of the package.
    from emotion_perception.bags.messages import emotion_typestore

    return emotion_typestore()


@cache
def definition(message_type: str) -> str:
    """A message definition with all types in it, as a rosbag holds it (`ros2msg`).

    Raises:
        BagError: The `.msg` files of `emotion_msgs` are not installed.
    """
    text, _ = _typestore().generate_msgdef(message_type, ros_version=2)
    return text


def emotions_data(
    stamp_ns: int, frame_id: str, width: int, height: int, faces: Sequence[Face]
) -> bytes:
    """The results of one image, an `FACE_ARRAY_TYPE` in CDR.

    Args:
        stamp_ns: Stamp of the image in nanoseconds.
        frame_id: Optical frame of the camera.
        width: Width of the image in pixels.
        height: Height of the image in pixels.
        faces: The faces of the image; may be empty.
    """
    from emotion_perception.bags.messages import face_array_message

    store = _typestore()
    sec, nanosec = divmod(stamp_ns, NS_PER_S)
    stamp = store.types['builtin_interfaces/msg/Time'](sec=sec, nanosec=nanosec)
    header = store.types['std_msgs/msg/Header'](stamp=stamp, frame_id=frame_id)
    message = face_array_message(store, header, width, height, faces)
    return bytes(store.serialize_cdr(message, FACE_ARRAY_TYPE))
