"""`emotion image`: photos, each on its own."""

import argparse
import glob
import re
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import cv2
from tqdm import tqdm

from emotion_perception.address import shown_source
from emotion_perception.api import analyse_still
from emotion_perception.cli.options import (
    add_pipeline_options,
    networks_from,
    settings_from,
    style_from,
)
from emotion_perception.cli.signals import raise_if_interrupted
from emotion_perception.drawing import draw_faces
from emotion_perception.errors import EmotionPerceptionError, OutputError, SourceError
from emotion_perception.files.resources import replace_file
from emotion_perception.outputs.names import refuse_overwriting
from emotion_perception.outputs.results import FrameRecord, JsonLinesWriter, face_text, frame_record
from emotion_perception.outputs.run import note, say
from emotion_perception.outputs.standard_output import STANDARD_OUTPUT
from emotion_perception.settings.setting import add_settings
from emotion_perception.settings.tables import BLUR_FACES
from emotion_perception.sources.image_files import image_files_in, natural_order, read_image_file
from emotion_perception.types import BgrImage

DESCRIPTION = """\
Reads the emotions in photos and prints a line per photo: emotion, confidence and box (left, top,
width x height in pixels) of each face, the largest first."""

EPILOG = """\
examples:
  emotion image party.jpg
  emotion image party.jpg -o party_emotions.png
  emotion image holidays/ 'more/*.jpg' -o annotated/ --json faces.jsonl

A photo that cannot be read does not stop the others; the exit code is 1 at the end. HEIC needs
`pip install pillow-heif`; animations are for `emotion video`.
"""

# 'faces.heic' is meant to be a file, 'holidays.2024' a folder.
_LIKE_A_FILE: Final = re.compile(r'\.[A-Za-z][A-Za-z0-9]{1,4}')
_WRITABLE: Final = frozenset(('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff'))
_LIKE_JPEG: Final = frozenset(('.jfif', '.jpe', '.heic', '.heif', '.hif', '.avif'))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `emotion image`."""
    parser.add_argument(
        'photos', nargs='+', metavar='PHOTO', help='image file, folder, or glob pattern'
    )
    parser.add_argument(
        '-o',
        '--output',
        type=Path,
        metavar='OUT',
        help='annotated image, or folder for all of them',
    )
    parser.add_argument(
        '--json',
        type=Path,
        metavar='FILE',
        help='one JSON document per line and photo; - is the standard output',
    )
    add_settings(parser, [BLUR_FACES])
    add_pipeline_options(parser, stream=False)


def run(arguments: argparse.Namespace) -> int:
    """Runs `emotion image`; returns its exit code."""
    photos, failures = find_photos(arguments.photos)
    refuse_overwriting(photos, [arguments.json])
    targets = plan_targets(photos, arguments.output)
    refuse_overwriting(targets.values(), [arguments.json])
    for failure in failures:
        note(f'error: {failure}')
    if not photos:
        return 1
    work = _Work(arguments)
    failed = bool(failures)
    with nullcontext() if arguments.json is None else JsonLinesWriter(arguments.json) as writer:
        hidden = True if len(photos) == 1 else None  # None: shown where there is a terminal
        for photo in tqdm(photos, unit='photo', disable=hidden):
            raise_if_interrupted()
            try:
                record = work.analyse(photo, targets.get(photo))
            except EmotionPerceptionError as error:
                note(f'error: {error}')
                failed = True
                continue
            if writer is not None:
                writer.write({'file': str(photo), **record})
            if arguments.json != STANDARD_OUTPUT:
                say(f'{photo}  {_faces_text(record)}')
    return int(failed)


def find_photos(specs: Sequence[str]) -> tuple[list[Path], list[EmotionPerceptionError]]:
    """Expands folders and glob patterns.

    Returns:
        The photos in the order given, each once, and what was wrong with specifications that gave
        none.
    """
    photos: dict[Path, None] = {}
    failures: list[EmotionPerceptionError] = []
    for spec in specs:
        try:
            if '://' in spec:
                raise SourceError(f'{shown_source(spec)} is an address: download the photo first.')
            photos.update(dict.fromkeys(_expand(Path(spec).expanduser(), failures)))
        except SourceError as error:
            failures.append(error)
    return list(photos), failures


def plan_targets(photos: Sequence[Path], output: Path | None) -> dict[Path, Path]:
    """Where the annotated image of each photo goes; empty without an output.

    Raises:
        OutputError: Several photos would go to one file, the format cannot be written, or a photo
            would be overwritten.
    """
    if output is None:
        return {}
    is_file = output.suffix.lower() in _WRITABLE and not output.is_dir()
    if not is_file and _LIKE_A_FILE.fullmatch(output.suffix) and not output.is_dir():
        raise OutputError(
            f"Images cannot be written as '{output.name}': use a name that ends in "
            f'{", ".join(sorted(_WRITABLE))}, or make a folder of that name first.'
        )
    if is_file and len(photos) > 1:
        raise OutputError(
            f'{len(photos)} photos cannot go to the one file {output}: give a folder.'
        )
    targets = dict.fromkeys(photos, output) if is_file else _names_in(output, photos)
    originals = {photo.resolve() for photo in photos}
    for target in targets.values():
        if target.resolve() in originals:
            raise OutputError(f'{target} is one of the photos: choose another output.')
    return targets


class _Work:
    """Networks and settings, loaded once for all photos."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._networks = networks_from(arguments)
        self._settings = settings_from(arguments)
        self._style = style_from(arguments)

    def analyse(self, photo: Path, target: Path | None) -> FrameRecord:
        image = read_image_file(photo)
        faces = analyse_still(image, self._networks, self._settings)
        if target is not None:
            _write_image(target, draw_faces(image, faces, self._style))
        height, width = image.shape[:2]
        record = frame_record(0, width, height, faces)
        del record['stamp']  # a photo has none
        return record


def _photos_in(folder: Path, failures: list[EmotionPerceptionError]) -> list[Path]:
    chosen = image_files_in(folder)
    failures += [
        SourceError(f'Folder {folder}: left out are {each}.') for each in chosen.unreadable
    ]
    chosen._replace(unreadable=[]).warn(f'Folder {folder}')
    return chosen.images


def _expand(path: Path, failures: list[EmotionPerceptionError]) -> list[Path]:
    try:
        if path.is_dir():
            return _photos_in(path, failures)
        if path.exists():
            return [path]
    except OSError as error:
        raise SourceError(
            f'{shown_source(str(path))} cannot be read ({error.strerror}).'
        ) from error
    names = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute path
    found = natural_order([Path(name) for name in names if Path(name).is_file()])
    if not found and glob.has_magic(str(path)):
        raise SourceError(f'No photo matches {shown_source(str(path))}: check the pattern.')
    if not found:
        raise SourceError(f'{shown_source(str(path))} does not exist: check the path.')
    return found


def _names_in(folder: Path, photos: Sequence[Path]) -> dict[Path, Path]:
    """A name for every photo; photos of the same name from different folders get numbers."""
    targets: dict[Path, Path] = {}
    for photo in photos:
        suffix = photo.suffix if photo.suffix.lower() in _WRITABLE else _other_suffix(photo)
        target, number = folder / f'{photo.stem}{suffix}', 1
        while target in targets.values():
            number += 1
            target = folder / f'{photo.stem}-{number}{suffix}'
        targets[photo] = target
    return targets


def _other_suffix(photo: Path) -> str:
    """The format of an annotated photo whose own cannot be written."""
    return '.jpg' if photo.suffix.lower() in _LIKE_JPEG else '.png'


def _write_image(path: Path, image: BgrImage) -> None:
    try:
        encoded, data = cv2.imencode(path.suffix.lower(), image)
        if not encoded:
            raise OutputError(f'Image {path} cannot be encoded: choose .png.')
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, data.tobytes())
    except cv2.error as error:
        raise OutputError(f'Image {path} cannot be encoded: choose .png.') from error
    except OSError as error:
        raise OutputError(
            f'Image {path} cannot be written ({error.strerror}): choose another output.'
        ) from error


def _faces_text(record: FrameRecord) -> str:
    return '  '.join(face_text(face) for face in record['faces']) or 'no face'
