"""The picture of a run: rows, colours, gaps."""

import cv2
import numpy as np
import pytest

from emotion_perception import Box, Emotion, Face, Frame
from emotion_perception.cli.main import main
from emotion_perception.drawing.style import emotion_color
from emotion_perception.drawing.timeline import Span, draw_timeline, spans_of
from emotion_perception.errors import OutputError
from emotion_perception.outputs.timeline import TimelineImage

IMAGE = np.zeros((8, 8, 3), np.uint8)
ROW_Y, LEFT, RIGHT = 20, 56, 960 - 150


def face(track_id, emotion_id):
    probabilities = np.full(7, 1 / 7, np.float32)
    return Face(track_id, Box(0, 0, 9, 9), 0.9, None, emotion_id, 0.8, probabilities)


def test_sights_become_spans():
    seen = [(0.0, 3), (1.0, 3), (2.0, 6), (9.0, 6), (10.0, None)]
    assert spans_of(seen, 3.0) == [
        *(Span(0.0, 2.0, 3), Span(2.0, 5.0, 6), Span(9.0, 10.0, 6)),
        Span(10.0, 13.0, None),
    ]


def test_colours_lie_where_the_times_are():
    spans = [Span(0.0, 5.0, Emotion.HAPPY), Span(7.5, 10.0, None)]
    image = draw_timeline({4: spans}, 10.0)
    middle = (LEFT + RIGHT) // 2
    assert tuple(image[ROW_Y, LEFT + 5]) == emotion_color(Emotion.HAPPY)
    assert tuple(image[ROW_Y, middle - 5]) == emotion_color(Emotion.HAPPY)
    assert tuple(image[ROW_Y, middle + 5]) == tuple(image[2, 2])  # nobody was there
    assert tuple(image[ROW_Y, RIGHT - 5]) == emotion_color(None)


def test_twelve_faces_are_shown_and_the_others_counted():
    few, many = (
        draw_timeline({n: [Span(0.0, 1.0 + n, 3)] for n in range(count)}, 50.0)
        for count in (12, 40)
    )
    assert few.shape == many.shape
    assert (few != many).any()


def test_a_run_is_written_once_it_ends(tmp_path):
    timeline = TimelineImage(tmp_path / 'new' / 'out.png')
    for index in range(4):
        timeline.write(Frame(IMAGE, index * 10**8, index), [face(1, Emotion.SAD)])
    timeline.add(0, [face(1, Emotion.HAPPY)])  # time went back
    timeline.close()
    timeline.close()
    image = cv2.imread(str(tmp_path / 'new' / 'out.png'))
    assert tuple(image[ROW_Y, (LEFT + RIGHT) // 2]) == emotion_color(Emotion.SAD)
    assert timeline.frames == 4


def test_nothing_is_written_where_nothing_was_seen(tmp_path):
    TimelineImage(tmp_path / 'out.png').close()
    assert list(tmp_path.iterdir()) == []


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r'end in \.png'):
        TimelineImage(tmp_path / 'out.jpg')


def test_the_command_draws_it(tmp_path, photo, tiny_model, capsys):
    path = tmp_path / 'timeline.png'
    assert main(['video', str(photo), '--model', str(tiny_model), '--timeline', str(path)]) == 0
    out = capsys.readouterr().out
    assert f'wrote {path}' in out
    assert 'frames/s' not in out  # of one image
    assert path.is_file()
