"""What is said about a stream of results, and the overlap of boxes between two runs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy')

from benchmarks.live.analysis import report
from benchmarks.live.children import Children
from benchmarks.live.streams import Arrival, Segment, Streams
from benchmarks.live.usage import cpu_seconds, memory
from benchmarks.tracking import overlap_by_frame, same_emotion
from emotion_perception.types import Box, Face

_NS = 1_000_000_000


def _results(rate, seconds, latency_ms, growth=0.0, skip=1):
    for index in range(0, round(rate * seconds), skip):
        second = index / rate
        stamp_ns = round(second * _NS)
        late_ns = round((latency_ms + growth * second) * 1e6)
        yield Arrival('s', stamp_ns, stamp_ns + late_ns, 2)


def test_a_steady_stream_is_sustained():
    found = report(list(_results(30, 4, 20.0)), 120)

    assert found.sustained
    assert found.latency.p50 == pytest.approx(20)
    assert (found.answered, found.faces) == (1.0, 2.0)
    assert found.rate == pytest.approx(30)
    assert found.lag == pytest.approx(0, abs=1e-6)


def test_a_growing_lag_is_not_sustained():
    found = report(list(_results(30, 4, 20.0, growth=10)), 120)

    assert found.lag == pytest.approx(10)
    assert not found.sustained


def test_lost_frames_are_not_sustained():
    found = report(list(_results(30, 4, 20.0, skip=2)), 120)

    assert found.answered == 0.5
    assert found.rate == pytest.approx(15)
    assert not found.sustained


def test_the_first_half_second_does_not_count():
    slow = [Arrival('s', i, i + _NS, 2) for i in range(5)]
    found = report(slow + list(_results(30, 4, 20.0)), 125)

    assert found.latency.p99 == pytest.approx(20)


def test_several_streams_are_counted_together():
    found = report(list(_results(30, 4, 20.0)) * 2, 120, streams=2)

    assert found.answered == 1.0
    assert found.rate == pytest.approx(60)


def test_silence_is_no_latency():
    found = report([], 100)

    assert found.latency is None
    assert not found.sustained


def test_equal_boxes_overlap_fully_and_lonely_ones_not_at_all():
    a, b = Box(0, 0, 10, 10), Box(100, 0, 10, 10)

    assert overlap_by_frame([[a, b]], [[b, a]]).tolist() == [1.0, 1.0]
    assert sorted(overlap_by_frame([[a, b], []], [[a], [b]])) == [0.0, 0.0, 1.0]
    assert overlap_by_frame([[], []], [[], []]).size == 0


def test_each_box_is_matched_once():
    a, shifted = Box(0, 0, 10, 10), Box(5, 0, 10, 10)

    overlaps = overlap_by_frame([[a]], [[a, shifted]])

    assert np.sort(overlaps).tolist() == [0.0, 1.0]


def test_emotions_are_compared_where_both_runs_have_the_face():
    def face(x, emotion):
        return Face(1, Box(x, 0, 10, 10), 0.9, None, emotion, 0.5, np.zeros(7, np.float32))

    expected = [[face(0, 3), face(100, 4)], [face(0, 3)]]
    found = [[face(101, 4), face(1, 2)], []]
    assert same_emotion(expected, found) == 50
    assert same_emotion([[]], [[]]) is None


@pytest.mark.skipif(not Path('/proc/self/smaps_rollup').exists(), reason='needs Linux')
def test_usage_of_a_process():
    child = subprocess.Popen(
        [sys.executable, '-c', 'x = bytearray(50_000_000); print(flush=True); input()'],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    child.stdout.readline()
    used = memory(child.pid)
    seconds = cpu_seconds(child.pid)
    child.communicate(b'\n')

    assert used.resident > 50
    assert 50 < used.proportional <= used.resident
    assert seconds >= 0
    with pytest.raises(OSError):
        cpu_seconds(child.pid)


def test_a_child_is_heard_though_its_middleware_prints(tmp_path):
    log = tmp_path / 'log'
    profile = tmp_path / 'profile.xml'
    profile.write_text('<dds')
    broken = {f'{name}_DEFAULT_PROFILES_FILE': str(profile) for name in ('FASTRTPS', 'FASTDDS')}
    with Children(log, **broken) as children:
        options = ('--topics', 'emotions', '--output', str(tmp_path / 'arrivals'))
        child = children.module('benchmarks.live.listener', *options)

        assert child.next_line(60) == {'listening': True}

    assert f"Error parsing '{profile}'" in log.read_text()


def test_a_child_that_ends_early_is_told_with_its_log(tmp_path):
    log = tmp_path / 'log'
    with Children(log) as children:
        child = children.module('benchmarks.live.listener')

        with pytest.raises(Exception, match=r'has ended early: see .*log\.'):
            child.next_line(60)

    assert 'required: --topics' in log.read_text()


@pytest.mark.timeout(180)
def test_frames_are_answered_over_dds(tmp_path):
    """Everything together: stand-in, emotion node and listener, for a dozen frames."""
    with Streams(tmp_path / 'log', (320, 240), threads=1) as streams:
        run = streams.play([Segment('first', 4, 1), Segment('second', 4, 2)])
        node = streams.nodes[0]
        used = memory(node.pid)

    assert run.published == {'first': 4, 'second': 8}
    assert {result.segment for result in run.results[0]} == {'first', 'second'}
    assert all(result.faces == 2 for result in run.of('second'))
    assert all(result.latency_ms > 0 for result in run.of('second'))
    assert set(run.cores) == {'camera stand-in', 'emotion_node', 'listener'}
    assert run.cores['emotion_node'] > 0
    assert used.resident > 0
    with pytest.raises(OSError):
        cpu_seconds(node.pid)
