"""The chart of one person in a video, whose lines differ in dashes as well as in colour."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from emotion_perception.drawing import EMOTION_COLORS
from emotion_perception.drawing.style import readable
from emotion_perception.labels import EMOTION_NAMES
from emotion_viewers.web.emotion_timeline import Point

HEX_COLORS: Final = {
    EMOTION_NAMES[emotion]: '#{2:02x}{1:02x}{0:02x}'.format(*readable(bgr))
    for emotion, bgr in EMOTION_COLORS.items()
}
"""Of each emotion by its name."""

_DASHES: Final[tuple[list[int], ...]] = (
    [8, 3],
    [2, 2],
    [6, 2, 2, 2],
    [],
    [12, 4],
    [8, 2, 2, 2, 2, 2],
    [1, 4],
)
"""Pixels of stroke and gap, in turn, of each emotion; none is an unbroken line."""

_HEIGHT_PX: Final = 300


def timeline_spec(points: Sequence[Point]) -> str:
    """The chart as a Vega-Lite document.

    Args:
        points: From `EmotionTimeline.points`.
    """
    return json.dumps(
        {
            'title': 'Emotions over time',
            'description': 'Probability of each emotion over the seconds of the video',
            'height': _HEIGHT_PX,
            'data': {'values': [asdict(point) for point in points]},
            'layer': [_lines(), _values_under_the_pointer()],
        }
    )


def _lines() -> dict[str, Any]:
    legend = {'title': None, 'orient': 'bottom', 'columns': 3, 'symbolSize': 600}
    emotion = {'field': 'emotion', 'type': 'nominal', 'legend': legend}
    colors = {'domain': list(EMOTION_NAMES), 'range': list(HEX_COLORS.values())}
    dashes = {'domain': list(EMOTION_NAMES), 'range': list(_DASHES)}
    percent = {'format': '.0%', 'title': 'Probability'}
    return {
        'mark': {'type': 'line', 'strokeWidth': 2.5},
        'encoding': {
            'x': {'field': 'seconds', 'type': 'quantitative', 'axis': {'title': 'Seconds'}},
            'y': {
                'field': 'probability',
                'type': 'quantitative',
                'scale': {'domain': [0, 1]},
                'axis': percent,
            },
            # Gradio would replace the colours of the channel `color` by its own.
            'stroke': {**emotion, 'scale': colors},
            'strokeDash': {**emotion, 'scale': dashes},
        },
    }


def _values_under_the_pointer() -> dict[str, Any]:
    """Invisible bars, one for each point in time."""

    def shown(name: str, **options: Any) -> dict[str, Any]:
        return {'field': name, 'type': 'quantitative', **options}

    return {
        'transform': [{'pivot': 'emotion', 'value': 'probability', 'groupby': ['seconds']}],
        'mark': {'type': 'rule', 'strokeWidth': 5, 'opacity': 0},
        'encoding': {
            'x': shown('seconds'),
            'tooltip': [
                shown('seconds', format='.1f', title='Seconds'),
                *(shown(name, format='.0%') for name in EMOTION_NAMES),
            ],
        },
    }
