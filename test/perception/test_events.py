"""A person's own calm face, and what happens on faces."""

import numpy as np
import pytest

from emotion_perception.labels import Emotion
from emotion_perception.settings.tables import BY_PROBABILITY, EventSettings
from emotion_perception.tracking.baseline import LEARNING_S, CalmBaseline, log_odds
from emotion_perception.tracking.events import EventKind, ExpressionEvents
from emotion_perception.types import NS_PER_S, Box, Face

STEP_NS = NS_PER_S // 30
HAPPY, NEUTRAL, SAD = int(Emotion.HAPPY), int(Emotion.NEUTRAL), int(Emotion.SAD)
CALM = {NEUTRAL: 0.9, SAD: 0.05}
# A smile with closed lips: still Neutral, and Happy ten times as probable as before.
CLOSED_LIPS = {NEUTRAL: 0.7, HAPPY: 0.2}


def probabilities(shares):
    rest = (1 - sum(shares.values())) / (7 - len(shares))
    return np.array([shares.get(index, rest) for index in range(7)], np.float32)


def changes(baseline, shares, seconds, first_ns=0, noise=0.0):
    """The changes of a face that looks like that for some seconds, and the next stamp."""
    rng = np.random.default_rng(0)
    rows = []
    stamps = range(first_ns, first_ns + round(seconds * NS_PER_S), STEP_NS)
    for stamp_ns in stamps:
        row = probabilities(shares) * np.exp(noise * rng.standard_normal(7))
        rows.append(baseline.change(np.asarray(row / row.sum(), np.float32), stamp_ns))
    return np.array(rows), stamps[-1] + STEP_NS


def test_a_calm_face_is_not_known_at_first():
    rows, _ = changes(CalmBaseline(), CALM, 3)
    seconds = np.arange(len(rows)) / 30
    assert np.isnan(rows[seconds < LEARNING_S]).all()
    assert np.abs(rows[seconds > LEARNING_S + 0.1]).max() < 1e-3


def test_a_smile_stands_out_against_the_calm_face_and_is_not_learnt():
    baseline = CalmBaseline()
    _, now = changes(baseline, CALM, 10)
    rows, _ = changes(baseline, CLOSED_LIPS, 8, now)
    wanted = log_odds(probabilities(CLOSED_LIPS)) - log_odds(probabilities(CALM))
    assert rows[0] == pytest.approx(wanted, abs=0.01)
    assert rows[-1, HAPPY] > 0.9 * wanted[HAPPY]


def test_noise_is_no_change():
    rows, _ = changes(CalmBaseline(), CALM, 30, noise=0.3)
    late = rows[100:]
    assert np.abs(late.mean(axis=0)).max() < 0.2


def test_what_lasts_becomes_calm_at_last():
    """Such as the light of a lamp that was switched on."""
    baseline = CalmBaseline()
    _, now = changes(baseline, CALM, 5)
    rows, _ = changes(baseline, CLOSED_LIPS, 900, now)
    assert rows[-1, HAPPY] < 0.7


def test_who_comes_in_laughing_is_laughing():
    rows, _ = changes(CalmBaseline(), {HAPPY: 0.97}, 3)
    assert rows[-1, HAPPY] > 2


@pytest.mark.parametrize('rate', [5, 30])
def test_a_calm_face_is_learnt_by_time_and_not_by_images(rate):
    baseline, other = CalmBaseline(), {NEUTRAL: 0.87, SAD: 0.08}
    step = NS_PER_S // rate
    for index in range(3 * rate):
        baseline.change(probabilities(CALM), index * step)
    for index in range(3 * rate, 13 * rate):
        row = baseline.change(probabilities(other), index * step)
    start = log_odds(probabilities(other))[SAD] - log_odds(probabilities(CALM))[SAD]
    assert row[SAD] == pytest.approx(start * np.exp(-10 / 20), rel=0.1)


def face(value, emotion=HAPPY, track_id=1, measure='change'):
    row = np.full(7, 0.01, np.float32)
    change = np.zeros(7, np.float32)
    (change if measure == 'change' else row)[emotion] = value
    row[emotion] = max(row[emotion], 0.4)
    return Face(track_id, Box(0, 0, 50, 50), 0.9, None, emotion, 0.4, row, change)


def told(events, values, **options):
    """(kind, stamp in tenths of a second) of a face with these values, one each tenth."""
    result = []
    for index, value in enumerate(values):
        faces = [] if value is None else [face(value, **options)]
        stamp_ns = NS_PER_S + index * NS_PER_S // 10
        result += [(event.kind, index, event) for event in events.update(faces, stamp_ns)]
    return [(kind, index) for kind, index, _ in result], [event for *_, event in result]


def test_a_smile_starts_goes_on_and_ends():
    values = [0, 0, *[1.5] * 14, *[0.2] * 8]
    times, events = told(ExpressionEvents(), values)
    assert times == [(EventKind.STARTED, 5), (EventKind.GOING_ON, 15), (EventKind.ENDED, 19)]
    start, _, end = events
    assert (start.track_id, start.emotion_id) == (1, HAPPY)
    assert start.strength == pytest.approx(1.5)
    assert start.confidence == pytest.approx(0.4)
    assert start.duration_s == pytest.approx(0.3)
    assert end.duration_s == pytest.approx(1.4)


@pytest.mark.parametrize(
    'values',
    [
        [0.0, 1.5, 1.5, 0.0, 0.0, 1.5, 0.0, 0.0],  # too short
        [1.1] * 20,  # too weak
        [np.nan] * 20,  # not known yet
    ],
)
def test_what_is_no_event(values):
    assert told(ExpressionEvents(), values)[0] == []


def test_between_both_thresholds_it_goes_on():
    times, _ = told(ExpressionEvents(), [1.5] * 5 + [0.7, 0.5, 0.7] * 4)
    assert [kind for kind, _ in times] == [EventKind.STARTED, EventKind.GOING_ON]


def test_a_calm_face_is_no_expression():
    assert told(ExpressionEvents(), [3.0] * 10, emotion=NEUTRAL)[0] == []


def test_a_face_that_goes_ends_what_it_showed():
    times, events = told(ExpressionEvents(), [1.5] * 6 + [None] * 3)
    assert times[-1] == (EventKind.ENDED, 6)
    assert events[-1].confidence == 0


def test_one_expression_after_the_other():
    events = ExpressionEvents()
    told(events, [1.5] * 6)
    result = []
    for index in range(12):
        stamp_ns = 2 * NS_PER_S + index * NS_PER_S // 10
        result += events.update([face(2.0, emotion=SAD)], stamp_ns)
    assert [(event.kind, event.emotion_id) for event in result[:2]] == [
        (EventKind.ENDED, HAPPY),
        (EventKind.STARTED, SAD),
    ]


def test_two_faces_have_their_own_events():
    events = ExpressionEvents()
    result = []
    for index in range(5):
        faces = [face(1.5), face(2.0, emotion=SAD, track_id=2)]
        result += events.update(faces, NS_PER_S + index * NS_PER_S // 10)
    assert {(event.track_id, event.emotion_id) for event in result} == {(1, HAPPY), (2, SAD)}


def test_by_probability():
    settings = EventSettings(BY_PROBABILITY, start=0.6, end=0.4, repeat_s=0)
    times, events = told(ExpressionEvents(settings), [0.2, *[0.7] * 15], measure=BY_PROBABILITY)
    assert times == [(EventKind.STARTED, 4)]
    assert events[0].strength == pytest.approx(0.7)


def test_time_that_goes_back_starts_anew():
    events = ExpressionEvents()
    told(events, [1.5] * 6)
    assert events.update([face(1.5)], NS_PER_S // 2) == []
