"""Videos in which everything happens when it happened."""

import cv2
import numpy as np
import pytest

from emotion_perception.outputs.recording import LONGEST_GAP_S, VideoRecorder

pytest.importorskip('imageio_ffmpeg')

SECOND = 1_000_000_000


def shade(number):
    """A grey image whose brightness tells its number."""
    return np.full((64, 96, 3), 20 + 20 * number, np.uint8)


def written(path, stamps_s, **options):
    recorder = VideoRecorder(path, **options)
    for number, second in enumerate(stamps_s):
        recorder.write(shade(number % 11), round(second * SECOND))
    recorder.close()
    return recorder


def record(path, stamps_s, **options):
    recorder = written(path, stamps_s, **options)
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    rate, shown = capture.get(cv2.CAP_PROP_FPS), []
    while capture.grab():
        shown.append(round((capture.retrieve()[1].mean() - 20) / 20))
    assert len(shown) == recorder.frames
    return rate, shown


def test_images_of_an_even_rate_come_once_each(tmp_path):
    rate, shown = record(tmp_path / 'x.mp4', [5 + n / 25 for n in range(10)])
    assert rate == pytest.approx(25)
    assert shown == list(range(10))


def test_an_image_is_repeated_until_the_next_one_is_due(tmp_path):
    """A phone that saw little change between 0.3 and 0.7 s."""
    stamps = [0, 0.1, 0.2, 0.3, 0.7, 0.8, 0.9, 1.0]
    rate, shown = record(tmp_path / 'x.mp4', stamps)
    assert rate == pytest.approx(10)
    assert shown == [0, 1, 2, 3, 3, 3, 3, 4, 5, 6, 7]


@pytest.mark.parametrize(
    'stamps',
    [
        [0, 0.004, *(0.004 + n / 30 for n in range(1, 12))],
        [0, 0.9, *(0.9 + n / 30 for n in range(1, 12))],
    ],
)
def test_the_rate_is_that_of_most_images_and_not_of_the_first(tmp_path, stamps):
    rate, shown = record(tmp_path / 'x.mp4', stamps)
    assert rate == pytest.approx(30, rel=0.01)
    assert len(shown) == pytest.approx(30 * stamps[-1] + 1, abs=1.01)


@pytest.mark.parametrize(('stated', 'wanted'), [(29.97, 29.97), (1000.0, 30.0), (3.4, 30.0)])
def test_a_stated_rate_is_taken_where_the_stamps_agree(tmp_path, stated, wanted):
    rate, _ = record(tmp_path / 'x.mp4', [n / 30 for n in range(10)], stated_rate=stated)
    assert rate == pytest.approx(wanted, rel=0.001)


def test_a_slow_stream_keeps_its_time(tmp_path):
    rate, shown = record(tmp_path / 'x.mp4', [2 * n for n in range(8)])
    assert len(shown) / rate == pytest.approx(14 + 1 / rate)


def test_a_clock_that_was_set_is_shown_as_a_bounded_gap(tmp_path):
    stamps = [*(n / 10 for n in range(7)), *(1_700_000_000 + n / 10 for n in range(3))]
    rate, shown = record(tmp_path / 'x.mp4', stamps)
    assert len(shown) == 7 + LONGEST_GAP_S * rate + 2


def test_what_a_video_does_not_hold_is_told_once_it_is_finished(tmp_path, caplog):
    tenths = [n / 10 for n in range(7)]
    assert written(tmp_path / 'even.mp4', tenths).remark == ''
    jump = written(tmp_path / 'jump.mp4', [*tenths, 1_700_000_000, 1_700_000_000.1]).remark
    assert jump == 'jump.mp4 shows 60 s where the stamps go on by 1699999999 s.'
    hurry = written(tmp_path / 'hurry.mp4', [*tenths, 0.61, 0.62, 0.7]).remark
    assert hurry == (
        'hurry.mp4 is without 2 of the images: they came sooner after one another than its '
        '10 frames per second can show.'
    )
    assert [record.getMessage() for record in caplog.records] == [jump, hurry]


def test_time_that_goes_back_loses_no_image(tmp_path):
    stamps = [5 + n / 10 for n in range(7)] + [n / 10 for n in range(4)]
    _, shown = record(tmp_path / 'x.mp4', stamps)
    assert shown == list(range(11))
