"""Detection of small and large faces in one image, whatever its size.

A network finds faces within a range of sizes in its input, and its memory grows with that input. So
an image is searched at several scales, from the one at which the smallest wanted face is just large
enough down to one that is seen as a whole; at the larger ones in overlapping tiles.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

import cv2

from emotion_perception.detection.base import moved
from emotion_perception.types import BgrImage, Box, Detection

Search = Callable[[BgrImage, tuple[int, int]], list[Detection]]
"""Searches an image, scaled to (width, height); faces in pixels of the image given."""

TILE: Final = 640
"""Longest side, in pixels, of what a network sees at once."""

_SECOND_LOOK: Final = 64

# Faces that may be cut by the edge of a tile are whole in the next one: each scale has to find
# faces up to twice the smallest, larger ones are found at the next scale, which is half of it.
_OVERLAP: Final = 96
_NMS_OVERLAP: Final = 0.3
# What lies inside a much larger face is a part of it: an eye, a mouth.
_PART: Final = 0.8
_MUCH_LARGER: Final = 3.0


def search_at(search: Search, image: BgrImage, size: tuple[int, int]) -> list[Detection]:
    """Searches an image at one scale, and at coarser ones where that alone may miss faces.

    Args:
        search: The network.
        image: uint8 [height, width, 3], BGR, not empty.
        size: (width, height) of the finest scale.

    Returns:
        Faces in pixels of `image`, each once.
    """
    if max(size) > TILE:
        return _search_pyramid(search, image, size)
    # A head that fills an image is too large for the network: it is seen at half the scale.
    half = max(size[0] // 2, 1), max(size[1] // 2, 1)
    return search(image, size) or (search(image, half) if max(half) >= _SECOND_LOOK else [])


def _search_pyramid(search: Search, image: BgrImage, size: tuple[int, int]) -> list[Detection]:
    found: list[Detection] = []
    for level in _levels(size):
        found += _search_level(search, image, level)
    return _merged(found)


def _levels(size: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Sizes of all scales, the coarsest first: it fits into one tile."""
    halvings = 0
    while max(size) >> halvings > TILE:
        halvings += 1
    for power in range(halvings, -1, -1):
        yield max(size[0] >> power, 1), max(size[1] >> power, 1)


def _search_level(search: Search, image: BgrImage, size: tuple[int, int]) -> list[Detection]:
    height, width = image.shape[:2]
    zoom = width / size[0], height / size[1]
    found: list[Detection] = []
    for top, bottom in _stretches(size[1]):
        for left, right in _stretches(size[0]):
            x, y = round(left * zoom[0]), round(top * zoom[1])
            part = image[y : round(bottom * zoom[1]), x : round(right * zoom[0])]
            edges = (left > 0, top > 0, right < size[0], bottom < size[1])
            faces = search(part, (right - left, bottom - top))
            whole = [face for face in faces if not _is_cut(face.box, part, edges)]
            found += [moved(face, x, y) for face in whole]
    return found


def _stretches(length: int) -> list[tuple[int, int]]:
    """Overlapping stretches of equal length, as few as cover a side."""
    if length <= TILE:
        return [(0, length)]
    count = math.ceil((length - _OVERLAP) / (TILE - _OVERLAP))
    starts = [round(i * (length - TILE) / (count - 1)) for i in range(count)]
    return [(start, start + TILE) for start in starts]


def _is_cut(box: Box, part: BgrImage, edges: tuple[bool, bool, bool, bool]) -> bool:
    """Whether a box reaches an edge of a tile that is none of the image's."""
    height, width = part.shape[:2]
    outside = (box.x <= 0, box.y <= 0, box.x + box.width >= width, box.y + box.height >= height)
    return any(out and inner for out, inner in zip(outside, edges, strict=True))


def _merged(found: Sequence[Detection]) -> list[Detection]:
    """One detection of each face: of overlapping ones the best, and no parts of larger faces."""
    boxes = [[face.box.x, face.box.y, face.box.width, face.box.height] for face in found]
    kept = cv2.dnn.NMSBoxes(boxes, [face.score for face in found], 0.0, _NMS_OVERLAP)
    best = [found[int(index)] for index in kept]
    return [face for face in best if not any(_is_part(face.box, other.box) for other in best)]


def _is_part(box: Box, of: Box) -> bool:
    if of.area < _MUCH_LARGER**2 * box.area:
        return False
    width = min(box.x + box.width, of.x + of.width) - max(box.x, of.x)
    height = min(box.y + box.height, of.y + of.height) - max(box.y, of.y)
    return width > 0 and height > 0 and width * height >= _PART * box.area
