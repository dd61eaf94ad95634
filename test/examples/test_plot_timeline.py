"""The timeline plot in examples/ draws the people of an annotated bag."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotion_perception.bags.messages import emotion_typestore, face_array_message
from emotion_perception.bags.type_names import FACE_ARRAY_TYPE
from emotion_perception.bags.writer import BagWriter
from emotion_perception.drawing import EMOTION_COLORS
from emotion_perception.labels import Emotion
from emotion_perception.types import Box, Face

EXAMPLE = Path(__file__).parents[2] / 'examples' / 'plot_timeline.py'
TYPES = emotion_typestore()

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec('matplotlib') is None,
    reason='matplotlib is not installed: make examples-env',
)


def person(track, at_s, emotion):
    probabilities = np.full(7, 0.02, np.float32)
    probabilities[emotion] = 0.88
    # One turns to Neutral slowly.
    share = min(at_s / 10, 1.0) if track == 1 else 0.0
    probabilities = (1 - share) * probabilities + share * np.eye(7, dtype=np.float32)[6]
    return Face(track, Box(10, 10, 50, 50), 0.9, None, int(emotion), 0.88, probabilities)


def write_bag(path, storage='mcap', topic='/emotions', people=2):
    """Ten seconds; person 1 is always there, person 2 away from second 3 to 6."""
    with BagWriter(path, storage, TYPES) as writer:
        connection = writer.add_topic(topic, FACE_ARRAY_TYPE)
        for index in range(50):
            at_s = index / 5
            faces = [person(1, at_s, Emotion.HAPPY), person(2, at_s, Emotion.SAD)][:people]
            if 3 < at_s < 6:
                faces = faces[:1]
            stamp = TYPES.types['builtin_interfaces/msg/Time'](
                sec=100 + index // 5, nanosec=index % 5 * 200_000_000
            )
            header = TYPES.types['std_msgs/msg/Header'](stamp=stamp, frame_id='camera')
            message = face_array_message(TYPES, header, 640, 480, faces)
            at_ns = 100 * 10**9 + index * 200_000_000
            writer.write(connection, at_ns, TYPES.serialize_cdr(message, FACE_ARRAY_TYPE))
    return path


def plot(*arguments):
    return subprocess.run(
        [sys.executable, str(EXAMPLE), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def pixels_of(image, emotion):
    """Where an image has the colour of an emotion: bool [height, width]."""
    return (np.abs(image.astype(int) - EMOTION_COLORS[emotion]) < 12).all(axis=2)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_every_person_has_a_lane_with_the_gap_that_they_were_away(tmp_path, storage):
    bag = write_bag(tmp_path / 'bag', storage)
    done = plot(bag, tmp_path / 'timeline.png')
    assert (done.returncode, done.stderr) == (0, '')
    image = cv2.imread(str(tmp_path / 'timeline.png'))
    # Legends are above the lanes.
    lanes = image[60:]
    happy, sad = pixels_of(lanes, Emotion.HAPPY), pixels_of(lanes, Emotion.SAD)
    assert happy.sum() > 5000 and sad.sum() > 5000
    # Person 1's lane, the happy one, is above person 2's.
    assert np.median(np.nonzero(happy)[0]) < np.median(np.nonzero(sad)[0]) - 50
    columns = np.flatnonzero(sad.sum(0) > 20)
    assert np.diff(columns).max() > 0.2 * (columns.max() - columns.min())


def test_only_so_many_people_as_asked_for(tmp_path):
    bag = write_bag(tmp_path / 'bag')
    assert plot(bag, tmp_path / 'one.png', '--people', 1).returncode == 0
    assert pixels_of(cv2.imread(str(tmp_path / 'one.png'))[60:], Emotion.SAD).sum() < 1500


def test_what_cannot_be_drawn_is_told_in_one_sentence(tmp_path):
    for arguments, reason in (
        ((write_bag(tmp_path / 'other', topic='/faces'),), 'has no /emotions'),
        ((write_bag(tmp_path / 'nobody', people=0),), 'has no face'),
        ((tmp_path / 'nowhere',), 'cannot be read'),
    ):
        done = plot(*arguments, tmp_path / 'timeline.png')
        assert done.returncode == 1
        assert reason in done.stderr and done.stderr.count('\n') == 1
    assert not (tmp_path / 'timeline.png').exists()
