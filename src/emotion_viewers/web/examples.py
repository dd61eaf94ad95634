"""Pictures for visitors who have none at hand."""

from pathlib import Path

import cv2

from emotion_perception.errors import OutputError
from emotion_perception.sources.demo import example_images


def write_examples(folder: Path) -> list[Path]:
    """Writes the example pictures, JPEG files whose names say what they show.

    Args:
        folder: It is made.

    Raises:
        OutputError: There is no room.
        SourceError: The demo's portrait is missing.
    """
    try:
        folder.mkdir()
        paths = []
        for name, image in example_images().items():
            paths.append(folder / f'{name}.jpg')
            paths[-1].write_bytes(cv2.imencode('.jpg', image)[1].tobytes())
    except OSError as error:
        raise OutputError(
            f'The example pictures cannot be written ({error.strerror}): check the free space.'
        ) from error
    return paths
