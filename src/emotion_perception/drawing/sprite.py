"""What everything is drawn with: sprites with soft edges, text, boxes and plates."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from emotion_perception.drawing.style import INK, PAPER, Bgr
from emotion_perception.types import BgrImage, Box, Head, Landmarks, head_axes

Mask = npt.NDArray[np.uint8]
"""uint8 [height, width], coverage: 0 transparent, 255 opaque."""


@dataclass(frozen=True, slots=True)
class Sprite:
    """An image with an alpha channel, stored the way pasting needs it.

    Attributes:
        color: uint8 [height, width, 3], BGR already multiplied by alpha.
        keep: uint8 [height, width, 3], share of the background that stays, 255 - alpha.
    """

    color: BgrImage
    keep: BgrImage

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.color.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.color.shape[0])


def sprite_of_mask(mask: Mask, color: Bgr) -> Sprite:
    """A sprite of one colour whose coverage is the mask."""
    return sprite_of_image(np.full((*mask.shape, 3), color, np.uint8), mask)


def sprite_of_image(image: BgrImage, mask: Mask) -> Sprite:
    """A sprite of an image (not multiplied by alpha) whose coverage is the mask."""
    alpha = np.repeat(mask[:, :, None], 3, axis=2)
    color = np.asarray(cv2.multiply(image, alpha, scale=1 / 255), np.uint8)
    return Sprite(color, 255 - alpha)


def stack(below: Sprite, above: Sprite, x: int, y: int) -> Sprite:
    """One sprite of two; `above` must lie inside `below` at (x, y) or is cut off."""
    keep = below.keep.copy()
    color = below.color.copy()
    paste(color, above, x, y)
    paste(keep, Sprite(np.zeros_like(above.color), above.keep), x, y)
    return Sprite(color, keep)


def paste(image: BgrImage, sprite: Sprite, x: int, y: int) -> None:
    """Blends a sprite into an image in place; parts outside the image are cut off.

    Args:
        image: uint8 [height, width, 3], changed.
        sprite: What to paste.
        x: Column of the sprite's left edge; may lie outside.
        y: Row of the sprite's top edge; may lie outside.
    """
    left, top = max(x, 0), max(y, 0)
    right = min(x + sprite.width, image.shape[1])
    bottom = min(y + sprite.height, image.shape[0])
    if left >= right or top >= bottom:
        return
    part = (slice(top - y, bottom - y), slice(left - x, right - x))
    area = image[top:bottom, left:right]
    dimmed = cv2.multiply(area, sprite.keep[part], scale=1 / 255)
    area[:] = cv2.add(dimmed, sprite.color[part])


# Light text on a dark plate looks thinner than it is; lifting half-covered pixels evens that out.
_WEIGHT_GAMMA = 0.72


@dataclass(frozen=True, slots=True)
class FontMetrics:
    """Measures of a font size, in pixels.

    Attributes:
        ascent: From the top of a text sprite to the baseline.
        cap_height: Height of a capital letter above the baseline.
    """

    ascent: int
    cap_height: int


@lru_cache(maxsize=16)
def font_metrics(size: int) -> FontMetrics:
    """Measures of the font at a size in pixels."""
    font = _font(size)
    ascent, _ = font.getmetrics()
    return FontMetrics(ascent, ascent - int(font.getbbox('H')[1]))


@lru_cache(maxsize=512)
def text_sprite(text: str, size: int, color: Bgr) -> Sprite:
    """One line of text, one pixel at least.

    Args:
        text: Printable characters.
        size: Font size in pixels.
        color: Blue, green, red.

    Returns:
        A sprite as high as the font's line, so that equal sizes share a baseline.
    """
    return sprite_of_mask(text_mask(text, size), color)


def text_mask(text: str, size: int) -> Mask:
    """Coverage of one line of text; as high as the font's line."""
    font = _font(size)
    ascent, descent = font.getmetrics()
    canvas = Image.new('L', (max(1, int(np.ceil(font.getlength(text)))), ascent + descent))
    ImageDraw.Draw(canvas).text((0, 0), text, fill=255, font=font)
    coverage = np.asarray(canvas, np.float32) / 255.0
    return np.asarray(np.rint(255.0 * coverage**_WEIGHT_GAMMA), np.uint8)


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    assert isinstance(font, ImageFont.FreeTypeFont), 'Pillow was built without FreeType'
    return font


_FRACTION_BITS = 4  # cv2 draws at 1/16 pixel, which keeps a slowly moving box from jumping
_PLATE_OPACITY = 0.78
_OVERSAMPLING = 4
_BRACKET = 0.22  # length of a bracket's arms in the shorter side of its box
_FAR_OUTSIDE = 4096.0  # fixed-point coordinates must stay far below cv2's 2^31


def draw_box(image: BgrImage, box: Box, color: Bgr, width: int) -> None:
    """Draws a box with round corners and a dark rim that shows on any background, in place.

    Args:
        image: uint8 [height, width, 3], changed.
        box: In pixels; edges outside the image are not drawn.
        color: Blue, green, red.
        width: Line width in pixels.
    """
    outline = _to_fixed_point(_rounded_outline(_near(box, image), width))
    cv2.polylines(image, [outline], True, INK, width + 2, cv2.LINE_AA, _FRACTION_BITS)
    cv2.polylines(image, [outline], True, color, width, cv2.LINE_AA, _FRACTION_BITS)


def draw_brackets(image: BgrImage, box: Box, width: int) -> None:
    """Draws white brackets with a dark rim into the corners of a box, in place.

    Args:
        image: uint8 [height, width, 3], changed.
        box: In pixels; what lies outside the image is not drawn.
        width: Line width of the box in pixels; the brackets are twice as thick.
    """
    near = _near(box, image)
    corners = np.array(((0, 0), (1, 0), (1, 1), (0, 1)))
    inwards = 1 - 2 * corners
    places = (near.x, near.y) + corners * (near.width, near.height) + 3 * width * inwards
    arm = _BRACKET * min(near.width, near.height)
    ends = [places + arm * inwards * axis for axis in ((1, 0), (0, 1))]
    brackets = [*_to_fixed_point(np.stack([ends[0], places, ends[1]], axis=1))]
    for thickness, color in ((2 * width + 2, INK), (2 * width, PAPER)):
        cv2.polylines(image, brackets, False, color, thickness, cv2.LINE_AA, _FRACTION_BITS)


def draw_landmarks(image: BgrImage, landmarks: Landmarks, color: Bgr, radius: int) -> None:
    """Draws a dot on each landmark, in place; points that are not finite are left out."""
    height, width = image.shape[:2]
    for x, y in landmarks.tolist():
        if 0 <= x < width and 0 <= y < height:
            center = (round(x * (1 << _FRACTION_BITS)), round(y * (1 << _FRACTION_BITS)))
            for grown, fill in ((radius + 1, INK), (radius, color)):
                cv2.circle(
                    image, center, grown << _FRACTION_BITS, fill, -1, cv2.LINE_AA, _FRACTION_BITS
                )


@lru_cache(maxsize=256)
def plate(width: int, height: int, radius: int) -> Sprite:
    """Dark see-through plate with round corners, behind text."""
    mask = rounded_mask(width, height, radius)
    return sprite_of_mask((mask * _PLATE_OPACITY).astype(np.uint8), INK)


def rounded_mask(width: int, height: int, radius: int) -> Mask:
    """Coverage of a filled rectangle with round corners, antialiased."""
    scale = _OVERSAMPLING
    right, bottom, r = width * scale - 1, height * scale - 1, radius * scale
    canvas = np.zeros((height * scale, width * scale), np.uint8)
    cv2.rectangle(canvas, (r, 0), (right - r, bottom), 255, -1)
    cv2.rectangle(canvas, (0, r), (right, bottom - r), 255, -1)
    for center in ((r, r), (right - r, r), (r, bottom - r), (right - r, bottom - r)):
        cv2.circle(canvas, center, r, 255, -1)
    return np.asarray(cv2.resize(canvas, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _near(box: Box, image: BgrImage) -> Box:
    """The box with edges that lie far outside brought to just out of sight."""
    height, width = image.shape[:2]
    left, top = max(box.x, -_FAR_OUTSIDE), max(box.y, -_FAR_OUTSIDE)
    right = min(box.x + box.width, width + _FAR_OUTSIDE)
    bottom = min(box.y + box.height, height + _FAR_OUTSIDE)
    return Box(left, top, right - left, bottom - top)


def _rounded_outline(box: Box, width: int) -> npt.NDArray[np.float64]:
    """Corner arcs of a box, clockwise from the top left: float64 [4 * points, 2]."""
    radius = min(6.0 * width, 0.2 * min(box.width, box.height))
    inner = np.array(
        (
            (box.x + radius, box.y + radius),
            (box.x + box.width - radius, box.y + radius),
            (box.x + box.width - radius, box.y + box.height - radius),
            (box.x + radius, box.y + box.height - radius),
        )
    )
    return (inner[:, None, :] + radius * _corner_arcs()).reshape(-1, 2)


@lru_cache(maxsize=1)
def _corner_arcs() -> npt.NDArray[np.float64]:
    """Quarter circles of radius 1, in the order of `_rounded_outline`: float64 [4, 9, 2]."""
    starts = np.pi * np.array((1.0, 1.5, 0.0, 0.5))
    angles = starts[:, None] + np.linspace(0.0, np.pi / 2, 9)
    return np.stack((np.cos(angles), np.sin(angles)), axis=-1)


def _to_fixed_point(points: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
    return np.rint(points * (1 << _FRACTION_BITS)).astype(np.int32)


_AXIS_MM = 60.0
_GAZE_MM = 140.0
_FAR = 30_000  # pixels, beyond any image
# As RViz draws them: x forward, y left, z up.
_AXIS_COLORS: tuple[Bgr, ...] = ((60, 60, 235), (70, 190, 70), (235, 120, 50))
_GAZE_COLOR: Bgr = (60, 220, 250)


def draw_head(image: BgrImage, head: Head, line: int) -> None:
    """Draws the axes of a head (x forward red, y left green, z up blue) and where it looks, yellow.

    Args:
        image: uint8 [height, width, 3], BGR, changed.
        head: In pixels of `image`.
        line: Line width in pixels.
    """
    for axis, color in zip(head_axes(head.rotation).T, _AXIS_COLORS, strict=True):
        _draw_ray(image, head, _AXIS_MM * axis, color, line)
    _draw_ray(image, head, _GAZE_MM * head.gaze, _GAZE_COLOR, line)


def _draw_ray(
    image: BgrImage, head: Head, ray_mm: npt.NDArray[np.float64], color: Bgr, line: int
) -> None:
    start = np.array(head.origin)
    end = start + head.scale * ray_mm[:2]
    if not np.isfinite([*start, *end]).all():
        return
    tip = 0.12 if np.hypot(*(end - start)) > 8 * line else 0.01
    first, last = (
        (round(float(x)), round(float(y))) for x, y in np.clip((start, end), -_FAR, _FAR)
    )
    # A dark edge keeps it visible on any face.
    for width, shade in ((line + 2, INK), (line, color)):
        cv2.arrowedLine(image, first, last, shade, width, cv2.LINE_AA, tipLength=tip)
