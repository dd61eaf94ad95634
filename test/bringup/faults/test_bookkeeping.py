"""What the nodes remember of a faulty stream: little, and nothing for ever."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion_bringup.matching import StampMatcher
from emotion_bringup.stamp_check import StampCheck
from emotion_bringup.statistics import StreamStatistics
from emotion_perception.sources.base import StampKind
from emotion_perception.sources.playback import PlaybackClock
from emotion_perception.types import Frame

SECOND = 1_000_000_000

# --- images and their results ------------------------------------------------------------------


@given(st.data())
def test_pairs_are_right_whatever_is_lost_or_repeated(data):
    """Both sides in order, each message lost now and then, delivered in any interleaving."""
    stamps = data.draw(st.lists(st.integers(0, 6), max_size=30))
    kept = data.draw(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=30, max_size=30))
    images = [(s, n) for n, s in enumerate(stamps) if kept[n][0]]
    results = [(s, n) for n, s in enumerate(stamps) if kept[n][1]]
    order = data.draw(st.permutations([0] * len(images) + [1] * len(results)))
    matcher = StampMatcher(None)
    sides = (iter(images), iter(results))
    found = [add(matcher, side, *next(sides[side])) for side in order]
    pairs = [pair for pair in found if pair]
    assert all(stamps[left] == stamps[right] for left, right in pairs)
    assert [left for left, _ in pairs] == sorted({left for left, _ in pairs})
    assert 2 * len(pairs) + matcher.dropped + len(matcher) == len(images) + len(results)


def add(matcher, side, stamp, number):
    return (matcher.add_left, matcher.add_right)[side](stamp, number)


def test_images_that_are_never_processed_do_not_fill_the_memory():
    """Damaged ones, say: the result to a later image shows that theirs will not come."""
    matcher = StampMatcher(None)
    for stamp in range(1000):
        matcher.add_left(stamp, 'image')
        if stamp % 10 == 9:
            assert matcher.add_right(stamp, 'faces')
            assert len(matcher) == 0
    assert matcher.dropped == 900


def test_equal_stamps_of_a_bag_are_paired_one_by_one():
    matcher = StampMatcher(None)
    for name in 'ab':
        matcher.add_left(0, name)
    assert [matcher.add_right(0, number) for number in range(2)] == [('a', 0), ('b', 1)]


def test_of_equal_live_stamps_the_newest_image_is_shown():
    matcher = StampMatcher(15)
    for name in 'ab':
        matcher.add_left(0, name)
    assert matcher.add_right(0, 'faces') == ('b', 'faces')
    assert (matcher.dropped, len(matcher)) == (1, 0)


def test_what_waits_for_a_dead_node_can_be_given_up():
    matcher = StampMatcher(None)
    matcher.add_left(1, 'image')
    matcher.add_right(2, 'faces')
    matcher.forget_all()
    assert (matcher.dropped, len(matcher)) == (2, 0)


# --- stamps ------------------------------------------------------------------------------------


class Log:
    def __init__(self):
        self.warnings = []

    def warning(self, text):
        self.warnings.append(text)


def test_each_kind_of_bad_stamp_is_told_once_until_a_new_stream():
    log = Log()
    check = StampCheck(log)
    for _ in range(2):
        repeated = [check.is_repeated(stamp, 'x') for stamp in (5, 5, 5, 0, 0, 6, 6, -1, -1)]
        assert repeated == [False, True, True, False, False, False, True, False, True]
    assert len(log.warnings) == 2
    check.restart()
    assert not check.is_repeated(-1, 'x')
    check.is_repeated(0, 'x')
    assert len(log.warnings) == 3


# --- clocks ------------------------------------------------------------------------------------


def test_a_clock_that_stands_still_does_not_fill_the_statistics():
    statistics = StreamStatistics()
    for _ in range(20_000):
        statistics.add(SECOND, SECOND)
    assert len(statistics._samples) <= 5000
    assert statistics.rate(SECOND) == 0.0
    assert statistics.frames == 20_000


class Clip:
    stamp_kind = StampKind.POSITION


def stamps_at(clock, period_ns=40_000_000):
    timeline = PlaybackClock(Clip(), keeps_up=True)
    image = np.zeros((1, 1, 3), np.uint8)
    return [
        timeline.stamp(Frame(image, number * period_ns, number), int(now))
        for number, now in enumerate(clock)
    ]


@pytest.mark.parametrize('speed', [0.0, 0.3, 1.0, 4.0], ids='{}x'.format)
def test_a_clip_on_any_steady_clock_never_goes_back(speed):
    clock = [SECOND + speed * number * 40_000_000 for number in range(200)]
    stamps = stamps_at(clock)
    assert stamps == sorted(stamps)
    assert max(abs(s - c) for s, c in zip(stamps, clock, strict=True)) <= 4 * 40_000_000


def test_a_clip_follows_a_clock_that_steps_back():
    clock = itertools.chain(range(100 * SECOND, 101 * SECOND, 40_000_000), [50 * SECOND] * 3)
    assert stamps_at(clock)[-3] == 50 * SECOND
