"""Stamps with which frames are published."""

import numpy as np
import pytest

from emotion_perception.sources.base import StampKind
from emotion_perception.sources.playback import PlaybackClock
from emotion_perception.types import Frame

PERIOD_NS = 40_000_000
NOW_NS = 1_700_000_000_000_000_000
STALL_NS = 500_000_000


class Source:
    def __init__(self, kind):
        self.stamp_kind = kind


def frame(index):
    return Frame(np.zeros((1, 1, 3), np.uint8), index * PERIOD_NS, index)


@pytest.mark.parametrize('kind', [StampKind.ACQUISITION, StampKind.RECORDED])
def test_cameras_and_bags_keep_their_stamps(kind):
    timeline = PlaybackClock(Source(kind), keeps_up=True)
    assert [timeline.stamp(frame(i), NOW_NS) for i in range(3)] == [0, PERIOD_NS, 2 * PERIOD_NS]


@pytest.mark.parametrize('keeps_up', [True, False])
def test_a_clip_is_spaced_evenly_from_now_whatever_the_jitter(keeps_up):
    timeline = PlaybackClock(Source(StampKind.POSITION), keeps_up=keeps_up)
    jitter = [0, 9_000_000, -4_000_000, 20_000_000]
    stamps = [timeline.stamp(frame(i), NOW_NS + i * PERIOD_NS + j) for i, j in enumerate(jitter)]
    assert stamps == [NOW_NS + i * PERIOD_NS for i in range(4)]


@pytest.mark.parametrize(('keeps_up', 'late'), [(True, STALL_NS), (False, 0)])
def test_a_stalled_clip_goes_on_from_now_only_where_it_keeps_up(keeps_up, late):
    timeline = PlaybackClock(Source(StampKind.POSITION), keeps_up=keeps_up)
    assert timeline.stamp(frame(0), NOW_NS) == NOW_NS
    assert timeline.stamp(frame(1), NOW_NS + PERIOD_NS + STALL_NS) == NOW_NS + PERIOD_NS + late


def test_no_live_stamp_is_in_the_future_after_a_first_frame_that_was_late():
    timeline = PlaybackClock(Source(StampKind.POSITION), keeps_up=True)
    late_ns = 90_000_000
    now = [NOW_NS + max(late_ns, i * PERIOD_NS) for i in range(8)]
    stamps = [timeline.stamp(frame(i), now[i]) for i in range(8)]
    assert all(stamp <= now_ns for stamp, now_ns in zip(stamps, now, strict=True))
    assert stamps == sorted(stamps)
    assert np.diff(stamps[3:]).tolist() == [PERIOD_NS] * 4
