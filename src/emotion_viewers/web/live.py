"""One picture of a webcam in, the same with boxes and labels out; nothing touches the disk."""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from emotion_perception.drawing import draw_faces
from emotion_perception.encodings import decode_still
from emotion_perception.encodings.compressed import encode_jpeg
from emotion_perception.errors import ImageFormatError
from emotion_perception.labels import EMOTION_NAMES
from emotion_perception.pipeline import PipelineSettings
from emotion_perception.types import Face
from emotion_viewers.web.networks import Stream

_JPEG_QUALITY: Final = 85


@dataclass(frozen=True, slots=True)
class LiveAnswer:
    """What the page shows of one picture.

    Attributes:
        url: The annotated picture as a data address.
        probabilities: Of the largest face, by emotion, 0..1; empty without a face.
    """

    url: str
    probabilities: dict[str, float]


def picture_of_url(url: str) -> bytes:
    """The bytes behind a data address, as a browser sends the picture of a webcam.

    Raises:
        ImageFormatError: It is none.
    """
    head, comma, body = url.partition(',')
    if not (comma and head.startswith('data:image/') and head.endswith(';base64')):
        raise ImageFormatError('The webcam sent no picture: load the page again.')
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise ImageFormatError('The picture of the webcam is damaged.') from error


def answer_live(
    picture: bytes, stamp_ns: int, stream: Stream, settings: PipelineSettings
) -> LiveAnswer:
    """Answers the next picture of a webcam.

    Args:
        picture: A picture file.
        stamp_ns: When it came, in nanoseconds.
        stream: Of this webcam.
        settings: Thresholds, which may change from picture to picture.

    Raises:
        ImageFormatError: The picture is damaged.
    """
    image = decode_still(picture, 'of the webcam')
    faces = stream.process(image, stamp_ns, settings)
    jpeg = encode_jpeg(draw_faces(image, faces), _JPEG_QUALITY).tobytes()
    url = f'data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}'
    return LiveAnswer(url, _probabilities(faces[0]) if faces else {})


def _probabilities(face: Face) -> dict[str, float]:
    return dict(zip(EMOTION_NAMES, face.probabilities.tolist(), strict=True))
