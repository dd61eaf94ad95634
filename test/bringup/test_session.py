"""`emotion nodes`: the three nodes on a clip, from one command."""

import argparse
import json
import os
import threading

import cv2
import numpy as np
import pytest
import rclpy
from processes import assert_one_sentence, finish, interrupt, run, start
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rosbags.highlevel import AnyReader

from emotion_bringup import qos
from emotion_bringup.parameter_tables import REPLAY
from emotion_bringup.session.arguments import add_arguments, options_from
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.errors import OutputError
from emotion_perception.files.resources import config_path

EMOTION = ['-m', 'emotion_perception.cli', 'nodes']
# A face, nobody, the face again: the gap is shorter than a track lives.
FACES = [1] * 6 + [0] * 4 + [1] * 6


@pytest.fixture(scope='module')
def clip(tmp_path_factory, astronaut):
    """A folder of images; lossless, so that every run sees the same."""
    folder = tmp_path_factory.mktemp('clip')
    half = cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)
    for number, faces in enumerate(FACES):
        image = np.roll(half, 2 * number, axis=1) if faces else np.full_like(half, 120)
        cv2.imwrite(str(folder / f'{number:02}.png'), image)
    return folder


@pytest.fixture(scope='module')
def params_file(tmp_path_factory):
    """The shipped parameters at 30 frames per second."""
    text = config_path('emotion.yaml').read_text()
    file = tmp_path_factory.mktemp('params') / 'fast.yaml'
    text = text.replace('framerate: 0.0', 'framerate: 30.0')
    # Long before a calm face is known, the first smile is an event.
    text = text.replace('event_measure: change', 'event_measure: probability')
    for name, now, then in (('start', 1.2, 0.2), ('end', 0.6, 0.15), ('shortest', 0.3, 0.05)):
        assert f'event_{name}: {now}' in text
        text = text.replace(f'event_{name}: {now}', f'event_{name}: {then}')
    file.write_text(text)
    return file


@pytest.fixture
def domain_of_tests():
    context = Context()
    rclpy.init(context=context)
    yield context
    context.try_shutdown()


@pytest.fixture(scope='module')
def session(clip, params_file, model_path, tmp_path_factory):
    """One run with every output."""
    folder = tmp_path_factory.mktemp('out')
    outputs = ['--video', folder / 'out.mp4', '--json', folder / 'out.jsonl']
    outputs += ['--record', folder / 'bag', '--people', '--gaze']
    code, out, err = run(arguments(clip, params_file, model_path, *outputs))
    assert code == 0, err
    return folder, out, err


def arguments(source, params_file, model, *more):
    options = ['--source', source, '--params-file', params_file, '--model', model, *more]
    return [*EMOTION, *map(str, options)]


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def stamps(lines):
    return [line['stamp']['sec'] * 10**9 + line['stamp']['nanosec'] for line in lines]


def video_frames(path):
    capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.read()[0]:
        count += 1
    return count


# --- a clip ------------------------------------------------------------------------------------


def test_every_frame_is_processed_once_and_in_order(session):
    lines = records(session[0] / 'out.jsonl')
    assert [len(line['faces']) for line in lines] == FACES
    assert (np.diff(stamps(lines)) > 0).all()
    assert {(line['image_width'], line['image_height']) for line in lines} == {(256, 256)}


def test_json_on_the_standard_output_stands_there_alone(clip, params_file, model_path, tmp_path):
    """Fast DDS prints its errors to the standard output: in every process of the session."""
    profile = tmp_path / 'profile.xml'
    profile.write_text('<dds')
    broken = {f'{name}_DEFAULT_PROFILES_FILE': str(profile) for name in ('FASTRTPS', 'FASTDDS')}
    code, out, err = run(arguments(clip, params_file, model_path, '--json', '-'), **broken)
    assert code == 0, err
    assert [len(json.loads(line)['faces']) for line in out.splitlines()] == FACES
    assert f'frames     {len(FACES)} (4 without a face)' in err
    assert err.count(f"Error parsing '{profile}'") >= 3


def test_the_face_keeps_its_track_id(session):
    lines = records(session[0] / 'out.jsonl')
    assert {face['track_id'] for line in lines for face in line['faces']} == {1}


def test_the_video_has_every_frame(session):
    assert video_frames(session[0] / 'out.mp4') == len(FACES)


def test_the_console_shows_a_line_per_frame_and_a_summary(session):
    folder, out, err = session
    lines = out.splitlines()
    assert sum('  #1 ' in line for line in lines) == sum(FACES)
    assert sum('no face' in line for line in lines) == len(FACES) - sum(FACES)
    summary = next(line for line in lines if line.startswith('frames '))
    assert f' {len(FACES)} (' in summary
    assert any(line.startswith('latency') for line in lines)
    for name in ('out.mp4', 'out.jsonl', 'bag'):
        assert f'wrote {folder / name}' in lines
    assert 'Traceback' not in err
    assert 'error' not in err.lower()


def test_what_happens_on_a_face_is_told_between_the_lines(session):
    lines = session[1].splitlines()
    assert '#1 starts to look Happy' in lines


def test_gazes_are_estimated_on_request(session):
    faces = [face for record in records(session[0] / 'out.jsonl') for face in record['faces']]
    assert all(face['head']['looking_at_camera'] is not None for face in faces)


def test_the_bag_holds_every_message(session):
    with AnyReader([session[0] / 'bag']) as bag:
        counts = {topic: info.msgcount for topic, info in bag.topics.items()}
        events = [
            bag.deserialize(data, connection.msgtype)
            for connection, _, data in bag.messages()
            if connection.topic == '/emotions/events'
        ]
    assert counts.pop('/emotions/events') == len(events)
    assert (events[0].kind, events[0].emotion, events[0].track_id) == (0, 'Happy', 1)
    assert counts == {
        '/camera/image_raw': len(FACES),
        '/camera/camera_info': len(FACES),
        '/emotions': len(FACES),
        '/emotions/labels': 1,
    }


def test_a_recorded_bag_replays_to_the_same_results(session, model_path, tmp_path):
    """In a namespace and without the console lines, which must not matter."""
    folder, _, _ = session
    again = tmp_path / 'again.jsonl'
    shipped = config_path('emotion.yaml')
    options = ['--json', again, '--quiet', '--namespace', 'robot1']
    code, out, err = run(arguments(folder / 'bag', shipped, model_path, *options))
    assert code == 0, err
    assert '#1 ' not in out
    first, second = records(folder / 'out.jsonl'), records(again)
    assert stamps(first) == stamps(second)
    for before, after in zip(first, second, strict=True):
        assert len(before['faces']) == len(after['faces'])
        for live, replayed in zip(before['faces'], after['faces'], strict=True):
            for name in ('track_id', 'emotion', 'emotion_id', 'box'):
                assert live[name] == replayed[name]
            assert live['probabilities'] == pytest.approx(replayed['probabilities'], abs=2e-4)


# --- Ctrl-C ------------------------------------------------------------------------------------


def test_ctrl_c_ends_a_looped_session_with_everything_written(
    clip, params_file, model_path, tmp_path
):
    video, lines = tmp_path / 'out.mp4', tmp_path / 'out.jsonl'
    options = '--loop', '--video', video, '--json', lines, '--log-level', 'info'
    process = start(arguments(clip, params_file, model_path, *options))
    printed = []
    enough = threading.Event()

    def read():
        for line in process.stdout:
            printed.append(line)
            if len(printed) > len(FACES) + 4:
                enough.set()
        enough.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        assert enough.wait(60)
        process.send_signal(2)
        code = process.wait(60)
        err = process.stderr.read()
        reader.join(10)
    finally:
        process.kill()
    assert code == 0, err
    assert 'Traceback' not in err
    processed = len(records(lines))
    assert processed > len(FACES)
    # The overlay draws every processed frame; the last ones may come after the monitor has left.
    assert video_frames(video) >= processed, err
    assert any(line.startswith('frames ') for line in printed)


def test_two_sessions_do_not_hear_each_other(clip, params_file, model_path, tmp_path):
    files = [tmp_path / f'{number}.jsonl' for number in range(2)]
    sessions = [
        start(arguments(clip, params_file, model_path, '--no-overlay', '--json', file))
        for file in files
    ]
    ended = [finish(each) for each in sessions]
    domains = {err.partition('ROS domain ')[2].partition(',')[0] for _, _, err in ended}
    assert [code for code, *_ in ended] == [0, 0], ended
    assert len(domains) == 2, ended
    assert [len(records(file)) for file in files] == [len(FACES), len(FACES)]


def test_a_session_in_a_domain_of_the_user_is_heard_by_others(
    clip, params_file, model_path, domain_of_tests
):
    node = rclpy.create_node('listener', context=domain_of_tests)
    heard = []
    node.create_subscription(FaceEmotionArray, '/emotions', heard.append, qos.emotions(REPLAY))
    # Without end: nothing waits until a listener from outside is found.
    words = ['--no-overlay', '--loop', '--domain-id', os.environ['ROS_DOMAIN_ID']]
    process = start(arguments(clip, params_file, model_path, *words))
    executor = SingleThreadedExecutor(context=domain_of_tests)
    executor.add_node(node)
    try:
        while not heard and process.poll() is None:
            executor.spin_once(timeout_sec=0.1)
        code, _, err = interrupt(process)
    finally:
        executor.shutdown()
        node.destroy_node()
    assert code == 0, err
    assert heard
    assert 'of this run alone' not in err


# --- mistakes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    'words', [['--video', 'in.mp4'], ['--json', 'a', '--timeline', 'a'], ['--mcap', './in.mp4']]
)
def test_an_output_that_is_read_or_written_already(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'in.mp4').write_bytes(b'the only copy')
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(OutputError, match='is read or written already'):
        options_from(parser.parse_args(['--source', 'in.mp4', *words]))


def test_a_missing_source(tmp_path):
    missing = tmp_path / 'missing.mp4'
    code, _, err = run([*EMOTION, '--source', str(missing)])
    assert code == 1
    assert_one_sentence(err, missing, 'does not exist')


def test_a_missing_parameter_file(tmp_path, clip, model_path):
    missing = tmp_path / 'missing.yaml'
    code, _, err = run(arguments(clip, missing, model_path))
    assert code == 1
    assert_one_sentence(err, missing, 'does not exist')


def test_a_missing_model(tmp_path, clip, params_file):
    missing = tmp_path / 'missing.onnx'
    code, _, err = run(arguments(clip, params_file, missing))
    assert code == 1
    assert 'Traceback' not in err
    (cause,) = [line for line in err.splitlines() if str(missing) in line]
    assert 'does not exist: set --model to' in cause
    assert 'emotion_node' in err


def test_outputs_that_cannot_be_written(tmp_path, clip, params_file, model_path):
    blocked = tmp_path / 'file'
    blocked.write_text('no folder')
    code, _, err = run(arguments(clip, params_file, model_path, '--json', blocked / 'out.jsonl'))
    assert code == 1
    assert_one_sentence(err, blocked)


def test_an_existing_bag_is_not_overwritten(session, clip, params_file, model_path):
    bag = session[0] / 'bag'
    code, _, err = run(arguments(clip, params_file, model_path, '--record', bag))
    assert code == 1
    assert_one_sentence(err, bag, 'exists already')


@pytest.mark.parametrize('content', ['empty folder', 'empty file', 'truncated bag'])
def test_bags_that_hold_nothing(session, tmp_path, content):
    source = tmp_path / 'bag'
    if content == 'empty folder':
        source.mkdir()
    elif content == 'empty file':
        source = tmp_path / 'bag.mcap'
        source.write_bytes(b'')
    else:
        source = tmp_path / 'bag.mcap'
        (original,) = (session[0] / 'bag').glob('*.mcap')
        source.write_bytes(original.read_bytes()[:2000])
    code, _, err = run([*EMOTION, '--source', str(source)])
    assert code == 1
    assert_one_sentence(err, source)
