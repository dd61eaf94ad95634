"""Who looks at the camera for how long."""

import math

import pytest

from emotion_perception.tracking.engagement import Engagement, EngagementLevel

NS = 10**9
AWAY, BETWEEN, LOOKS = 0.1, 0.5, 0.9


def levels(*looking, step_s=0.25, engagement=None):
    """Names of the levels after each image, every quarter of a second."""
    engagement = engagement or Engagement()
    found = []
    for index, value in enumerate(looking):
        engagement.update(value, round(index * step_s * NS))
        found.append(engagement.level.name)
    return found


def test_nothing_is_known_before_a_head_was_seen():
    assert levels(math.nan, math.nan) == ['UNKNOWN', 'UNKNOWN']


def test_who_looks_for_a_second_is_engaged():
    assert levels(AWAY, *[LOOKS] * 5) == ['DISENGAGED', *['ENGAGING'] * 4, 'ENGAGED']


def test_a_glance_engages_nobody():
    assert levels(LOOKS, LOOKS, AWAY) == ['ENGAGING', 'ENGAGING', 'DISENGAGED']


def test_a_moments_look_aside_does_not_disengage():
    found = levels(*[LOOKS] * 5, AWAY, AWAY, LOOKS)
    assert found[4:] == ['ENGAGED', 'DISENGAGING', 'DISENGAGING', 'ENGAGED']


def test_who_has_looked_away_for_a_second_is_disengaged():
    found = levels(*[LOOKS] * 5, *[AWAY] * 5)
    assert found[5:] == [*['DISENGAGING'] * 4, 'DISENGAGED']


@pytest.mark.parametrize(
    ('before', 'level'), [(AWAY, EngagementLevel.DISENGAGED), (LOOKS, EngagementLevel.ENGAGING)]
)
def test_what_lies_between_changes_nothing(before, level):
    engagement = Engagement()
    levels(before, BETWEEN, math.nan, engagement=engagement)
    assert engagement.level is level
    assert engagement.looks == (before == LOOKS)
