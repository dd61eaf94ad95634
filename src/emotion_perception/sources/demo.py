"""A synthetic clip of a real face, for trying everything without a camera.

The face is the portrait of the astronaut Eileen Collins that scikit-image carries (NASA, public
domain), cut out and moved over a calm studio backdrop.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.errors import SourceError
from emotion_perception.sources.base import CloseableSource, SourceOptions, StampKind, stamp_at
from emotion_perception.sources.image_files import read_image_file
from emotion_perception.types import BgrImage, Box, Frame

WIDTH, HEIGHT = 640, 480
FRAME_RATE = 30.0
FRAME_COUNT = 240

Uint8Array = npt.NDArray[np.uint8]

# All of these in pixels of the portrait (512x512). The outline was traced by GrabCut.
_FACE = Box(181.0, 58.0, 89.0, 120.0)
# fmt: off
_OUTLINE = np.array([
    (259, 23), (237, 17), (206, 22), (157, 59), (154, 68), (158, 104), (171, 116), (173, 125),
    (179, 131), (179, 148), (153, 152), (131, 168), (128, 176), (127, 189), (121, 189), (121, 201),
    (113, 204), (90, 228), (66, 247), (45, 283), (40, 306), (27, 342), (26, 374), (20, 390),
    (28, 495), (23, 500), (23, 511), (274, 511), (276, 460), (295, 395), (330, 361), (359, 350),
    (356, 314), (339, 262), (302, 233), (300, 222), (288, 203), (257, 176), (257, 167), (267, 152),
    (272, 135), (293, 111), (299, 92), (295, 58), (287, 44), (275, 32),
], np.int32)
# fmt: on
_FEATHER = 1.6
# Shoulders melt into the backdrop, so that no cut edge shows when the portrait stands high.
_FADE_TOP, _FADE_BOTTOM = 270.0, 420.0


@dataclass(frozen=True, slots=True)
class _Pose:
    """Where a face is.

    Attributes:
        second: Time in the clip.
        x: Horizontal centre of the face, in pixels of the clip.
        y: Vertical centre of the face, in pixels of the clip.
        scale: Size relative to the portrait, whose face has 89x120 pixels.
        angle: Turn in degrees, counter-clockwise.
    """

    second: float
    x: float
    y: float
    scale: float
    angle: float


@dataclass(frozen=True, slots=True)
class _Appearance:
    """One face from where it comes in to where it leaves."""

    poses: tuple[_Pose, ...]
    mirrored: bool = False

    def at(self, second: float) -> _Pose | None:
        """The pose at a time, eased between the key poses; None outside of them."""
        for before, after in zip(self.poses, self.poses[1:], strict=False):
            if before.second <= second < after.second:
                return _between(before, after, second)
        return None


_APPEARANCES = (
    _Appearance(
        (
            _Pose(0.0, 300, 225, 1.30, 0),
            _Pose(1.0, 215, 205, 0.95, -9),
            _Pose(2.1, 390, 260, 1.85, 7),
            _Pose(2.6, 430, 250, 1.75, 10),
            _Pose(3.1, 900, 265, 1.60, 14),
        )
    ),
    _Appearance(
        (
            _Pose(3.6, -160, 220, 0.70, -6),
            _Pose(4.3, 170, 215, 0.75, -6),
            _Pose(5.2, 215, 225, 1.05, 5),
            _Pose(6.2, 180, 235, 1.40, -4),
            _Pose(6.9, 230, 230, 1.25, 0),
            _Pose(7.4, 235, 640, 1.20, 3),
        )
    ),
    _Appearance(
        (
            _Pose(4.3, 800, 245, 0.60, 4),
            _Pose(5.0, 480, 235, 0.62, 4),
            _Pose(5.9, 460, 215, 0.85, -6),
            _Pose(6.5, 490, 230, 0.72, 0),
            _Pose(7.0, 820, 245, 0.66, -4),
        ),
        mirrored=True,
    ),
)


class DemoSource(CloseableSource):
    """The synthetic clip: 240 frames of 640x480 pixels at 30 frames per second, always the same.

    One face, later two, of 60 to 220 pixels height, with stretches of no face.

    Args:
        options: `frame_rate` replaces the clip's own rate.

    Raises:
        SourceError: scikit-image, which carries the portrait, is not installed.
    """

    live = False
    stamp_kind = StampKind.POSITION
    name = 'Demo clip'
    frame_count = FRAME_COUNT

    def __init__(self, options: SourceOptions | None = None) -> None:
        super().__init__()
        self.frame_rate: float = (options.frame_rate if options else 0.0) or FRAME_RATE
        self._backdrop = _backdrop()
        self._portraits = {mirrored: _portrait(mirrored) for mirrored in (False, True)}

    def __iter__(self) -> Iterator[Frame]:
        """Yields the clip's frames, each drawn when it is asked for."""
        for index in range(FRAME_COUNT):
            if self._closed:
                return
            yield Frame(self._draw(index), stamp_at(index, self.frame_rate), index)

    def _draw(self, index: int) -> BgrImage:
        canvas: BgrImage = self._backdrop.copy()
        for appearance in _APPEARANCES:
            pose = appearance.at(index / FRAME_RATE)
            if pose:
                _paste(canvas, self._portraits[appearance.mirrored], _motion(pose, appearance))
        return canvas


def face_boxes(index: int) -> tuple[Box, ...]:
    """Where the faces of a frame are, as far as they are in the image at all.

    Args:
        index: Number of the frame, 0..FRAME_COUNT - 1.

    Returns:
        Upright boxes around the turned faces, in pixels; they may reach over the image's edge.
    """
    boxes = []
    for appearance in _APPEARANCES:
        pose = appearance.at(index / FRAME_RATE)
        if pose:
            box = _moved_face(_motion(pose, appearance), appearance.mirrored)
            if box.clipped(WIDTH, HEIGHT).area > 0:
                boxes.append(box)
    return tuple(boxes)


def faces_expected(index: int) -> int:
    """How many faces of a frame are wholly in the image: what a detector must find at least."""
    return sum(box.clipped(WIDTH, HEIGHT) == box for box in face_boxes(index))


def has_partial_face(index: int) -> bool:
    """Whether the image's edge cuts a face, so that a detector may or may not find it."""
    return len(face_boxes(index)) > faces_expected(index)


def _between(before: _Pose, after: _Pose, second: float) -> _Pose:
    share = (second - before.second) / (after.second - before.second)
    eased = share * share * (3 - 2 * share)

    def mix(a: float, b: float) -> float:
        return a + (b - a) * eased

    return _Pose(
        second,
        mix(before.x, after.x),
        mix(before.y, after.y),
        mix(before.scale, after.scale),
        mix(before.angle, after.angle),
    )


def _motion(pose: _Pose, appearance: _Appearance) -> npt.NDArray[np.float64]:
    """float64 [2, 3]: from pixels of the portrait to pixels of the clip."""
    x, y = _FACE.center
    if appearance.mirrored:
        x = 511 - x
    matrix = cv2.getRotationMatrix2D((x, y), pose.angle, pose.scale)
    matrix[:, 2] += np.array([pose.x - x, pose.y - y])
    return cast('npt.NDArray[np.float64]', matrix)


def _moved_face(motion: npt.NDArray[np.float64], mirrored: bool) -> Box:
    left = 511 - _FACE.x - _FACE.width if mirrored else _FACE.x
    xs = np.array([left, left + _FACE.width] * 2)
    ys = np.repeat([_FACE.y, _FACE.y + _FACE.height], 2)
    corners = motion @ np.stack([xs, ys, np.ones(4)])
    (x0, y0), (x1, y1) = corners.min(axis=1).tolist(), corners.max(axis=1).tolist()
    return Box(x0, y0, x1 - x0, y1 - y0)


def _paste(canvas: BgrImage, portrait: Uint8Array, motion: npt.NDArray[np.float64]) -> None:
    """Blends in place; the portrait's colours carry their alpha, so that edges do not darken."""
    moved = cv2.warpAffine(portrait, motion, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    behind = cv2.cvtColor(255 - moved[..., 3], cv2.COLOR_GRAY2BGR)
    cv2.multiply(canvas, behind, dst=canvas, scale=1 / 255)
    cv2.add(canvas, cv2.cvtColor(moved, cv2.COLOR_BGRA2BGR), dst=canvas)


@lru_cache(maxsize=2)
def _portrait(mirrored: bool) -> Uint8Array:
    """uint8 [512, 512, 4]: blue, green, red times alpha, and alpha, all 0..255."""
    image = _astronaut().astype(np.float32)
    mask = np.zeros(image.shape[:2], np.float32)
    cv2.fillPoly(mask, [_OUTLINE], (1.0,), cv2.LINE_AA)
    alpha = cv2.GaussianBlur(mask, (0, 0), _FEATHER)
    rows = np.arange(len(alpha), dtype=np.float32)
    share = np.clip((_FADE_BOTTOM - rows) / (_FADE_BOTTOM - _FADE_TOP), 0, 1)
    alpha *= (share * share * (3 - 2 * share))[:, np.newaxis]
    portrait = np.dstack([image * alpha[..., np.newaxis], 255 * alpha]).round().astype(np.uint8)
    return np.ascontiguousarray(portrait[:, ::-1] if mirrored else portrait)


def _astronaut() -> BgrImage:
    """uint8 [512, 512, 3], BGR: Eileen Collins, photographed by NASA; in the public domain."""
    path = Path(__file__).with_name('astronaut.png')
    try:
        return read_image_file(path)
    except SourceError as error:
        raise SourceError(
            f'The portrait of the demo is missing ({error}): install again.'
        ) from error


@lru_cache(maxsize=1)
def _backdrop() -> BgrImage:
    """uint8 [HEIGHT, WIDTH, 3]: a cloudy warm grey, lighter in the middle."""
    coarse = np.random.default_rng(7).normal(0, 9, (7, 9)).astype(np.float32)
    clouds = cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    clouds = cv2.GaussianBlur(clouds, (0, 0), 25)
    y, x = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    light = 1.06 - 0.28 * (x * x + y * y) / 2 + clouds / 160
    grain = np.random.default_rng(8).normal(0, 0.7, (HEIGHT, WIDTH, 1))
    backdrop = light[..., np.newaxis] * np.array([164, 174, 182]) + grain
    return cast(BgrImage, np.clip(backdrop.round(), 0, 255).astype(np.uint8))
