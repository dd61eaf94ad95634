"""Drawing of faces and their emotions onto images."""

from emotion_perception.drawing.overlay import draw_faces
from emotion_perception.drawing.style import (
    DEFAULT_STYLE,
    EMOTION_COLORS,
    UNCERTAIN_COLOR,
    OverlayStyle,
    emotion_color,
)

__all__ = [
    'DEFAULT_STYLE',
    'EMOTION_COLORS',
    'UNCERTAIN_COLOR',
    'OverlayStyle',
    'draw_faces',
    'emotion_color',
]
