"""Message types for reading and writing bags."""

from collections.abc import Mapping

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

# The distribution that the package is built for, where this version of `rosbags` knows it.
_PREFERRED = 'ROS2_KILTED'


def ros2_typestore(definitions: Mapping[str, str] | None = None) -> Typestore:
    """The standard ROS 2 message types, and more from the text of `.msg` files.

    Args:
        definitions: `.msg` text by full name, for example
            {'emotion_msgs/msg/FaceEmotion': 'uint32 track_id'}.

    Raises:
        rosbags.typesys.TypesysError: A text is no valid message definition.
    """
    store = get_typestore(getattr(Stores, _PREFERRED, Stores.LATEST))
    types = {}
    for name, text in (definitions or {}).items():
        types.update(get_types_from_msg(text, name))
    if types:
        store.register(types)
    return store


def ros1_typestore() -> Typestore:
    """The standard ROS 1 message types: their header has one field more."""
    return get_typestore(Stores.ROS1_NOETIC)
