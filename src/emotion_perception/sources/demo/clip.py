"""What happens in the clip, when and where."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final, cast

import cv2
import numpy as np
import numpy.typing as npt

from emotion_perception.sources.base import CloseableSource, SourceOptions, StampKind, stamp_at
from emotion_perception.sources.demo.expressions import Expression, blend
from emotion_perception.sources.demo.portraits import COLLINS, HOPPER, Person
from emotion_perception.types import BgrImage, Box, Frame

WIDTH, HEIGHT = 640, 480
FRAME_RATE = 30.0
FRAME_COUNT = 240

Uint8Array = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Pose:
    """Where a face is.

    Attributes:
        second: Time in the clip.
        x: Horizontal centre of the face, in pixels of the clip.
        y: Vertical centre of the face, in pixels of the clip.
        scale: Size relative to the portrait.
        angle: Turn in degrees, counter-clockwise.
    """

    second: float
    x: float
    y: float
    scale: float
    angle: float


@dataclass(frozen=True, slots=True)
class _Appearance:
    """One person from where she comes in to where she leaves.

    Attributes:
        person: Who.
        poses: In the order of time; the first and the last say when she comes and goes.
        moods: Until when she shows which emotion, in seconds; between two of them her face takes
            `_CHANGE_S` to change.
    """

    person: Person
    poses: tuple[_Pose, ...]
    moods: tuple[tuple[float, str], ...]

    def at(self, second: float) -> _Pose | None:
        """The pose at a time, eased between the key poses; None outside of them."""
        for before, after in pairwise(self.poses):
            if before.second <= second < after.second:
                return _between(before, after, second)
        return None

    def expression(self, second: float) -> Expression:
        """What the face shows at a time."""
        shown = [self.person.expressions[emotion] for _, emotion in self.moods]
        for (end, _), before, after in zip(self.moods, shown, shown[1:], strict=False):
            if second < end + _CHANGE_S:
                share = _eased(min(max((second - end) / _CHANGE_S, 0.0), 1.0))
                return blend(before, after, share)
        return shown[-1]


_CHANGE_S: Final = 0.4
_APPEARANCES: Final = (
    _Appearance(
        HOPPER,
        (
            _Pose(0.7, 800, 245, 0.66, 4),
            _Pose(1.5, 470, 240, 0.66, -2),
            _Pose(3.4, 450, 245, 0.72, 3),
            _Pose(4.6, 465, 245, 0.7, -2),
            _Pose(5.0, 470, 245, 0.7, 2),
            _Pose(5.5, 820, 250, 0.7, 6),
        ),
        ((2.6, 'Neutral'), (4.1, 'Happy'), (9.0, 'Neutral')),
    ),
    _Appearance(
        HOPPER,
        (
            _Pose(5.6, 820, 250, 0.7, 6),
            _Pose(6.2, 470, 245, 0.7, -2),
            _Pose(8.0, 455, 242, 0.74, 1),
        ),
        ((6.4, 'Surprise'), (7.3, 'Surprise'), (9.0, 'Happy')),
    ),
    _Appearance(
        COLLINS,
        (
            _Pose(0.0, 300, 225, 1.30, 0),
            _Pose(1.2, 190, 215, 1.05, -5),
            _Pose(2.6, 175, 220, 1.10, 3),
            _Pose(3.9, 190, 225, 1.15, -3),
            _Pose(5.1, 200, 240, 1.30, 4),
            _Pose(5.8, 280, 262, 1.85, 2),
            _Pose(6.6, 180, 225, 1.15, -4),
            _Pose(8.0, 185, 220, 1.10, 2),
        ),
        ((1.8, 'Happy'), (3.2, 'Surprise'), (4.9, 'Sad'), (9.0, 'Happy')),
    ),
)


class DemoSource(CloseableSource):
    """The made-up clip: 240 frames of 640x480 pixels at 30 frames per second, always the same.

    One face and soon two, of 120 to 220 pixels height and with four expressions; one of the two
    leaves and comes back.

    Args:
        options: `frame_rate` replaces the clip's own rate.

    Raises:
        SourceError: A portrait is missing.
    """

    live = False
    stamp_kind = StampKind.POSITION
    name = 'Demo clip'
    frame_count = FRAME_COUNT

    def __init__(self, options: SourceOptions | None = None) -> None:
        super().__init__()
        self.frame_rate: float = (options.frame_rate if options else 0.0) or FRAME_RATE
        self._backdrop = _backdrop()
        for person in (COLLINS, HOPPER):
            person.cut_out({})

    def __iter__(self) -> Iterator[Frame]:
        """Yields the clip's frames, each drawn when it is asked for."""
        for index in range(FRAME_COUNT):
            if self._closed:
                return
            yield Frame(self._draw(index), stamp_at(index, self.frame_rate), index)

    def _draw(self, index: int) -> BgrImage:
        canvas: BgrImage = self._backdrop.copy()
        second = index / FRAME_RATE
        for appearance in _APPEARANCES:
            pose = appearance.at(second)
            if pose:
                portrait = appearance.person.cut_out(appearance.expression(second))
                _paste(canvas, portrait, _motion(pose, appearance.person.face))
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
            face = appearance.person.face
            box = _moved(face, _motion(pose, face))
            if box.clipped(WIDTH, HEIGHT).area > 0:
                boxes.append(box)
    return tuple(boxes)


def faces_expected(index: int) -> int:
    """How many faces of a frame are wholly in the image: what a detector must find at least."""
    return sum(box.clipped(WIDTH, HEIGHT) == box for box in face_boxes(index))


def has_partial_face(index: int) -> bool:
    """Whether the image's edge cuts a face, so that a detector may or may not find it."""
    return len(face_boxes(index)) > faces_expected(index)


def _eased(share: float) -> float:
    return share * share * (3 - 2 * share)


def _between(before: _Pose, after: _Pose, second: float) -> _Pose:
    share = (second - before.second) / (after.second - before.second)
    eased = _eased(share)

    def mix(a: float, b: float) -> float:
        return a + (b - a) * eased

    return _Pose(
        second,
        mix(before.x, after.x),
        mix(before.y, after.y),
        mix(before.scale, after.scale),
        mix(before.angle, after.angle),
    )


def _motion(pose: _Pose, face: Box) -> npt.NDArray[np.float64]:
    """float64 [2, 3]: from pixels of the portrait to pixels of the clip."""
    x, y = face.center
    matrix = cv2.getRotationMatrix2D((x, y), pose.angle, pose.scale)
    matrix[:, 2] += np.array([pose.x - x, pose.y - y])
    return cast('npt.NDArray[np.float64]', matrix)


def _moved(face: Box, motion: npt.NDArray[np.float64]) -> Box:
    xs = np.array([face.x, face.x + face.width] * 2)
    ys = np.repeat([face.y, face.y + face.height], 2)
    corners = motion @ np.stack([xs, ys, np.ones(4)])
    (x0, y0), (x1, y1) = corners.min(axis=1).tolist(), corners.max(axis=1).tolist()
    return Box(x0, y0, x1 - x0, y1 - y0)


def _paste(canvas: BgrImage, portrait: Uint8Array, motion: npt.NDArray[np.float64]) -> None:
    """Blends in place; the portrait's colours carry their alpha, so that edges do not darken."""
    moved = cv2.warpAffine(portrait, motion, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    behind = cv2.cvtColor(255 - moved[..., 3], cv2.COLOR_GRAY2BGR)
    cv2.multiply(canvas, behind, dst=canvas, scale=1 / 255)
    cv2.add(canvas, cv2.cvtColor(moved, cv2.COLOR_BGRA2BGR), dst=canvas)


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


def example_images() -> dict[str, BgrImage]:
    """Pictures to try with, by what they show: uint8 [height, width, 3], BGR."""
    return {'one_face': HOPPER.photograph(), 'two_faces': DemoSource()._draw(75)}
