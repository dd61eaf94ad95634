"""A photo in, an annotated photo and its tables out."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from emotion_perception.drawing import draw_faces
from emotion_perception.encodings.compressed import encode_jpeg
from emotion_perception.errors import OutputError
from emotion_perception.outputs.results import FrameRecord, frame_record
from emotion_perception.sources.image_files import read_image_file
from emotion_viewers.web.chosen import Chosen
from emotion_viewers.web.limits import MAX_PHOTO_PIXELS
from emotion_viewers.web.networks import PageNetworks
from emotion_viewers.web.tables import CsvWriter
from emotion_viewers.web.uploads import result_stem

_JPEG_QUALITY: Final = 92


@dataclass(frozen=True, slots=True)
class PhotoResult:
    """What the page shows of a photo.

    Attributes:
        record: As from `results.frame_record`, without a stamp, with the file's name.
        image: The annotated photo, a JPEG file.
        json: The record as a file.
        csv: A row per face.
    """

    record: FrameRecord
    image: Path
    json: Path
    csv: Path


def process_photo(photo: Path, folder: Path, networks: PageNetworks, chosen: Chosen) -> PhotoResult:
    """Finds the faces of a photo and their emotions.

    Args:
        photo: Image file.
        folder: Where the results go; it must exist.
        networks: Find the faces and tell their emotions.
        chosen: Thresholds, labels and what is drawn.

    Raises:
        SourceError: The photo cannot be read or is damaged.
        OutputError: A result cannot be written.
    """
    image = read_image_file(photo, MAX_PHOTO_PIXELS)
    faces = networks.still(image, chosen)
    height, width = image.shape[:2]
    record: FrameRecord = {'file': photo.name, **frame_record(0, width, height, faces)}
    del record['stamp']  # a photo has none
    start = str(folder / f'{result_stem(photo)}_emotions')
    result = PhotoResult(record, *(Path(start + end) for end in ('.jpg', '.json', '.csv')))
    annotated = encode_jpeg(draw_faces(image, faces, chosen.style), _JPEG_QUALITY).tobytes()
    _write(result.image, annotated)
    _write(result.json, (json.dumps(record, indent=2) + '\n').encode())
    with CsvWriter(result.csv) as table:
        table.write(record)
    return result


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise OutputError(
            f'{path.name} cannot be written ({error.strerror}): check the free space.'
        ) from error
