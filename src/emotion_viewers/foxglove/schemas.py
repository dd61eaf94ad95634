"""Topics as Foxglove sees them, and the schemas that foxglove-sdk does not bring.

The names are those of the ROS topics of a session without namespace, and the JSON message of the
results has the fields of `emotion_msgs/msg/FaceEmotionArray`: one layout fits the live connection,
the MCAP files of this package and the rosbags of `emotion nodes --record`.
"""

from functools import cache
from typing import Any, Final

from emotion_perception.labels import EMOTION_NAMES, UNCERTAIN_NAME

IMAGE_TOPIC: Final = '/camera/image_raw'
"""`foxglove.CompressedImage`: JPEG or PNG images of the camera."""

ANNOTATIONS_TOPIC: Final = '/emotions/annotations'
"""`foxglove.ImageAnnotations`: boxes, landmarks and labels."""

EMOTIONS_TOPIC: Final = '/emotions'
"""JSON after `EMOTIONS_SCHEMA`: what plots and state transitions are made of."""

DIAGNOSTICS_TOPIC: Final = '/diagnostics'
"""`diagnostic_msgs/msg/DiagnosticArray` in CDR, for the diagnostics panels."""

DIAGNOSTICS_TYPE: Final = 'diagnostic_msgs/msg/DiagnosticArray'

JsonSchema = dict[str, Any]


def _numbers(count: int, description: str) -> JsonSchema:
    return {
        'type': 'array',
        'items': {'type': 'number'},
        'minItems': count,
        'maxItems': count,
        'description': description,
    }


def _object(**properties: JsonSchema) -> JsonSchema:
    return {'type': 'object', 'properties': properties, 'required': list(properties)}


_INTEGER: Final[JsonSchema] = {'type': 'integer'}
_NUMBER: Final[JsonSchema] = {'type': 'number'}

_FACE: Final = _object(
    track_id={'type': 'integer', 'description': 'stable while the face stays in view, from 1'},
    box=_object(x_offset=_INTEGER, y_offset=_INTEGER, width=_INTEGER, height=_INTEGER),
    score={'type': 'number', 'description': 'confidence of the detector, 0..1'},
    landmarks={
        'type': 'array',
        'items': _object(x=_NUMBER, y=_NUMBER),
        'description': 'five points in pixels; none where the detector gives none',
    },
    emotion={'type': 'string', 'enum': [*EMOTION_NAMES, UNCERTAIN_NAME]},
    emotion_id={'type': 'integer', 'description': 'index of the strongest class; 255: uncertain'},
    confidence={'type': 'number', 'description': 'probability of the strongest class, 0..1'},
    probabilities=_numbers(len(EMOTION_NAMES), ', '.join(EMOTION_NAMES)),
)

EMOTIONS_SCHEMA: Final[JsonSchema] = {
    'title': 'emotion_msgs.FaceEmotionArray',
    'description': 'All faces of one image, largest first.',
    **_object(
        header=_object(
            stamp=_object(sec=_INTEGER, nsec=_INTEGER),
            frame_id={'type': 'string'},
        ),
        image_width=_INTEGER,
        image_height=_INTEGER,
        faces={'type': 'array', 'items': _FACE},
    ),
}
"""JSON schema of the results."""


@cache
def diagnostics_definition() -> str:
    """The message definition of diagnostics with all types in it, as a rosbag holds it."""
    # Here, because it takes longer to load than the rest of the package.
    from emotion_perception.bags.typestore import ros2_typestore

    definition, _ = ros2_typestore().generate_msgdef(DIAGNOSTICS_TYPE, ros_version=2)
    return definition
