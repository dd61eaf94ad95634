"""Draws what the pipeline found onto an image."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emotion_perception.drawing.blur import blur_faces
from emotion_perception.drawing.chart import ChartSize, draw_chart
from emotion_perception.drawing.layout import (
    Corner,
    Plate,
    Surroundings,
    chart_corners,
    draw_plate,
    face_label,
    label_corners,
    small_label,
    status_plate,
)
from emotion_perception.drawing.sprite import draw_box, draw_brackets, draw_head, draw_landmarks
from emotion_perception.drawing.style import (
    DEFAULT_STYLE,
    OverlayStyle,
    emotion_color,
    line_width,
    text_size,
)
from emotion_perception.errors import ImageFormatError
from emotion_perception.types import BgrImage, Box, Face

_SMALLEST_CHARTED_FACE = 48.0  # pixels; the chart would be larger than the face
_ACCEPTABLE_COST = 0.1  # of a plate's pixels that may hide other things before it gives way
_LARGEST_SHARE_OF_FACE = 0.3  # that a chart may hide of its own face


@dataclass(frozen=True, slots=True)
class _Scene:
    """An image being drawn on, with its measures in pixels."""

    image: BgrImage
    faces: list[Face]
    style: OverlayStyle
    text: int
    line: int
    surroundings: Surroundings


def draw_faces(
    image: BgrImage,
    faces: Sequence[Face],
    style: OverlayStyle = DEFAULT_STYLE,
    status: str = '',
    target: int | None = None,
) -> BgrImage:
    """Draws faces and their emotions onto a copy of an image.

    Each face gets a box in its emotion's colour, a plate with an emoji, the emotion, its confidence
    and the track id, and a bar chart of the seven probabilities. Plates and charts stay inside the
    image and off other faces where there is room; in a crowd they shrink or give way. Faces
    smaller than 48 pixels get no chart. With `style.blur` the faces under all this are
    unrecognisable. Where a head was estimated, its axes and its gaze are drawn.

    Args:
        image: uint8 [height, width, 3], BGR; may be read-only, is not changed.
        faces: In pixels of `image`; those outside it are not drawn.
        style: What to draw, and how large.
        status: A line for the bottom left corner, for example '29.7 fps'; empty draws none.
        target: Track id of the person to attend to, who gets brackets in the box; None is nobody.

    Returns:
        uint8 [height, width, 3], a new image.

    Raises:
        ImageFormatError: The image is not uint8 with three channels.
    """
    _check_image(image)
    canvas = np.array(image, order='C')
    if not canvas.size:
        return canvas
    if style.blur:
        blur_faces(canvas, [face.box for face in faces])
    scene = _scene_of(canvas, faces, style)
    _draw_boxes(scene, target)
    status_at = _place_status(scene, status) if status else None
    labels = [_place_label(scene, i) for i in range(len(scene.faces))] if style.labels else []
    if style.bars:
        _draw_charts(scene)
    for label, corner in [*labels, *([status_at] if status_at else [])]:
        draw_plate(canvas, label, *corner)
    return canvas


def _check_image(image: BgrImage) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ImageFormatError(
            f'The image to draw on is {image.dtype} {list(image.shape)}: '
            'convert it to uint8 [height, width, 3] in BGR order first.'
        )


def _scene_of(canvas: BgrImage, faces: Sequence[Face], style: OverlayStyle) -> _Scene:
    height, width = canvas.shape[:2]
    visible = [face for face in faces if _is_visible(face.box, width, height)]
    text = text_size(width, height, style.scale)
    surroundings = Surroundings(width, height, [face.box for face in visible])
    return _Scene(canvas, visible, style, text, line_width(text), surroundings)


def _is_visible(box: Box, width: int, height: int) -> bool:
    if not all(math.isfinite(value) for value in (box.x, box.y, box.width, box.height)):
        return False
    return box.clipped(width, height).area > 0


def _draw_boxes(scene: _Scene, target: int | None) -> None:
    for face in scene.faces:
        color = emotion_color(face.emotion_id)
        draw_box(scene.image, face.box, color, scene.line)
        if scene.style.landmarks and face.landmarks is not None:
            draw_landmarks(scene.image, face.landmarks, color, scene.line)
        if face.head is not None:
            draw_head(scene.image, face.head, scene.line)
        if face.track_id == target:
            draw_brackets(scene.image, face.box, scene.line)


def _place_status(scene: _Scene, status: str) -> tuple[Plate, Corner]:
    label = status_plate(status, scene.text)
    margin = scene.text // 2
    corner = (margin, max(scene.image.shape[0] - label.height - margin, 0))
    scene.surroundings.occupy(corner, label.width, label.height)
    return label, corner


def _place_label(scene: _Scene, index: int) -> tuple[Plate, Corner]:
    """The full label where it hides little, else the small one where it hides least."""
    face = scene.faces[index]
    label = face_label(face, scene.text)
    corner, cost = _best_label_corner(scene, index, label)
    if cost > _ACCEPTABLE_COST * label.width * label.height:
        label = small_label(face, scene.text)
        corner, _ = _best_label_corner(scene, index, label)
    scene.surroundings.occupy(corner, label.width, label.height)
    return label, corner


def _best_label_corner(scene: _Scene, index: int, label: Plate) -> tuple[Corner, float]:
    box = scene.faces[index].box
    corners = label_corners(box, label.width, label.height, scene.line + 1)
    return scene.surroundings.best_corner(corners, label.width, label.height, index)


def _draw_charts(scene: _Scene) -> None:
    for index, face in enumerate(scene.faces):
        if min(face.box.width, face.box.height) < _SMALLEST_CHARTED_FACE:
            continue
        size = ChartSize.beside(face.box.height, scene.text)
        corner = _place_chart(scene, index, size)
        if corner is not None:
            draw_chart(scene.image, face.probabilities, face.emotion_id, size, corner)


def _place_chart(scene: _Scene, index: int, size: ChartSize) -> Corner | None:
    """Where a chart goes; None where it would not fit or would hide what matters more."""
    height, width = scene.image.shape[:2]
    if size.width > width or size.height > height:
        return None
    box = scene.faces[index].box
    corners = chart_corners(box, size.width, size.height, scene.line + 3)
    corner, cost = scene.surroundings.best_corner(corners, size.width, size.height, index)
    if cost > _ACCEPTABLE_COST * size.width * size.height:
        return None
    if _common_area(corner, size, box) > _LARGEST_SHARE_OF_FACE * box.area:
        return None
    scene.surroundings.occupy(corner, size.width, size.height)
    return corner


def _common_area(corner: Corner, size: ChartSize, box: Box) -> float:
    shifted = Box(box.x - corner[0], box.y - corner[1], box.width, box.height)
    return shifted.clipped(size.width, size.height).area
