"""The soak: what becomes of every frame, the verdicts, and a short one with all faults."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from benchmarks.errors import BenchmarkError
from benchmarks.soak import cli
from benchmarks.soak.accounting import account_frames, read
from benchmarks.soak.life_counter import LifeCounter
from benchmarks.soak.monitoring import MonitoredProcess, Sample, process_usage
from benchmarks.soak.report import findings
from benchmarks.soak.runner import Observations, Soak
from benchmarks.soak.schedule import Fault, plan

ROOT = Path(__file__).parents[2]


class Log:
    """Lines as the recorder writes them; frame n has the stamp 1000 * n."""

    def __init__(self, frames):
        self.lines = [f'i,{number},{1000 * number}\n' for number in frames]
        self._results = Counter()

    def results(self, life, *frames):
        for frame in frames:
            self._results[life] += 1
            self.lines.append(f'a,{life},{self._results[life]},{1000 * frame},2\n')
        return self

    def report(self, life, dropped, bad=0, frames=None, uncounted=0):
        frames = self._results[life] if frames is None else frames
        self.lines.append(f'd,{life},{frames},{dropped},{uncounted},{bad}\n')
        return self

    def account_frames(self, *bad_sent):
        return account_frames(read(self.lines), bad_sent)


# --- the account of frames ---------------------------------------------------------------------


def test_every_frame_is_answered_or_dropped():
    counts = Log(range(1, 21)).results('a', 3, 4, 7, 10).report('a', dropped=4).account_frames()

    assert (counts.frames, counts.answered, counts.dropped, counts.lost) == (8, 4, 4, 0)
    assert counts.unexplained == 0


def test_a_frame_that_vanishes_is_found():
    counts = Log(range(1, 21)).results('a', 3, 4, 7, 10).report('a', dropped=3).account_frames()

    assert counts.unexplained == 1


def test_a_drop_that_never_was_is_found():
    counts = Log(range(1, 21)).results('a', 3, 4, 7, 10).report('a', dropped=6).account_frames()

    assert counts.unexplained == 2


def test_bad_frames_may_be_among_the_dropped_ones():
    log = Log(range(1, 21)).results('a', 3, 4, 7, 10).report('a', dropped=6, bad=5)

    assert log.account_frames(7).unexplained == 0
    assert log.account_frames(6).unexplained == 1
    assert log.account_frames(5).unexplained == 2


def test_what_the_node_cannot_count_is_not_held_against_it():
    log = Log(range(1, 31)).results('a', 3, 4, 7).report('a', dropped=2)
    log.results('a', 10, 12).report('a', dropped=2, uncounted=3, bad=1)
    counts = log.results('a', 15).report('a', dropped=4, uncounted=3, bad=1).account_frames(1)

    assert (counts.frames, counts.answered, counts.dropped, counts.unchecked) == (13, 6, 4, 3)
    assert (counts.lost, counts.unexplained) == (0, 0)


def test_a_frame_that_vanishes_while_the_node_can_count_is_found_all_the_same():
    log = Log(range(1, 31)).results('a', 3, 4, 7).report('a', dropped=2)
    log.results('a', 10, 12).report('a', dropped=2, uncounted=3)
    counts = log.results('a', 15).report('a', dropped=3, uncounted=3).account_frames()

    assert counts.unexplained == 1


def test_numbers_that_begin_again_are_another_life():
    lives = LifeCounter()
    assert [lives.life_of('results', number) for number in (1, 2, 5)] == [1, 1, 1]
    assert lives.life_of('reports', 1) == 1
    # The next life reports before it gives a result, the one after it the other way round.
    assert [lives.life_of('reports', number) for number in (1, 2)] == [2, 2]
    assert lives.life_of('results', 1) == 2
    assert lives.life_of('results', 1) == 3
    assert [lives.life_of('reports', number) for number in (1, 2)] == [3, 3]


def test_frames_of_a_dead_node_are_lost_and_the_next_life_counts_anew():
    log = Log(range(1, 31)).results('a', 2, 3, 5).report('a', dropped=1)
    # Answered after its last report and before the kill: 8, and nobody can tell why 7 was not.
    log.results('a', 6, 8)
    log.results('b', 20, 22).report('b', dropped=1)
    counts = log.account_frames(0, 0)

    assert counts.frames == 21
    assert counts.answered == 7
    assert counts.dropped == 2
    assert counts.lost == 12
    assert counts.unexplained == 0
    assert len(counts.lives) == 2


def test_what_the_recorder_misses_is_counted_by_the_numbers():
    log = Log([*range(1, 5), *range(7, 21)]).results('a', 2, 3, 4)
    log.lines.pop()
    counts = log.results('a', 8).report('a', dropped=3).account_frames()

    assert counts.unrecorded == 3
    assert (counts.frames, counts.answered, counts.dropped) == (7, 4, 3)
    assert counts.unexplained == 0


def test_results_twice_out_of_order_and_to_nothing_are_found():
    twice = Log(range(1, 9)).results('a', 2, 3, 3).account_frames()
    back = Log(range(1, 9)).results('a', 3, 2, 5).account_frames()
    strange = Log(range(1, 9)).results('a', 2, 99).account_frames()

    assert (twice.repeated, back.unordered, strange.unknown) == (1, 1, 1)
    assert Log(range(1, 9)).results('a', 2, 3).account_frames().repeated == 0


def test_overlay_images_belong_to_results():
    log = Log(range(1, 9)).results('a', 2, 3, 6)
    log.lines += ['p,2000\n', 'p,2000\n', 'p,5000\n']

    assert (log.account_frames().overlay_images, log.account_frames().strange_overlay_images) == (
        2,
        2,
    )


def test_overlay_images_of_results_before_the_first_that_was_heard_are_not_strange():
    log = Log(range(1, 9)).results('a', 3, 4)
    log.lines += ['p,1000\n', 'p,2000\n', 'p,3000\n']

    assert (log.account_frames().overlay_images, log.account_frames().strange_overlay_images) == (
        3,
        0,
    )


def test_nothing_recorded_is_nothing():
    counts = account_frames(read([]))

    assert (counts.frames, counts.answered, counts.lost, counts.lives) == (0, 0, 0, ())


# --- the schedule ------------------------------------------------------------------------------


@pytest.mark.parametrize('seconds', [15, 60, 600])
def test_every_round_has_every_fault_and_the_heavy_ones_end_at_half_time(seconds):
    events = plan(seconds)

    rounds = max(seconds // 60, 1)
    counts = Counter(event.fault for event in events)
    frozen = counts.pop(Fault.FROZEN_CAMERA, 0)
    early = {Fault.KILL, Fault.CLOSED_TERMINAL}
    assert {counts[fault] for fault in counts.keys() - early} == {rounds}
    assert {counts[fault] for fault in early} == {max(rounds // 2, 1)}
    assert frozen == (max(rounds // 2, 1) if seconds >= 60 else 0)
    assert [event.second for event in events] == sorted(event.second for event in events)
    assert all(event.second + event.seconds <= seconds for event in events)
    kills = [event.second for event in events if event.fault is Fault.KILL]
    assert kills and max(kills) <= max(seconds / 2, 9)


# --- memory and handles ------------------------------------------------------------------------


def _samples(seconds, growth=0.0, handles=20):
    return [Sample(s, 250, 200, 150 + growth * s, handles, 10, 0.5 * s) for s in range(seconds)]


def test_the_warm_up_does_not_count():
    samples = [Sample(s, 300, 280, min(100 + 10 * s, 250), 20, 10, 0.5 * s) for s in range(100)]
    found = process_usage('node', samples)

    assert (found.start.own, found.end.own) == (250, 250)
    assert found.cores == pytest.approx(0.5)


def test_a_short_life_says_nothing():
    assert process_usage('node', _samples(10)) is None
    assert process_usage('node', []) is None


def _watched(name, samples):
    return MonitoredProcess(name, child=None, samples=samples)


def _observations(log, *watched, **changes):
    return Observations(60.0, list(watched), recording=read(log.lines), **changes)


def _broken(found):
    return [bar.name for bar in findings(found, 20.0, 16).bars if not bar.holds]


@pytest.fixture
def good_log():
    return Log(range(1, 21)).results('a', 3, 4, 7, 10).report('a', dropped=4)


def test_a_good_soak_holds_all_verdicts(good_log):
    assert _broken(_observations(good_log, _watched('camera_node', _samples(120, 0.05)))) == []


def test_growth_breaks_the_verdict_of_its_process(good_log):
    leaking = _watched('camera_node', _samples(120, growth=0.5))
    opening = _watched('overlay_node', [Sample(s, 200, 150, 90, s, s, s) for s in range(120)])

    assert _broken(_observations(good_log, leaking, opening)) == [
        'camera_node: growth of its own memory',
        'overlay_node: file handles more than at its start',
        'overlay_node: threads more than at its start',
    ]


def test_a_life_that_has_hardly_warmed_up_is_not_judged(good_log):
    assert _broken(_observations(good_log, _watched('camera_node', _samples(50, growth=9.0)))) == []


def test_frames_lost_without_a_kill_break_the_verdict():
    log = Log(range(1, 31)).results('a', 2, 3).report('a', dropped=0).results('b', 20)

    assert 'Frames lost though nobody killed the node' in _broken(_observations(log))
    killed = _observations(log, faults=Counter({Fault.KILL: 1}))
    assert _broken(killed) == []


def test_wrong_responses_and_failures_break_the_verdict(good_log):
    changes, sessions = Counter(right=5, unanswered=1), Counter(left_running=1, untold=3, told=4)
    found = _observations(good_log, changes=changes, sessions=sessions, failures=['It broke.'])

    assert _broken(found) == [
        'Parameter changes answered wrongly or not at all',
        'Processes that outlived their terminal',
        'Frames of a frozen camera lost in silence',
        'Failures that nobody made',
    ]
    assert findings(found, 20.0, 16).bars[10].detail == 'It broke.'


# --- real processes ----------------------------------------------------------------------------


def test_a_process_that_ends_by_itself_is_a_failure(tmp_path):
    with Soak(tmp_path / 'log') as soak:
        child = soak._children.module('benchmarks.live.listener')
        with pytest.raises(BenchmarkError):
            child.next_line(120)  # its arguments are missing
        watched = MonitoredProcess('camera_node', child)
        child._process.wait()
        watched.sample()
        soak._check(watched)

    assert watched.samples == []
    assert soak.found.failures == ['camera_node ended by itself with code 2.']


@pytest.mark.parametrize('arguments', [['--minutes', '0'], ['--minutes', 'x'], ['--memory', '-1']])
def test_wrong_options_are_refused(arguments, capsys):
    with pytest.raises(SystemExit) as error:
        cli.main(arguments)

    assert error.value.code == 2
    assert 'Traceback' not in capsys.readouterr().err


@pytest.mark.skipif(not Path('/proc/self/smaps_rollup').exists(), reason='needs Linux')
@pytest.mark.timeout(600)
@pytest.mark.slow
def test_a_short_soak_survives_every_fault_and_accounts_for_every_frame(tmp_path):
    """All of it as a user runs it; memory is for a longer one to judge."""
    done = subprocess.run(
        [sys.executable, '-m', 'benchmarks.soak', '--minutes', '0.2', '--threads', '1',
         '--memory', '1000', '--out', str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip

    said = (tmp_path / 'soak.log').read_text()
    assert done.returncode == 0, done.stdout + done.stderr + said
    assert 'Traceback' not in said
    stored = json.loads((tmp_path / 'soak.json').read_text())['findings']
    assert all(bar['measured'] is not None for bar in stored['bars'])
    tables = {table['title']: table['rows'] for table in stored['tables']}
    frames, answered, dropped, unchecked, lost, unexplained, _ = (
        row[1] for row in tables['Frames in and out']
    )
    assert answered > 0 and lost > 0 and unexplained == 0
    assert frames == answered + dropped + unchecked + lost
    times = {row[0]: row[1] for row in tables['Faults made']}
    assert times.pop(Fault.FROZEN_CAMERA.value) == 0  # it takes longer
    assert set(times.values()) == {1} and len(times) == len(Fault) - 1
    names = [row[0] for row in tables['Load held, 640x480']]
    assert names == ['camera frames', 'results', 'images of the overlay']
    for text in ('Verdicts', 'Processes after their warm-up', 'handles', 'PSS', ': OK'):
        assert text in done.stdout
