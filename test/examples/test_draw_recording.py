"""The example that draws a recording as the Foxglove layout arranges it."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data

pytest.importorskip('foxglove', reason='foxglove-sdk is not installed: make foxglove-env')
pytest.importorskip('mcap', reason='mcap is not installed: make foxglove-env')
pytest.importorskip('matplotlib', reason='matplotlib is not installed: make examples-env')

from emotion_perception.drawing.style import emotion_color
from emotion_perception.types import Box, Face, Frame
from emotion_viewers.foxglove.recorder import McapOutput

EXAMPLE = Path(__file__).parents[2] / 'examples' / 'draw_recording.py'


def run(*arguments):
    command = [sys.executable, str(EXAMPLE), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def face(emotion):
    probabilities = np.full(7, 0.05, np.float32)
    probabilities[emotion] = 0.7
    return Face(1, Box(181, 58, 89, 120), 0.9, None, emotion, 0.7, probabilities)


def share_of(image, color):
    return (np.abs(image.astype(int) - color).max(axis=2) < 12).mean()


def test_the_image_shows_the_boxes_and_the_states_of_the_recording(tmp_path):
    image = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    path = tmp_path / 'out.mcap'
    with McapOutput(path) as output:
        for index in range(20):
            found = [face(3 if index < 10 else 4)] if index != 15 else []
            output.write(Frame(image, index * 100_000_000, index), found)
    done = run(path, tmp_path / 'moment.png', '--at', '0.5')
    assert done.returncode == 0, done.stderr
    drawn = cv2.imread(str(tmp_path / 'moment.png'))
    height, width = drawn.shape[:2]
    left, right = drawn[:, : width // 2], drawn[:, int(0.65 * width) :]
    # Happy at the chosen moment; Happy and Sad in the states, each about half of the time.
    assert share_of(left, emotion_color(3)) > 0.0005
    assert share_of(left, emotion_color(4)) == 0
    for emotion in (3, 4):
        assert share_of(right[height // 2 :], emotion_color(emotion)) > 0.05


def test_another_file_is_told_in_one_sentence(tmp_path):
    path = tmp_path / 'out.mcap'
    path.write_bytes(b'something else')
    done = run(path, tmp_path / 'moment.png')
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f'{path} cannot be read as MCAP')
    assert 'Traceback' not in done.stderr
