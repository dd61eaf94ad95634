"""JSON lines, console lines and the summary of a run."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from emotion_perception.errors import OutputError
from emotion_perception.labels import EMOTION_NAMES
from emotion_perception.outputs.results import (
    JsonLinesWriter,
    Summary,
    format_line,
    frame_record,
)
from emotion_perception.types import Box, Face, pixel_box

PROBABILITIES = np.array([0.01, 0.02, 0.03, 0.8, 0.04, 0.05, 0.05], np.float32)
LANDMARKS = np.array([[1.23456, 2], [3, 4], [5, 6], [7, 8], [9, 10]], np.float32)
STAMP = 1_700_000_000_123_456_789


def make_face(emotion_id=3, track_id=3, box=Box(10.4, 20.6, 30.2, 40.2), landmarks=LANDMARKS):  # noqa: B008
    return Face(track_id, box, 0.987654, landmarks, emotion_id, 0.8, PROBABILITIES)


def test_record_of_a_face():
    record = frame_record(STAMP, 640, 480, [make_face()])
    assert json.loads(json.dumps(record)) == record
    assert record['stamp'] == {'sec': 1_700_000_000, 'nanosec': 123_456_789}
    assert (record['image_width'], record['image_height']) == (640, 480)
    assert record['faces'] == [
        {
            'track_id': 3,
            'box': {'x': 10, 'y': 21, 'width': 31, 'height': 40},
            'score': 0.9877,
            'landmarks': [[1.2346, 2], [3, 4], [5, 6], [7, 8], [9, 10]],
            'emotion': 'Happy',
            'emotion_id': 3,
            'confidence': 0.8,
            'probabilities': dict(
                zip(EMOTION_NAMES, (0.01, 0.02, 0.03, 0.8, 0.04, 0.05, 0.05), strict=True)
            ),
            'valence': 0.5665,
            'arousal': 0.4376,
        }
    ]


def test_record_of_an_uncertain_face_without_landmarks():
    (face,) = frame_record(STAMP, 640, 480, [make_face(None, landmarks=None)])['faces']
    assert face['emotion'] == 'Uncertain'
    assert face['emotion_id'] is None
    assert face['landmarks'] is None


def test_record_takes_numpy_scalars():
    face = Face(np.int64(1), Box(*np.ones(4, np.float32)), np.float32(0.5), None, np.int64(3),
                np.float32(0.8), PROBABILITIES)  # fmt: skip
    json.dumps(frame_record(np.int64(STAMP), np.int64(640), np.int64(480), [face]))


@pytest.mark.parametrize(
    ('box', 'expected'),
    [
        (Box(-10, -5, 30, 25), (0, 0, 20, 20)),
        (Box(630, 470, 30, 30), (630, 470, 10, 10)),
        (Box(639.6, 10, 10, 10), (640, 10, 0, 10)),
        (Box(-100, -100, 10, 10), (0, 0, 0, 0)),
        (Box(700, 500, 10, 10), (640, 480, 0, 0)),
    ],
)
def test_pixel_box_lies_in_the_image(box, expected):
    assert pixel_box(box, 640, 480) == expected


def test_line_of_a_frame():
    faces = [make_face(), make_face(None, 4)]
    assert format_line(frame_record(STAMP, 640, 480, faces)) == (
        '1700000000.123  #3 Happy 80% [10,21 31x40]  #4 Uncertain 80% [10,21 31x40]'
    )


def test_line_without_a_face():
    assert format_line(frame_record(5_000_000, 640, 480, [])) == '0.005  no face'


def test_json_lines_are_on_disk_at_once(tmp_path):
    path = tmp_path / 'new' / 'out.jsonl'
    records = [frame_record(STAMP + i, 640, 480, [make_face()] * i) for i in range(3)]
    with JsonLinesWriter(path) as writer:
        for count, record in enumerate(records, 1):
            writer.write(record)
            assert len(path.read_text().splitlines()) == count
    assert [json.loads(line) for line in path.read_text().splitlines()] == records


def test_what_others_print_does_not_come_between_json_lines():
    """Not even what a library in C, or a child, prints."""
    program = """
import os, subprocess
from emotion_perception.outputs.results import JsonLinesWriter
from emotion_perception.outputs.standard_output import STANDARD_OUTPUT
print('before')
with JsonLinesWriter(STANDARD_OUTPUT) as lines:
    os.write(1, b'a library\\n')
    subprocess.run(['echo', 'a child'], check=True)
    print('Python', flush=True)
    lines.write({'frame': 1})
"""
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, check=True)
    assert done.stdout == b'before\n{"frame":1}\n'
    assert done.stderr == b'a library\na child\nPython\n'


def test_json_lines_in_a_place_that_is_none(tmp_path):
    (tmp_path / 'file').touch()
    for path in (tmp_path / 'file' / 'out.jsonl', tmp_path):
        with pytest.raises(OutputError, match='cannot be written'):
            JsonLinesWriter(path)


def test_json_lines_after_close(tmp_path):
    writer = JsonLinesWriter(tmp_path / 'out.jsonl')
    writer.close()
    writer.close()
    with pytest.raises(OutputError, match='closed'):
        writer.write({})


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='needs /dev/full')
def test_json_lines_on_a_full_disk():
    with JsonLinesWriter('/dev/full') as writer, pytest.raises(OutputError, match='No space left'):
        writer.write({})


def summary_of(frames, latencies=()):
    times = iter(range(100))
    summary = Summary(clock=lambda: 0.5 * next(times))
    for index, faces in enumerate(frames):
        summary.add(faces, latencies[index] if latencies else None)
    return summary


def test_summary_counts():
    summary = summary_of(
        [[make_face(), make_face(4, 5)], [], [make_face(None, 5)], [make_face()]], (10, 20, 30, 40)
    )
    assert (summary.frames, summary.faces, summary.frames_without_face) == (4, 4, 1)
    assert summary.track_ids == {3, 5}
    assert summary.seconds == 2.0
    assert summary.frames_per_second == 2.0
    assert summary.latency_percentile(50) == 25
    shares = summary.emotion_shares()
    assert list(shares) == [*EMOTION_NAMES, 'Uncertain']
    assert (shares['Happy'], shares['Sad'], shares['Uncertain'], shares['Fear']) == (
        0.5, 0.25, 0.25, 0)  # fmt: skip
    assert sum(shares.values()) == pytest.approx(1)


def test_summary_reads_well():
    text = summary_of([[make_face()], []], (12.34, 12.34)).format()
    assert text.splitlines()[:4] == [
        'frames     2 (1 without a face)',
        'faces      1 (1 track id)',
        'speed      2.0 frames/s over 1.0 s',
        'latency    p50 12.3 ms, p95 12.3 ms',
    ]
    assert 'Happy      100.0 %' in text


def test_summary_of_nothing():
    summary = summary_of([])
    assert summary.frames_per_second == 0
    assert summary.latency_percentile(50) is None
    assert 'latency' not in summary.format()
    assert sum(summary.emotion_shares().values()) == 0
