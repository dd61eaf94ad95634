import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emotion_perception.tracking.tracker import FaceTracker
from emotion_perception.types import Box, Detection, iou_matrix

FRAME_NS = 33_333_333


def face(x, y=100.0, size=80.0):
    return Detection(Box(x, y, size, size), 0.9)


def ids(tracks):
    return [track.track_id for track in tracks]


def follow(tracker, frames, first=0):
    """Feeds frames of detections, one period apart; returns the ids of every frame."""
    return [
        ids(tracker.update(detections, (first + number) * FRAME_NS))
        for number, detections in enumerate(frames)
    ]


# --- identity ----------------------------------------------------------------------------------


def test_identities_count_up_from_one_in_the_order_of_the_detections():
    assert ids(FaceTracker().update([face(0), face(200), face(400)], 0)) == [1, 2, 3]


def test_the_result_follows_the_order_of_the_detections():
    tracker = FaceTracker()
    tracker.update([face(0), face(200)], 0)
    assert ids(tracker.update([face(201), face(1)], FRAME_NS)) == [2, 1]


def test_a_moving_face_keeps_its_identity():
    frames = [[face(5.0 * number)] for number in range(60)]
    assert follow(FaceTracker(), frames) == [[1]] * 60


def test_faces_that_pass_each_other_keep_their_identities():
    left_to_right = [face(10.0 * number, y=100) for number in range(41)]
    right_to_left = [face(400.0 - 10.0 * number, y=150) for number in range(41)]
    frames = [list(pair) for pair in zip(left_to_right, right_to_left, strict=True)]
    assert follow(FaceTracker(), frames) == [[1, 2]] * 41


def test_a_short_miss_keeps_the_identity():
    moving = [[face(6.0 * number)] for number in range(30)]
    moving[12:20] = [[]] * 8
    results = follow(FaceTracker(), moving)
    assert results[11] == results[20] == [1]


def test_misses_do_not_add_up():
    """A face lost for a moment again and again stays the same face."""
    frames = [[] if number % 5 == 0 else [face(100)] for number in range(300)]
    found = [result for result in follow(FaceTracker(), frames) if result]
    assert found == [[1]] * 240


def test_another_place_is_another_face():
    tracker = FaceTracker()
    tracker.update([face(0)], 0)
    assert ids(tracker.update([face(500)], FRAME_NS)) == [2]


def test_one_track_goes_to_one_detection_only():
    tracker = FaceTracker()
    tracker.update([face(100)], 0)
    result = ids(tracker.update([face(110), face(101)], FRAME_NS))
    assert result == [2, 1]


# --- age ---------------------------------------------------------------------------------------


def test_tracks_age_by_time_on_empty_frames():
    tracker = FaceTracker()
    tracker.update([face(0)], 0)
    for number in range(1, 31):
        tracker.update([], number * FRAME_NS)
    assert len(tracker.tracks) == 1
    tracker.update([], 31 * FRAME_NS)
    assert len(tracker.tracks) == 0


def test_a_face_that_comes_back_too_late_is_a_new_one():
    tracker = FaceTracker()
    assert follow(tracker, [[face(0)]] * 10) == [[1]] * 10
    assert ids(tracker.update([face(0)], 9 * FRAME_NS + 1_000_000_001)) == [2]


@pytest.mark.parametrize('period_s', [0.5, 2, 5])
def test_a_still_face_in_a_slow_stream_is_one_face(period_s):
    tracker = FaceTracker()
    stamps = [round(number * period_s * 1e9) for number in range(12)]
    seen = [
        ids(tracker.update([] if number == 6 else [face(0)], stamps[number]))
        for number in range(12)
    ]
    assert {track_id for frame in seen for track_id in frame} == {1}


def test_age_depends_on_stamps_and_not_on_the_number_of_frames():
    slow = FaceTracker()
    assert ids(slow.update([face(0)], 0)) == ids(slow.update([face(2)], 900_000_000)) == [1]


def test_reset_forgets_tracks_and_counts_from_one_again():
    tracker = FaceTracker()
    tracker.update([face(0), face(200)], 5 * FRAME_NS)
    tracker.reset()
    assert len(tracker.tracks) == 0
    assert ids(tracker.update([face(200)], 0)) == [1]


def test_two_frames_with_one_stamp_do_no_harm():
    tracker = FaceTracker()
    tracker.update([face(0)], 0)
    assert ids(tracker.update([face(3)], 0)) == [1]
    assert tracker.tracks[0].velocity == (0.0, 0.0)


# --- overlap -----------------------------------------------------------------------------------


def test_overlap_of_boxes():
    first = [Box(0, 0, 10, 10), Box(100, 100, 4, 4)]
    second = [Box(0, 0, 10, 10), Box(5, 0, 10, 10), Box(10, 0, 10, 10)]
    expected = [[1, 1 / 3, 0], [0, 0, 0]]
    np.testing.assert_allclose(iou_matrix(first, second), expected)


@pytest.mark.parametrize(('rows', 'columns'), [(0, 0), (0, 3), (2, 0)])
def test_overlap_of_nothing(rows, columns):
    boxes = [Box(0, 0, 1, 1)] * 3
    assert iou_matrix(boxes[:rows], boxes[:columns]).shape == (rows, columns)


boxes = st.builds(
    Box,
    *[st.floats(-2000, 2000)] * 2,
    *[st.floats(0, 500)] * 2,  # a box clipped by the image's edge may be empty
)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(boxes, max_size=5), max_size=6))
def test_every_detection_gets_a_track_of_its_own(frames):
    tracker = FaceTracker()
    for number, frame in enumerate(frames):
        detections = [Detection(box, 0.5) for box in frame]
        tracks = tracker.update(detections, number * FRAME_NS)
        assert [track.detection for track in tracks] == detections
        assert len(set(ids(tracks))) == len(tracks)


def test_jitter_between_quick_images_carries_no_track_away():
    tracker = FaceTracker()
    stamp, x = 0, 100.0
    for step, shift in [(33, 0), (1, 2), (500, -2), (4, 2), (900, -2)]:
        stamp, x = stamp + step * 1_000_000, x + shift
        (track,) = tracker.update([Detection(Box(x, 100, 40, 50), 0.9)], stamp)
    assert track.track_id == 1
