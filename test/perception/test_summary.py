"""The faces of some time as one result."""

import numpy as np
import pytest

from emotion_perception.labels import Emotion
from emotion_perception.tracking.summary import FaceHistory
from emotion_perception.types import NS_PER_S, Box, Face


def face(track_id, happy):
    probabilities = np.zeros(7, np.float32)
    probabilities[[Emotion.HAPPY, Emotion.NEUTRAL]] = happy, 1 - happy
    return Face(track_id, Box(0, 0, 9, 9), 0.9, None, None, 0.9, probabilities)


def filled(images, keep_s=60.0):
    """A history of images, one each second from the first."""
    history = FaceHistory()
    for second, faces in enumerate(images, 1):
        history.add(faces, second * NS_PER_S, keep_s)
    return history


def test_faces_are_told_with_their_share_mean_and_spread():
    history = filled([[face(1, 0.9)], [face(2, 0.2), face(1, 0.7)], [face(2, 0.2)], [face(2, 0.2)]])
    summary = history.since(NS_PER_S)
    assert (summary.images, summary.seconds) == (4, 3.0)
    second, first = summary.faces
    assert (second.track_id, second.share, second.emotion_id) == (2, 0.75, Emotion.NEUTRAL)
    assert (first.track_id, first.share, first.emotion_id) == (1, 0.5, Emotion.HAPPY)
    assert first.probabilities[Emotion.HAPPY] == pytest.approx(0.8)
    assert first.deviation[Emotion.HAPPY] == pytest.approx(0.1)
    assert second.deviation == pytest.approx(np.zeros(7))


def test_only_the_time_asked_for_counts():
    history = filled([[face(1, 0.9)], [face(2, 0.1)], [face(2, 0.3)]])
    summary = history.since(2 * NS_PER_S)
    assert (summary.images, summary.seconds) == (2, 1.0)
    assert [one.track_id for one in summary.faces] == [2]


def test_without_an_image_there_is_nothing():
    summary = FaceHistory().since(0)
    assert (summary.images, summary.seconds, summary.faces) == (0, 0.0, [])


def test_old_images_are_forgotten_and_a_stream_may_start_again():
    history = filled([[face(1, 0.9)]] * 10, keep_s=3.0)
    assert history.since(0).images == 4
    history.add([], NS_PER_S, 3.0)
    assert (history.newest_ns, history.since(0).images) == (NS_PER_S, 1)
