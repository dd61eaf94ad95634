"""The images that everything is measured on."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import cv2
import numpy as np

from benchmarks.errors import BenchmarkError
from emotion_perception.errors import SourceError
from emotion_perception.sources import open_source
from emotion_perception.sources.demo import FRAME_COUNT, faces_expected, has_partial_face
from emotion_perception.types import BgrImage

SIZES = ((320, 240), (640, 480), (1280, 720), (1920, 1080))
"""(width, height) of the images, in pixels."""

_CLIP_SUFFIXES = frozenset({'.gif', '.mp4', '.avi', '.mkv', '.mov'})

HEADS: Mapping[str, int] = {
    'head-pose-face-detection-female': 1,
    'head-pose-face-detection-male': 1,
    'head-pose-face-detection-female-and-male': 2,
}
"""Heads in every frame of Intel's sample videos (CC BY 4.0), by file name without its ending."""

_FACE_ROWS, _FACE_COLUMNS = slice(60, 380), slice(180, 440)  # around the face of frame 0


@cache
def demo_frames() -> tuple[BgrImage, ...]:
    """The demo clip: 240 frames of 640x480 pixels."""
    with open_source('demo') as source:
        return tuple(frame.image for frame in source)


def two_face_frames() -> list[BgrImage]:
    """The demo clip's longest run of frames that show two whole faces, there and back again.

    There and back: when it is played in a loop, no face jumps.
    """
    runs: list[list[int]] = [[]]
    for index in range(FRAME_COUNT):
        if faces_expected(index) == 2 and not has_partial_face(index):
            runs[-1].append(index)
        elif runs[-1]:
            runs.append([])
    run = max(runs, key=len)
    return [demo_frames()[index] for index in [*run, *run[-2:0:-1]]]


def fit(image: BgrImage, width: int, height: int) -> BgrImage:
    """Brings an image to a size, its proportions kept and its edge repeated where room is left."""
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(image, inner, interpolation=method)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    right, bottom = width - inner[0] - left, height - inner[1] - top
    padded = cv2.copyMakeBorder(scaled, top, bottom, left, right, cv2.BORDER_REPLICATE)
    return np.asarray(padded, np.uint8)


def crowd(faces: int, width: int, height: int) -> BgrImage:
    """An image with a number of equal faces in rows: the portrait of the demo clip's first frame.

    Args:
        faces: Number of faces, >= 1.
        width: Width in pixels.
        height: Height in pixels.
    """
    portrait = demo_frames()[0][_FACE_ROWS, _FACE_COLUMNS]
    columns = max(
        range(1, faces + 1),
        key=lambda n: min(
            width / n / portrait.shape[1], height / -(-faces // n) / portrait.shape[0]
        ),
    )
    rows = -(-faces // columns)
    image = np.full((height, width, 3), 170, np.uint8)
    tile_width, tile_height = width // columns, height // rows
    tile = fit(portrait, tile_width, tile_height)
    for number in range(faces):
        top, left = number // columns * tile_height, number % columns * tile_width
        image[top : top + tile_height, left : left + tile_width] = tile
    return image


def clips(folder: Path | None) -> dict[str, list[BgrImage]]:
    """The clips of a folder, by file name without its ending; none without a folder.

    Raises:
        BenchmarkError: The folder does not exist, holds no clip, or one cannot be read.
    """
    if folder is None:
        return {}
    if not folder.is_dir():
        raise BenchmarkError(f'The folder {folder} does not exist: check --clips.')
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in _CLIP_SUFFIXES)
    if not paths:
        endings = ', '.join(sorted(_CLIP_SUFFIXES))
        raise BenchmarkError(f'The folder {folder} holds no clip ({endings}): check --clips.')
    return {path.stem: _read(path) for path in paths}


def _read(path: Path) -> list[BgrImage]:
    try:
        with open_source(str(path)) as source:
            return [frame.image for frame in source]
    except SourceError as error:
        raise BenchmarkError(str(error)) from error
