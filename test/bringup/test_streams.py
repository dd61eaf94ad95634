"""Bookkeeping of the nodes: matching, statistics, QoS profiles, environment."""

import math
import sys

import pytest
from rclpy.qos import DurabilityPolicy, HistoryPolicy, ReliabilityPolicy

from emotion_bringup import qos
from emotion_bringup.diagnostics import stream_values
from emotion_bringup.distributions import PROFILE_VARIABLES, profile_variables
from emotion_bringup.environment import dds_environment
from emotion_bringup.matching import StampMatcher
from emotion_bringup.statistics import LossCounter, StreamStatistics
from emotion_perception.files.resources import config_path

SECOND = 1_000_000_000

# --- matching ----------------------------------------------------------------------------------


@pytest.mark.parametrize('left_first', [True, False])
def test_equal_stamps_match_in_either_order(left_first):
    matcher = StampMatcher(None)
    if left_first:
        assert matcher.add_left(5, 'image') is None
        assert matcher.add_right(5, 'faces') == ('image', 'faces')
    else:
        assert matcher.add_right(5, 'faces') is None
        assert matcher.add_left(5, 'image') == ('image', 'faces')
    assert len(matcher) == 0


def test_stamps_a_nanosecond_apart_do_not_match():
    matcher = StampMatcher(None)
    matcher.add_left(5, 'image')
    assert matcher.add_right(6, 'faces') is None
    assert len(matcher) == 2


def test_the_oldest_are_forgotten_beyond_the_limit():
    matcher = StampMatcher(3)
    for stamp in range(5):
        matcher.add_left(stamp, stamp)
    assert matcher.dropped == 2
    assert matcher.add_right(1, 'faces') is None
    assert matcher.add_right(2, 'faces') == (2, 'faces')
    matcher.add_right(9, 'faces')
    assert matcher.alone == (4, 2), 'those that were forgotten, and those that wait'


def test_without_limit_nothing_is_forgotten():
    matcher = StampMatcher(None)
    for stamp in range(1000):
        matcher.add_left(stamp, stamp)
    assert matcher.add_right(0, 'faces') == (0, 'faces')
    assert matcher.dropped == 0


def test_clear_forgets_both_sides():
    matcher = StampMatcher(3)
    matcher.add_left(1, 'image')
    matcher.add_right(2, 'faces')
    matcher.clear()
    assert len(matcher) == 0
    assert matcher.add_right(1, 'faces') is None


# --- statistics --------------------------------------------------------------------------------


def test_rate_and_age():
    statistics = StreamStatistics()
    for number in range(61):
        now = SECOND + number * SECOND // 30
        statistics.add(now, now - 20_000_000)
    assert statistics.rate(now) == pytest.approx(30, rel=1e-3)
    assert statistics.age_percentiles_ms() == pytest.approx((20, 20))
    assert statistics.frames == 61


def test_a_stream_that_ended_has_no_rate():
    statistics = StreamStatistics(window_s=5)
    for number in range(10):
        statistics.add(number * SECOND, number * SECOND)
    assert statistics.rate(60 * SECOND) == 0.0
    assert all(math.isnan(value) for value in statistics.age_percentiles_ms())


def test_time_that_goes_back_starts_a_new_window():
    statistics = StreamStatistics()
    for now in (100 * SECOND, 101 * SECOND, SECOND, 2 * SECOND):
        statistics.add(now, now)
    assert statistics.rate(2 * SECOND) == pytest.approx(1.0)


def info(number, publisher=1):
    """A message info of rclpy; with None as the publisher it is Jazzy's, which does not tell it."""
    gid = {'data': bytes([publisher] * 16)} if publisher is not None else None
    return {'publication_sequence_number': number, **({'publisher_gid': gid} if gid else {})}


@pytest.mark.parametrize('publisher', [1, None])
def test_gaps_in_the_numbers_are_losses(publisher):
    counter = LossCounter()
    missed = [counter.missed(info(number, publisher), 1) for number in (4, 5, 8, 9, 9, 20)]
    assert missed == [0, 0, 2, 0, 0, 10]


def test_publishers_are_counted_apart():
    counter = LossCounter()
    arrivals = ((1, 1), (7, 2), (2, 1), (9, 2))
    assert [counter.missed(info(n, p), 2) for n, p in arrivals] == [0, 0, 0, 1]


def test_what_cannot_be_told_apart_is_not_counted():
    counter = LossCounter()
    arrivals = ((4, 1), (6, 1), (1, 2), (9, 2))
    assert [counter.missed(info(n, None), p) for n, p in arrivals] == [0, 1, None, None]
    # One of the two has gone, and nobody knows which: this is its next message, or a later one.
    assert counter.missed(info(10, None), 1) == 0
    assert counter.missed(info(12, None), 1) == 1


def test_a_gap_after_publishers_have_changed_is_not_counted():
    counter = LossCounter()
    counter.missed(info(4, None), 1)
    counter.publishers_changed()
    assert counter.missed(info(20, None), 1) is None
    assert counter.missed(info(22, None), 1) == 1
    # A camera that was started again begins at 1: nothing is lost.
    counter.publishers_changed()
    assert [counter.missed(info(number, None), 1) for number in (1, 3)] == [0, 1]


def test_publishers_with_names_are_counted_whoever_comes_and_goes():
    counter = LossCounter()
    counter.missed(info(4), 1)
    counter.publishers_changed()
    assert counter.missed(info(7), 2) == 2


def test_losses_nobody_can_count_are_told_apart_from_none():
    statistics = StreamStatistics()
    for missed in (2, None, 0, 3):
        statistics.note_losses(missed)
    assert (statistics.dropped, statistics.uncounted) == (5, 1)
    assert stream_values(statistics, 0)['dropped frames'] == 'at least 5'
    assert stream_values(StreamStatistics(), 0)['dropped frames'] == '0'


def test_middleware_without_numbers_has_no_losses():
    counter = LossCounter()
    assert counter.missed({'publication_sequence_number': 0}, 1) == 0
    assert counter.missed({}, 1) == 0


def test_publishers_that_come_and_go_do_not_fill_the_memory():
    counter = LossCounter()
    for number in range(1000):
        counter.missed({**info(1), 'publisher_gid': {'data': number.to_bytes(16, 'big')}}, 1)
    assert len(counter._last) <= 64


# --- QoS ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('profile', 'reliability', 'depth'),
    [
        (qos.image_out('live'), ReliabilityPolicy.RELIABLE, 2),
        (qos.image_in('live'), ReliabilityPolicy.BEST_EFFORT, 1),
        (qos.emotions('live'), ReliabilityPolicy.RELIABLE, 10),
        (qos.camera_info('live'), ReliabilityPolicy.RELIABLE, 10),
        (qos.DIAGNOSTICS, ReliabilityPolicy.RELIABLE, 10),
    ],
)
def test_live_profiles(profile, reliability, depth):
    assert profile.reliability == reliability
    assert profile.history == HistoryPolicy.KEEP_LAST
    assert profile.depth == depth
    assert profile.durability != DurabilityPolicy.TRANSIENT_LOCAL


@pytest.mark.parametrize(
    'profile',
    [qos.image_out, qos.image_in, qos.depth_in, qos.emotions, qos.camera_info],
    ids=lambda f: f.__name__,
)
def test_replay_drops_nothing(profile):
    assert profile('replay').reliability == ReliabilityPolicy.RELIABLE
    assert profile('replay').history == HistoryPolicy.KEEP_ALL


@pytest.mark.parametrize('mode', ['live', 'replay'])
@pytest.mark.parametrize(
    'profile', [qos.image_out, qos.image_in, qos.depth_in, qos.emotions, qos.camera_info]
)
def test_every_endpoint_has_a_profile_of_its_own(profile, mode):
    """An override by parameter is written into the profile: it must not reach other endpoints."""
    profile(mode).depth = 77
    assert profile(mode).depth != 77


def test_labels_are_latched():
    assert qos.LABELS.durability == DurabilityPolicy.TRANSIENT_LOCAL
    assert qos.LABELS.reliability == ReliabilityPolicy.RELIABLE
    assert qos.LABELS.depth == 1


# --- environment -------------------------------------------------------------------------------


def test_the_shipped_dds_profile_is_used():
    shipped = str(config_path('fastdds.xml'))
    assert dds_environment({}) == dict.fromkeys(profile_variables({}), shipped)
    assert config_path('fastdds.xml').is_file()


def test_transports_of_the_user_are_left_alone():
    assert dds_environment({'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'}) == {}
    assert dds_environment(dict.fromkeys(PROFILE_VARIABLES.values(), 'mine')) == {}


@pytest.fixture
def fast_dds(tmp_path, monkeypatch):
    """Makes an installation of ROS that has one Fast DDS, or none that could be found."""

    def install(library):
        monkeypatch.setattr(sys, 'prefix', '/nowhere')
        (tmp_path / 'lib').mkdir()
        if library:
            (tmp_path / 'lib' / library).touch()
        return {'AMENT_PREFIX_PATH': f'/nowhere:{tmp_path}'}

    return install


@pytest.mark.parametrize(('library', 'variable'), PROFILE_VARIABLES.items())
def test_only_the_variable_that_is_read_is_set(fast_dds, library, variable):
    """ROS with Fast DDS 3.x warns about the name that 2.x reads."""
    assert profile_variables(fast_dds(library)) == (variable,)


def test_both_variables_are_set_where_nobody_knows(fast_dds):
    assert profile_variables(fast_dds('')) == tuple(PROFILE_VARIABLES.values())


@pytest.mark.parametrize(('library', 'variable'), PROFILE_VARIABLES.items())
@pytest.mark.parametrize('named', PROFILE_VARIABLES.values())
def test_a_profile_counts_whichever_fast_dds_it_was_named_for(fast_dds, library, variable, named):
    installed = {**fast_dds(library), named: 'mine'}
    expected = {} if named == variable else {variable: 'mine'}
    assert dds_environment(installed) == expected
    assert dds_environment({**installed, 'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'}) == expected


@pytest.mark.parametrize('variable', PROFILE_VARIABLES.values())
def test_an_empty_variable_is_no_choice(variable):
    assert dds_environment({variable: ''}) == dds_environment({})


def test_the_profile_is_well_formed_xml():
    from xml.etree import ElementTree

    root = ElementTree.parse(config_path('fastdds.xml')).getroot()
    space = {'dds': 'http://www.eprosima.com'}
    (segment,) = root.findall('.//dds:segment_size', space)
    # Ten 1080p images fit.
    assert int(segment.text) >= 10 * 1920 * 1080 * 3
