"""All faces of an image as a group."""

import numpy as np
import pytest

from emotion_perception.labels import Emotion
from emotion_perception.tracking.audience import audience_of
from emotion_perception.types import Box, Face, Head


def face(emotion, looking=None):
    probabilities = np.eye(7, dtype=np.float32)[emotion]
    head = None
    if looking is not None:
        nothing = np.zeros(3)
        head = Head(np.eye(3), nothing, nothing, looking, np.empty((0, 3)), (0.0, 0.0), 1.0)
    return Face(1, Box(0, 0, 9, 9), 0.9, None, emotion, 1.0, probabilities, head=head)


def test_faces_are_counted_and_their_probabilities_averaged():
    faces = [face(Emotion.HAPPY, 0.9), face(Emotion.HAPPY, 0.2), face(Emotion.SAD)]
    audience = audience_of(faces)
    assert (audience.faces, audience.with_head, audience.looking) == (3, 2, 1)
    assert audience.probabilities[Emotion.HAPPY] == pytest.approx(2 / 3)
    assert audience.probabilities.sum() == pytest.approx(1)
    assert audience.probabilities.dtype == np.float32


def test_without_faces_there_are_no_probabilities():
    audience = audience_of([])
    assert (audience.faces, audience.looking) == (0, 0)
    assert np.isnan(audience.probabilities).all()
