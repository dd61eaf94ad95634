"""`emotion nodes` when a node, it itself or its terminal dies: nothing hangs or is left running."""

import json
import os
import signal
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from awaiting import wait_for_end, wait_for_files
from processes import environment
from stage import DEADLINE_S, DOMAIN
from terminal import Terminal

from emotion_bringup.endings import ALWAYS
from emotion_bringup.parameter_tables import LIVE, REPLAY
from emotion_bringup.session.arguments import SessionOptions
from emotion_bringup.session.restarts import Restarts, restartable_nodes

NODES = {'camera_node', 'emotion_node', 'overlay_node'}


class Session:
    """A running `emotion nodes`."""

    def __init__(self, stage, source, model, folder, name, *options):
        self.json = folder / f'{name}.jsonl'
        arguments = ['-m', 'emotion_perception.cli', 'nodes', '--source', str(source), '--loop']
        arguments += ['--model', str(model), '--json', str(self.json), '--namespace', name]
        self.process = stage.python(f'session_{name}', *arguments, *options)
        self.process.killed = True  # it ends by itself

    def records(self):
        if not self.json.exists():
            return []
        # The last line may be half written.
        return self.json.read_text().splitlines()[:-1]

    def nodes(self):
        """Process ids of its nodes by name."""
        return nodes_of(self.process.pid)

    def wait_for(self, holds, what):
        def is_so():
            assert self.process.is_alive or what == 'the end', f'{what}: {self.process.output}'
            return holds()

        wait_for_files(is_so, self.json.parent, process=self.process.pid)

    def wait_for_records(self, count):
        wanted = len(self.records()) + count
        self.wait_for(lambda: len(self.records()) >= wanted, 'more results')

    def kill(self, name):
        """Kills a node as soon as it is there; returns when the session has noticed."""
        self.wait_for(lambda: name in self.nodes(), f'the start of {name}')
        pid = self.nodes()[name]
        os.kill(pid, signal.SIGKILL)
        self.wait_for(
            lambda: not self.process.is_alive or self.nodes().get(name, pid) != pid, 'the end'
        )


def nodes_of(session):
    """Process ids of the nodes of a session, by name."""
    found = {}
    for folder in Path('/proc').iterdir():
        if not folder.name.isdecimal() or parent_of(folder) != session:
            continue
        command = (folder / 'cmdline').read_bytes().decode().split('\0')
        found |= {name: int(folder.name) for name in NODES & set(command)}
    return found


def parent_of(folder):
    try:
        return int((folder / 'stat').read_text().rpartition(') ')[2].split()[1])
    except OSError:
        return 0


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp('sessions')


@pytest.fixture(scope='module')
def live(stage, clip, model_path, folder):
    return Session(stage, clip, model_path, folder, 'live', '--mode', 'live', '--quiet')


@pytest.fixture(scope='module')
def replay(stage, clip, model_path, folder):
    return Session(stage, clip, model_path, folder, 'replay', '--quiet')


def assert_ended_in_order(session, code, sentence):
    assert session.process.wait() == code
    (line,) = [line for line in session.process.output.splitlines() if line.startswith('error:')]
    assert sentence in line
    assert 'Traceback' not in session.process.output
    assert session.nodes() == {}
    for line in session.json.read_text().splitlines():
        json.loads(line)


def test_a_killed_node_of_a_replay_ends_it_at_once_for_frames_are_lost(live, replay):
    replay.wait_for_records(3)
    replay.kill('emotion_node')
    assert_ended_in_order(
        replay, 1, 'emotion_node was killed by SIGKILL, and what it was at is lost'
    )


@pytest.mark.slow
def test_a_camera_node_that_stands_still_for_long_loses_nothing_in_silence(
    stage, portrait, model_path, tmp_path
):
    """DDS forgets a process after 20 s; what it then publishes may reach nobody."""
    frames, lines = tmp_path / 'frames', tmp_path / 'out.jsonl'
    frames.mkdir()
    for number in range(200):
        cv2.imwrite(str(frames / f'{number:03}.png'), np.roll(portrait, number, axis=1))
    arguments = ['--source', str(frames), '--model', str(model_path), '--json', str(lines)]
    arguments += ['--quiet', '--no-overlay', '--domain-id', str(DOMAIN), '--namespace', 'frozen']
    session = stage.python('frozen', '-m', 'emotion_perception.cli', 'nodes', *arguments)
    session.killed = True  # it ends by itself

    def published(count):
        return stage.node.count_publishers('/frozen/camera/image_raw') == count

    stage.spin_until(lambda: lines.exists() and len(lines.read_text().splitlines()) > 3, 'results')
    camera = nodes_of(session.pid)['camera_node']
    os.kill(camera, signal.SIGSTOP)
    try:
        stage.spin_until(lambda: published(0), 'DDS to forget the camera node')
    finally:
        os.kill(camera, signal.SIGCONT)
    code, count = session.wait(), len(lines.read_text().splitlines())
    assert (code, count) == (0, 200) or (code == 1 and 'have no result' in session.output)


@pytest.mark.parametrize('name', ['emotion_node', 'camera_node'])
def test_a_killed_node_of_a_live_session_is_started_again_with_a_warning(live, name):
    live.wait_for_records(3)
    others = {k: v for k, v in live.nodes().items() if k != name}
    live.kill(name)
    assert f'warning: {name} was killed by SIGKILL; starting it again.' in live.process.output
    live.wait_for_records(3)
    assert others.items() <= live.nodes().items()
    assert set(live.nodes()) == NODES


def test_a_node_that_is_killed_again_and_again_ends_the_session(live):
    for _ in range(4):
        live.kill('overlay_node')
    assert_ended_in_order(live, 1, 'overlay_node was killed by SIGKILL, for the 4th time')


# --- nothing left running ----------------------------------------------------------------------


def assert_all_end(nodes):
    """Nodes of a session that has died; they are nobody's children any more."""
    assert set(nodes) == NODES
    for pid in nodes.values():
        wait_for_end(pid)


def assert_playable(video):
    capture = cv2.VideoCapture(str(video))
    assert capture.read()[0]
    assert b'moov' in video.read_bytes()[:4096]  # finished: the index is in front


def test_nodes_of_a_killed_session_end_and_finish_their_files(stage, clip, model_path, folder):
    video = folder / 'killed.mp4'
    options = ['--mode', 'live', '--quiet', '--video', str(video)]
    session = Session(stage, clip, model_path, folder, 'killed', *options)
    # Also after one of them was started again.
    session.wait_for_records(3)
    session.kill('emotion_node')
    session.wait_for_records(10)
    nodes = session.nodes()
    session.process.kill()
    assert_all_end(nodes)
    assert_playable(video)


def test_a_closed_terminal_ends_the_session_in_order(clip, model_path, folder):
    video, lines = folder / 'closed.mp4', folder / 'closed.jsonl'
    words = ['nodes', '--source', clip, '--loop', '--model', model_path, '--namespace', 'closed']
    words += ['--video', video, '--json', lines]
    program = [sys.executable, '-m', 'emotion_perception.cli', *map(str, words)]
    terminal = Terminal(program, environment(ROS_DOMAIN_ID=str(DOMAIN)))
    terminal.read_until(lambda shown: shown.count(b'#1 ') >= 10)
    nodes = nodes_of(terminal.process.pid)
    terminal.close()
    assert terminal.wait(DEADLINE_S) == 0
    assert_all_end(nodes)
    assert_playable(video)
    for line in lines.read_text().splitlines():
        json.loads(line)


# --- the rule ----------------------------------------------------------------------------------


def options(**values):
    fields = dict.fromkeys(SessionOptions.__dataclass_fields__)
    return SessionOptions(**{**fields, 'source': '0', 'loop': False, **values})


@pytest.mark.parametrize(
    ('values', 'mode', 'others'),
    [
        ({}, LIVE, []),
        ({'source': 'clip.mp4'}, REPLAY, sorted(NODES)),
        ({'source': 'clip.mp4', 'loop': True}, REPLAY, sorted(NODES)),
        ({'source': 'clip.mp4'}, LIVE, ['camera_node']),
        ({'video': Path('out.mp4')}, LIVE, ['overlay_node']),
    ],
    ids=str,
)
def test_only_nodes_whose_loss_costs_nothing_are_started_again(values, mode, others):
    rules = restartable_nodes(options(**values), mode)
    # Other nodes may join the three.
    assert {name for name in NODES if rules.get(name)} == NODES - {*others}


def test_a_looped_file_is_started_again_only_when_its_camera_was_killed():
    restarts = Restarts(restartable_nodes(options(source='clip.mp4', loop=True), LIVE))
    assert restarts.refusal('camera_node', -9) == ''
    assert 'has ended with an error (exit code 1); see its' in restarts.refusal('camera_node', 1)


def test_wrong_settings_are_not_tried_again_but_other_errors_are():
    restarts = Restarts(restartable_nodes(options(), LIVE))
    assert 'cannot work with its settings; see its message' in restarts.refusal('emotion_node', 2)
    assert restarts.refusal('emotion_node', 1) == ''
    assert restarts.refusal('camera_node', 1) == ''


def test_restarts_are_free_again_after_a_minute():
    now = [0.0]
    restarts = Restarts(dict.fromkeys(NODES, ALWAYS), clock=lambda: now[0])
    assert [bool(restarts.refusal('emotion_node', -9)) for _ in range(4)] == [False] * 3 + [True]
    assert restarts.refusal('overlay_node', -11) == ''
    now[0] = 61.0
    assert restarts.refusal('emotion_node', -9) == ''


def test_a_signal_without_a_name_is_told_by_its_number():
    assert 'signal 99' in Restarts({}).refusal('camera_node', -99)
