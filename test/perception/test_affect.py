"""Valence and arousal: derived from the probabilities, documented where they come from."""

from pathlib import Path

import numpy as np
import pytest

from emotion_perception.inference.affect import affect_of
from emotion_perception.labels import EMOTION_NAMES, Emotion

PAGE = Path(__file__).parents[2] / 'docs/people_in_space.md'


def test_a_calm_face_is_their_zero():
    assert affect_of(np.eye(7, dtype=np.float32)[Emotion.NEUTRAL]) == (0, 0)


def test_an_unsure_face_lies_between_its_classes():
    probabilities = np.zeros(7, np.float32)
    probabilities[[Emotion.HAPPY, Emotion.NEUTRAL]] = 0.25, 0.75
    smile = affect_of(np.eye(7, dtype=np.float32)[Emotion.HAPPY])
    assert affect_of(probabilities) == pytest.approx([value / 4 for value in smile])


@pytest.mark.parametrize(('row', 'index'), [('valence', 0), ('arousal', 1)])
def test_the_page_has_the_same_coordinates(row, index):
    lines = PAGE.read_text(encoding='utf-8').splitlines()
    (cells,) = [line.split('|')[2:-1] for line in lines if line.startswith(f'| {row} |')]
    names = next(line for line in lines if line.startswith('| | Angry')).split('|')[2:-1]
    assert tuple(name.strip() for name in names) == EMOTION_NAMES
    for emotion, cell in zip(np.eye(7, dtype=np.float32), cells, strict=True):
        assert affect_of(emotion)[index] == pytest.approx(float(cell))
