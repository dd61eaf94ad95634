"""One image of a webcam in, the same with boxes and labels out; nothing touches the disk."""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from emotion_perception.drawing import draw_faces
from emotion_perception.encodings import decode_still
from emotion_perception.encodings.compressed import encode_jpeg
from emotion_perception.errors import ImageFormatError
from emotion_perception.labels import EMOTION_NAMES
from emotion_perception.types import Face
from emotion_viewers.web.chosen import Chosen
from emotion_viewers.web.limits import MAX_MOVING_PIXELS
from emotion_viewers.web.networks import Stream

_JPEG_QUALITY: Final = 85


@dataclass(frozen=True, slots=True)
class WebcamResult:
    """What the page shows of one image.

    Attributes:
        url: The annotated image as a data address.
        probabilities: Of the largest face, by emotion, 0..1; empty without a face.
    """

    url: str
    probabilities: dict[str, float]


def image_of_url(url: str) -> bytes:
    """The bytes behind a data address, as a browser sends the image of a webcam.

    Raises:
        ImageFormatError: It is none.
    """
    head, comma, body = url.partition(',')
    if not (comma and head.startswith('data:image/') and head.endswith(';base64')):
        raise ImageFormatError('The webcam sent no image: load the page again.')
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise ImageFormatError('The image of the webcam is damaged.') from error


def process_webcam(data: bytes, stamp_ns: int, stream: Stream, chosen: Chosen) -> WebcamResult:
    """Processes the next image of a webcam.

    Args:
        data: An image file.
        stamp_ns: When it came, in nanoseconds.
        stream: Of this webcam.
        chosen: Thresholds and what is drawn, which may change from image to image.

    Raises:
        ImageFormatError: The image is damaged.
    """
    image = decode_still(data, 'of the webcam', MAX_MOVING_PIXELS)
    faces = stream.process(image, stamp_ns, chosen)
    jpeg = encode_jpeg(draw_faces(image, faces, chosen.style), _JPEG_QUALITY).tobytes()
    url = f'data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}'
    return WebcamResult(url, _probabilities(faces[0]) if faces else {})


def _probabilities(face: Face) -> dict[str, float]:
    return dict(zip(EMOTION_NAMES, face.probabilities.tolist(), strict=True))
