"""Whom to attend to, on made clips that a real tracker follows."""

import math
from dataclasses import replace

import numpy as np
import pytest

from emotion_perception.settings.tables import (
    BY_FIRST,
    BY_LARGEST,
    BY_LOOKING,
    BY_NEAREST,
    TargetSettings,
)
from emotion_perception.tracking.target import TargetChoice
from emotion_perception.tracking.tracker import FaceTracker
from emotion_perception.types import NS_PER_S, Box, Detection, Face, Head

RATE = 15
SETTINGS = TargetSettings(BY_LARGEST)


def face(track_id, box, looking=None, distance=np.nan):
    head = None
    if looking is not None:
        position = np.array([0.0, 0.0, distance])
        gaze = np.array([0.0, 0.0, -1.0])
        head = Head(np.eye(3), position, gaze, looking, np.empty((0, 3)), (0.0, 0.0), 1.0)
    return Face(track_id, box, 0.9, None, 6, 0.9, np.full(7, 1 / 7, np.float32), head=head)


def square(x, size=80.0, y=200.0):
    """A box around a centre."""
    return Box(x - size / 2, y - size / 2, size, size)


def play(people, seconds, settings=SETTINGS):
    """The target in every image of a clip: (published id, who it is), or None.

    Args:
        people: By name, a function of the time in seconds that gives the box, or None while the
            face is not to be seen.
        seconds: Length of the clip.
        settings: Of the choice.
    """
    rng, tracker, choice = np.random.default_rng(0), FaceTracker(), TargetChoice(settings)
    shown = []
    for index in range(round(seconds * RATE)):
        seen = {name: box(index / RATE) for name, box in people.items()}
        seen = {name: jittered(box, rng) for name, box in seen.items() if box is not None}
        stamp_ns = NS_PER_S + index * NS_PER_S // RATE
        tracks = tracker.update([Detection(box, 0.9) for box in seen.values()], stamp_ns)
        faces = [face(track.track_id, track.detection.box) for track in tracks]
        target = choice.update(faces, stamp_ns)
        names = {id(one): name for one, name in zip(faces, seen, strict=True)}
        shown.append(target and (target.track_id, names[id(target.face)]))
    return shown


def jittered(box, rng):
    dx, dy, width, height = rng.normal(0, 0.02 * box.width, 4)
    return Box(box.x + dx, box.y + dy, box.width + width, box.height + height)


def hidden(box, start, end):
    return lambda t: None if start <= t < end else box(t)


def still(x, size=80.0):
    return lambda _: square(x, size)


@pytest.mark.parametrize('gone_s', [0.5, 1.0, 1.5, 1.9])
def test_a_hand_before_the_face_does_not_change_the_target(gone_s):
    ann = hidden(lambda t: square(300 + 10 * t), 2, 2 + gone_s)
    shown = play({'ann': ann, 'ben': still(500, 70)}, 6)
    away = math.ceil(gone_s * RATE)
    assert shown == [(1, 'ann')] * 30 + [None] * away + [(1, 'ann')] * (60 - away)


def test_who_stays_away_longer_is_let_go():
    shown = play({'ann': hidden(still(300), 2, 9), 'ben': still(500, 70)}, 6)
    assert shown[-1] == (2, 'ben')
    assert shown.count(None) == 2 * RATE


@pytest.mark.parametrize(('size', 'speed'), [(95.0, 400.0), (130.0, 400.0), (130.0, 200.0)])
def test_a_passer_by_who_hides_the_target_does_not_become_it(size, speed):
    """One who is nearer crosses the image, at last so slowly that the target's track is lost."""

    def passer_by(t):
        x = speed * (t - 1.5)
        return square(x, size) if 0 < x < 640 else None

    def ann(t):
        other = passer_by(t)
        return None if other and abs(other.center[0] - 320) < 0.8 * size else square(320)

    shown = play({'ann': ann, 'passer-by': passer_by}, 6)
    assert set(filter(None, shown)) == {(1, 'ann')}
    assert shown[-1] == (1, 'ann')


def test_a_stranger_elsewhere_is_not_taken_for_the_target():
    people = {'ann': hidden(still(300), 2, 9), 'cat': hidden(still(500), 0, 2.5)}
    shown = play(people, 6)
    assert shown[: 4 * RATE].count((1, 'cat')) == 0
    assert shown[-1] == (2, 'cat')


def test_a_rival_must_be_clearly_better_for_some_time():
    def coming(t):
        return square(500, 60 if t < 2 else 120)

    shown = play({'ann': still(300), 'ben': coming}, 6)
    assert shown.index((2, 'ben')) == 4 * RATE
    assert set(shown[4 * RATE :]) == {(2, 'ben')}
    hardly = play({'ann': still(300), 'ben': lambda t: square(500, 60 if t < 2 else 95)}, 6)
    assert set(hardly) == {(1, 'ann')}


def test_somebody_who_leans_forward_for_a_moment_is_no_rival():
    shown = play({'ann': still(300), 'ben': lambda t: square(500, 120 if t % 2 > 0.8 else 70)}, 8)
    assert set(shown) == {(1, 'ann')}


@pytest.mark.parametrize(
    ('by', 'expected'), [(BY_NEAREST, 3), (BY_LARGEST, 2), (BY_LOOKING, 4), (BY_FIRST, 1)]
)
def test_what_a_target_is_chosen_by(by, expected):
    faces = [
        face(2, square(100, 90), looking=0.1, distance=1.5),
        face(1, square(200, 60), looking=0.3, distance=2.0),
        face(3, square(300, 70), looking=0.2, distance=1.0),
        face(4, square(400, 50), looking=0.9, distance=2.5),
    ]
    target = TargetChoice(TargetSettings(by)).update(faces, NS_PER_S)
    assert target.track_id == expected


def test_without_positions_the_nearest_is_the_largest():
    faces = [face(1, square(100, 60), 0.1), face(2, square(300, 90)), face(3, square(500, 80))]
    assert TargetChoice().update(faces, NS_PER_S).track_id == 2


def test_who_was_first_stays_until_it_leaves():
    people = {'ann': hidden(still(300), 4, 99), 'ben': still(500, 200)}
    shown = play(people, 8, TargetSettings(BY_FIRST))
    assert set(shown[: 4 * RATE]) == {(1, 'ann')}
    assert shown[-1] == (2, 'ben')


def test_who_looks_is_attended_to_until_it_looks_away():
    ann, ben = face(1, square(100), looking=0.9), face(2, square(300), looking=0.8)
    choice = TargetChoice(TargetSettings(BY_LOOKING))
    looks_away = replace(ann.head, looking_at_camera=0.05)
    shown = []
    for second in range(10):
        now = ann if second < 4 else replace(ann, head=looks_away)
        shown.append(choice.update([now, ben], second * NS_PER_S).track_id)
    assert shown == [1] * 6 + [2] * 4


def test_a_stream_that_starts_again_has_no_target_yet():
    choice = TargetChoice(SETTINGS)
    choice.update([face(5, square(300))], 9 * NS_PER_S)
    assert choice.update([], 9 * NS_PER_S) is None
    assert choice.update([face(1, square(500))], NS_PER_S).track_id == 1
