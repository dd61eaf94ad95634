"""Images and annotations as messages of Foxglove; pure functions."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from emotion_perception.drawing.style import INK, PAPER, Bgr, emotion_color, line_width, text_size
from emotion_perception.labels import emotion_name
from emotion_perception.types import NS_PER_S, Face, face_caption, pixel_box

if TYPE_CHECKING:
    from foxglove.messages import (
        Color,
        CompressedImage,
        ImageAnnotations,
        KeyValuePair,
        Point2,
        PointsAnnotation,
        TextAnnotation,
        Timestamp,
    )

_PLATE_ALPHA: Final = 0.8


def image_annotations(
    stamp_ns: int, width: int, height: int, faces: Sequence[Face]
) -> 'ImageAnnotations':
    """Box, landmarks and label of every face, in the colour of its emotion.

    Args:
        stamp_ns: Stamp of the image in nanoseconds.
        width: Width of the image in pixels, > 0.
        height: Height of the image in pixels, > 0.
        faces: The faces of the image; none give an empty message, which clears the view.
    """
    from foxglove.messages import ImageAnnotations

    text = text_size(width, height, 1.0)
    points = [_box(stamp_ns, width, height, face, text) for face in faces]
    points += [_landmarks(stamp_ns, face, text) for face in faces if face.landmarks is not None]
    return ImageAnnotations(
        timestamp=_timestamp(stamp_ns),
        points=points,
        texts=[_label(stamp_ns, width, height, face, text) for face in faces],
    )


def compressed_image(
    stamp_ns: int, frame_id: str, data: bytes, format: str = 'jpeg'
) -> 'CompressedImage':
    """An image file as a message.

    Args:
        stamp_ns: Stamp of the image in nanoseconds.
        frame_id: Optical frame of the camera.
        data: The whole file.
        format: 'jpeg', 'png' or 'webp'.
    """
    from foxglove.messages import CompressedImage

    return CompressedImage(
        timestamp=_timestamp(stamp_ns), frame_id=frame_id, data=data, format=format
    )


def _box(stamp_ns: int, width: int, height: int, face: Face, text: int) -> 'PointsAnnotation':
    from foxglove.messages import PointsAnnotation, PointsAnnotationType

    x, y, box_width, box_height = pixel_box(face.box, width, height)
    right, bottom = x + box_width, y + box_height
    return PointsAnnotation(
        timestamp=_timestamp(stamp_ns),
        type=PointsAnnotationType.LineLoop,
        points=[_point(x, y), _point(right, y), _point(right, bottom), _point(x, bottom)],
        outline_color=_color(emotion_color(face.emotion_id)),
        thickness=line_width(text),
        metadata=_metadata(face),
    )


def _landmarks(stamp_ns: int, face: Face, text: int) -> 'PointsAnnotation':
    from foxglove.messages import PointsAnnotation, PointsAnnotationType

    assert face.landmarks is not None
    color = _color(emotion_color(face.emotion_id))
    return PointsAnnotation(
        timestamp=_timestamp(stamp_ns),
        type=PointsAnnotationType.Points,
        points=[_point(x, y) for x, y in face.landmarks.tolist()],
        outline_color=color,
        fill_color=color,
        thickness=2 * line_width(text),
    )


def _label(stamp_ns: int, width: int, height: int, face: Face, text: int) -> 'TextAnnotation':
    """Foxglove puts the lower left corner of a text at its position."""
    from foxglove.messages import TextAnnotation

    x, y, _, _ = pixel_box(face.box, width, height)
    return TextAnnotation(
        timestamp=_timestamp(stamp_ns),
        position=_point(x, max(y - line_width(text), text)),
        text=f'{face_caption(face)} #{face.track_id}',
        font_size=text,
        text_color=_color(PAPER),
        background_color=_color(INK, _PLATE_ALPHA),
    )


def _metadata(face: Face) -> 'list[KeyValuePair]':
    """What Foxglove shows of a box that is clicked on."""
    from foxglove.messages import KeyValuePair

    values = {
        'track_id': str(face.track_id),
        'emotion': emotion_name(face.emotion_id),
        'confidence': f'{face.confidence:.4f}',
        'score': f'{face.score:.4f}',
    }
    return [KeyValuePair(key=key, value=value) for key, value in values.items()]


def _timestamp(stamp_ns: int) -> 'Timestamp':
    from foxglove.messages import Timestamp

    sec, nsec = divmod(stamp_ns, NS_PER_S)
    return Timestamp(sec=sec, nsec=nsec)


def _point(x: float, y: float) -> 'Point2':
    from foxglove.messages import Point2

    return Point2(x=x, y=y)


def _color(color: Bgr, alpha: float = 1.0) -> 'Color':
    from foxglove.messages import Color

    blue, green, red = (value / 255 for value in color)
    return Color(r=red, g=green, b=blue, a=alpha)
