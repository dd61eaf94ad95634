"""A picture of a whole run: a row for every face, coloured by its emotion over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from emotion_perception.drawing.sprite import paste, text_sprite
from emotion_perception.drawing.style import FAINT, INK, PAPER, Bgr, emotion_color
from emotion_perception.labels import Emotion, emotion_name
from emotion_perception.types import BgrImage

WIDTH: Final = 960
_ROW: Final = 40
_BAR: Final = 22
_LEFT, _RIGHT, _TOP = 56, 150, 16
_TEXT: Final = 15
_LEGEND: Final = 34
_AXIS: Final = 30
_MOST_ROWS: Final = 12
_TICKS: Final = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200)
_MOST_TICKS: Final = 10


@dataclass(frozen=True, slots=True)
class Span:
    """Part of a track during which its emotion was the same.

    Attributes:
        start_s: Its begin, seconds since the start of the run.
        end_s: Its end.
        emotion_id: Class index, 0..6; None for Uncertain.
    """

    start_s: float
    end_s: float
    emotion_id: int | None


def draw_timeline(tracks: Mapping[int, Sequence[Span]], duration_s: float) -> BgrImage:
    """Draws the emotions of all faces of a run over time.

    Args:
        tracks: Spans in order of time, by track id.
        duration_s: Length of the run in seconds, > 0.

    Returns:
        uint8 [height, 960, 3], BGR: a row for each of the twelve faces that were seen longest,
        with its most frequent emotion, an axis in seconds, and what the colours mean.
    """
    longest = sorted(tracks, key=lambda track_id: -_seconds(tracks[track_id]))[:_MOST_ROWS]
    rows = sorted(longest)
    height = _TOP + _ROW * max(1, len(rows)) + _AXIS + _LEGEND
    image = np.full((height, WIDTH, 3), INK, np.uint8)
    for index, track_id in enumerate(rows):
        _draw_row(image, _TOP + _ROW * index, track_id, tracks[track_id], duration_s)
    if not rows:
        _write(image, 'no face', _LEFT, _TOP + 10, FAINT)
    _draw_axis(image, height - _AXIS - _LEGEND, duration_s)
    _draw_legend(image, height - _LEGEND + 6, len(tracks) - len(rows))
    return image


def _seconds(spans: Sequence[Span]) -> float:
    return sum(span.end_s - span.start_s for span in spans)


def _draw_row(
    image: BgrImage, y: int, track_id: int, spans: Sequence[Span], duration_s: float
) -> None:
    _write(image, f'#{track_id}', 14, y + 2, PAPER)
    for span in spans:
        left, right = _column(span.start_s, duration_s), _column(span.end_s, duration_s)
        image[y : y + _BAR, left : max(right, left + 1)] = emotion_color(span.emotion_id)
    seconds: dict[int | None, float] = {}
    for span in spans:
        seconds[span.emotion_id] = seconds.get(span.emotion_id, 0.0) + span.end_s - span.start_s
    most = max(seconds, key=lambda emotion_id: seconds[emotion_id])
    share = seconds[most] / sum(seconds.values()) if any(seconds.values()) else 1.0
    _write(image, f'{emotion_name(most)} {share:.0%}', WIDTH - _RIGHT + 12, y + 2, PAPER)


def _column(time_s: float, duration_s: float) -> int:
    return _LEFT + round((WIDTH - _LEFT - _RIGHT) * min(max(time_s / duration_s, 0.0), 1.0))


def _draw_axis(image: BgrImage, y: int, duration_s: float) -> None:
    image[y, _LEFT : WIDTH - _RIGHT] = FAINT
    step = next((each for each in _TICKS if duration_s / each <= _MOST_TICKS), _TICKS[-1])
    for tick in np.arange(0, duration_s + step / 1000, step):
        x = _column(float(tick), duration_s)
        image[y : y + 5, x] = FAINT
        text = text_sprite(f'{tick:g} s', _TEXT - 2, FAINT)
        paste(image, text, x - text.width // 2, y + 7)


def _draw_legend(image: BgrImage, y: int, left_out: int) -> None:
    x = _LEFT
    for emotion in Emotion:
        image[y + 3 : y + 15, x : x + 12] = emotion_color(emotion)
        x = _write(image, emotion_name(emotion), x + 18, y, FAINT) + 22
    if left_out > 0:
        _write(image, f'{left_out} shorter not shown', x, y, FAINT)


def _write(image: BgrImage, text: str, x: int, y: int, color: Bgr) -> int:
    """Writes a line of text; returns the column behind it."""
    sprite = text_sprite(text, _TEXT, color)
    paste(image, sprite, x, y)
    return x + sprite.width


def spans_of(seen: Sequence[tuple[float, int | None]], gap_s: float) -> list[Span]:
    """Joins what was seen of one face at single times.

    Args:
        seen: Seconds and emotion, in order of time; not empty.
        gap_s: What a single sight stands for, and the longest time between two of one span.

    Returns:
        Spans that do not overlap.
    """
    spans: list[Span] = []
    start_s, (last_s, last_id) = seen[0][0], seen[0]
    for (before_s, before_id), (now_s, now_id) in pairwise(seen):
        until_s = min(now_s, before_s + gap_s)
        if now_id != before_id or until_s < now_s:
            spans.append(Span(start_s, until_s, before_id))
            start_s = now_s
        last_s, last_id = now_s, now_id
    return [*spans, Span(start_s, last_s + gap_s, last_id)]
