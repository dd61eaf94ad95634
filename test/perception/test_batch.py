"""`emotion batch`: many recordings, each exactly once, whatever dies meanwhile."""

import csv
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from awaiting import wait_for_end, wait_for_files
from PIL import Image
from rosbags import rosbag2
from rosbags.rosbag2 import StoragePlugin

from emotion_perception.bags.messages import emotion_typestore, image_message
from emotion_perception.bags.reader import BagReader
from emotion_perception.batch.discovery import find_sources
from emotion_perception.batch.job import Job, Status, finished_record, make_task
from emotion_perception.batch.run import output_folder
from emotion_perception.batch.summary import EmotionTime
from emotion_perception.batch.work import work
from emotion_perception.cli.main import main
from emotion_perception.errors import OutputError
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.types import Box, Face

SOURCE_FOLDER = Path(__file__).parents[2] / 'src'
SECOND = 10**9
# Long enough that a process can be stopped while it works on it.
LONG = 80
PATIENCE = 600


@pytest.fixture(scope='session')
def small(portrait):
    return cv2.resize(portrait, (192, 192), interpolation=cv2.INTER_AREA)


def write_clip(path, image, frames, rate=10):
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = image.shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), rate, (width, height))
    for _ in range(frames):
        writer.write(image)
    writer.release()
    return path


def write_bag(path, image, frames):
    path.parent.mkdir(parents=True, exist_ok=True)
    store = emotion_typestore()
    kind, types = 'sensor_msgs/msg/Image', store.types
    with rosbag2.Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection('/image_raw', kind, typestore=store)
        for index in range(frames):
            stamp = types['builtin_interfaces/msg/Time'](sec=100 + index, nanosec=0)
            header = types['std_msgs/msg/Header'](stamp=stamp, frame_id='camera')
            data = store.serialize_cdr(image_message(store, header, image), kind)
            writer.write(connection, (100 + index) * SECOND, data)
    return path


def frame_count(path):
    capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.grab():
        count += 1
    capture.release()
    return count


def line_count(path):
    return len([json.loads(line) for line in path.read_text().splitlines()])


def summary_of(out):
    """The summary's records by source name, after a check that no source is in it twice."""
    document = json.loads((out / 'summary.json').read_text())
    rows = list(csv.DictReader((out / 'summary.csv').open(newline='')))
    sources = [record['source'] for record in document['sources']]
    assert len(set(sources)) == len(sources) == document['totals']['sources']
    assert [row['source'] for row in rows] == sources
    return document['totals'], {Path(r['source']).name: r for r in document['sources']}


def leftovers(out):
    """What is in the output folder beside the folders of finished sources and the summary."""
    known = {'.lock', 'summary.json', 'summary.csv'}
    return [
        p.name for p in out.iterdir() if p.name not in known and not (p / 'record.json').exists()
    ]


def assert_whole(out, record, frames):
    folder = out / record['folder']
    (lines,) = folder.glob('*.jsonl')
    (video,) = folder.glob('*.mp4')
    assert line_count(lines) == frame_count(video) == record['frames'] == frames


@pytest.fixture
def run(tiny_model, capsys):
    """Runs the command in this process, its workers in others: (exit code, stdout, stderr)."""

    def _run(*arguments):
        code = main(['batch', *map(str, arguments), '--model', str(tiny_model)])
        return code, *capsys.readouterr()

    return _run


# What is found


def test_folders_are_searched_and_a_bag_is_one_source(tmp_path):
    for name in ('b10.mp4', 'b2.MKV', 'deep/er/c.avi', 'notes.txt', '.hidden.mp4', '.git/x.mp4'):
        path = tmp_path / 'in' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    bag = tmp_path / 'in' / 'bag'
    bag.mkdir()
    (bag / 'metadata.yaml').write_text('rosbag2_bagfile_information:\n')
    (bag / 'bag_0.mcap').touch()
    (tmp_path / 'in' / 'single.mcap').touch()
    (tmp_path / 'in' / 'out' / 'x').mkdir(parents=True)
    (tmp_path / 'in' / 'out' / 'x' / 'annotated.mp4').touch()
    (tmp_path / 'link.mp4').symlink_to(tmp_path / 'in' / 'b10.mp4')
    specs = [tmp_path / 'in', tmp_path / 'link.mp4', tmp_path / 'in' / 'b*']
    sources, failures = find_sources([str(spec) for spec in specs], tmp_path / 'in' / 'out')
    assert [str(source.relative_to(tmp_path / 'in')) for source in sources] == [
        'b2.MKV', 'b10.mp4', 'bag', 'deep/er/c.avi', 'single.mcap',
    ]  # fmt: skip
    assert not failures


def test_what_gives_no_source_is_named(tmp_path):
    specs = [str(tmp_path), str(tmp_path / 'no.mp4'), str(tmp_path / '*.mp4')]
    sources, failures = find_sources(specs, tmp_path / 'out')
    assert not sources
    assert ['has no video' in str(failures[0]), 'does not exist' in str(failures[1])] == [True] * 2
    assert 'matches' in str(failures[2])


def test_what_is_no_recording_is_counted_and_an_animated_webp_is_one(tmp_path, caplog):
    folder = tmp_path / 'in'
    folder.mkdir()
    frames = [Image.new('RGB', (8, 8), shade) for shade in ('red', 'blue')]
    frames[0].save(folder / 'dance.webp', save_all=True, append_images=frames[1:], duration=100)
    frames[0].save(folder / 'still.webp')
    for name in ('b.mp4', 'a.HEIC', 'notes.txt', 'c.txt', '.hidden.txt'):
        (folder / name).touch()
    sources, failures = find_sources([str(folder)], tmp_path / 'out')
    assert [source.name for source in sources] == ['b.mp4', 'dance.webp']
    assert not failures
    counted = '(1 .HEIC, 2 .txt, 1 .webp; `emotion image` takes photos)'
    assert caplog.messages == [f'{folder}: left out is what is no recording {counted}.']
    for name in ('b.mp4', 'dance.webp'):
        (folder / name).unlink()
    _, failures = find_sources([str(folder)], tmp_path / 'out')
    assert [str(failure) for failure in failures] == [
        f'Folder {folder} has no video and no rosbag in it {counted}: check the path.'
    ]


# What is measured


def face(emotion_id):
    return Face(1, Box(0, 0, 9, 9), 1.0, None, emotion_id, 0.9, np.zeros(7, np.float32))


def test_a_frame_stands_for_the_time_until_the_next_one():
    time_of = EmotionTime()
    time_of.add(10 * SECOND, [face(3), face(3), face(4)])
    time_of.add(10 * SECOND + SECOND // 2, [face(None)])
    time_of.add(60 * SECOND, [face(3)])  # a gap in the recording is nobody's time
    time_of.add(59 * SECOND, [face(3)])  # time went back
    seconds = {name: value for name, value in time_of.seconds().items() if value}
    assert seconds == {'Happy': 1.0, 'Sad': 0.5, 'Uncertain': 1.0}


def test_frames_that_are_usually_far_apart_stand_for_their_time():
    time_of = EmotionTime()
    for number in range(5):
        time_of.add(2 * number * SECOND, [face(3)])
    assert time_of.seconds()['Happy'] == 10.0


def test_a_recording_of_one_frame_lasts_as_its_rate_says():
    time_of = EmotionTime(4.0)
    time_of.add(0, [face(3)])
    assert time_of.seconds()['Happy'] == 0.25


# One piece of work


@pytest.fixture
def job(tiny_model):
    classifier = EmotionClassifier(tiny_model)
    return Job(classifier.manifest.sha256, tiny_model, providers=ProviderSettings(num_threads=1))


def test_the_same_work_twice_leaves_the_first_result(tmp_path, small, job):
    task = make_task(write_clip(tmp_path / 'clip.avi', small, 3), job.describe())
    first = work(task, job, tmp_path / 'out')
    assert (first.status, first.frames, first.faces) == (Status.DONE, 3, 3)
    assert sum(first.emotion_seconds.values()) == pytest.approx(0.3)
    inode = (tmp_path / 'out' / task.folder).stat().st_ino
    assert work(task, job, tmp_path / 'out') == first
    assert (tmp_path / 'out' / task.folder).stat().st_ino == inode
    assert [path.name for path in (tmp_path / 'out' / '.unfinished').iterdir()] == []


def test_another_content_or_setting_replaces_the_result(tmp_path, small, job, tiny_model):
    clip, out = write_clip(tmp_path / 'clip.avi', small, 3), tmp_path / 'out'
    task = make_task(clip, job.describe())
    work(task, job, out)
    os.utime(clip, ns=(1, 1))
    touched = make_task(clip, job.describe())
    other = Job(job.model_sha256, tiny_model, products=('json',))
    fewer = make_task(clip, other.describe())
    voted = make_task(clip, replace(job, labels='ferplus').describe())
    assert len({task.key, touched.key, fewer.key, voted.key}) == 4
    assert finished_record(fewer, out) is None
    work(fewer, other, out)
    assert finished_record(fewer, out).files.keys() == {'clip.jsonl'}
    assert sorted(path.name for path in out.iterdir()) == ['.unfinished', task.folder]


def test_outputs_that_have_been_damaged_are_made_again(tmp_path, small, job):
    task = make_task(write_clip(tmp_path / 'clip.avi', small, 3), job.describe())
    work(task, job, tmp_path / 'out')
    lines = tmp_path / 'out' / task.folder / 'clip.jsonl'
    lines.write_text('')
    assert finished_record(task, tmp_path / 'out') is None
    assert work(task, job, tmp_path / 'out').status is Status.DONE
    assert line_count(lines) == 3


def test_a_clip_that_is_cut_off_keeps_what_was_read(tmp_path, small, job):
    clip = write_clip(tmp_path / 'clip.avi', small, 30)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    task = make_task(clip, job.describe())
    record = work(task, job, tmp_path / 'out')
    assert record.error and '\n' not in record.error
    if record.frames:  # some decoders refuse such a file at once
        assert record.status is Status.INCOMPLETE
        assert finished_record(task, tmp_path / 'out') == record


def test_what_fails_leaves_nothing_and_one_sentence(tmp_path, small, job):
    (tmp_path / 'text.mp4').write_text('no video')
    (tmp_path / 'empty.mcap').touch()
    for name in ('text.mp4', 'empty.mcap'):
        record = work(make_task(tmp_path / name, job.describe()), job, tmp_path / 'out')
        assert record.status is Status.FAILED and name in record.error
        assert '\n' not in record.error and not record.folder
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['.unfinished']


def test_a_model_that_is_another_one_here_is_refused(tmp_path, small, tiny_model):
    job = Job('0' * 64, tiny_model)
    task = make_task(write_clip(tmp_path / 'clip.avi', small, 2), job.describe())
    assert 'on every machine' in work(task, job, tmp_path / 'out').error


# The command


@pytest.fixture(scope='module')
def recordings(tmp_path_factory, portrait):
    """A folder with two clips of the same name, a bag, and a file that is no video."""
    folder = tmp_path_factory.mktemp('recordings')
    small = cv2.resize(portrait, (192, 192), interpolation=cv2.INTER_AREA)
    write_clip(folder / 'monday' / 'clip.avi', small, 4)
    write_clip(folder / 'tuesday' / 'clip.avi', small, 6)
    write_bag(folder / 'night', small, 3)
    (folder / 'broken.mp4').write_text('no video')
    return folder


def test_a_run_over_many_sources_and_the_next_one(run, recordings, tmp_path):
    out = tmp_path / 'out'
    code, text, error = run(recordings, '--out', out, '--jobs', 2)

    assert code == 1
    assert error.count('\n') == 1 and 'broken.mp4' in error
    assert 'sources    4 (3 done, 0 incomplete, 1 failed, 0 pending)' in text
    totals, _ = summary_of(out)
    assert (totals['frames'], totals['faces']) == (13, 13)
    # 0.4 s and 0.6 s of the clips, and three images of the bag, a second apart.
    assert totals['emotion_seconds']['Happy'] == pytest.approx(4.0)
    assert leftovers(out) == []
    clips = sorted(out.glob('clip.avi-*/clip.jsonl'), key=line_count)
    assert [line_count(clip) for clip in clips] == [4, 6]
    assert [frame_count(clip.with_suffix('.mp4')) for clip in clips] == [4, 6]
    (bag,) = out.glob('night-*/night_emotions')
    assert line_count(bag.parent / 'night.jsonl') == 3
    with BagReader(bag) as reader:
        counts = {topic.name: topic.count for topic in reader.topics}
    assert counts == {'/image_raw': 3, '/emotions': 3, '/emotions/image': 3}

    before = {path: path.stat().st_mtime_ns for path in out.rglob('record.json')}
    first = summary_of(out)
    code, _, error = run(recordings, '--out', out)
    assert code == 1 and '3 of 4 sources are finished already.' in error
    assert summary_of(out) == first
    assert {path: path.stat().st_mtime_ns for path in out.rglob('record.json')} == before


def test_only_what_is_asked_for_is_made(run, recordings, tmp_path):
    out = tmp_path / 'out'
    code, *_ = run(recordings / 'night', '--out', out, '--make', 'json', '--jobs', 1)
    assert code == 0
    (folder,) = out.glob('night-*')
    assert sorted(path.name for path in folder.iterdir()) == ['night.jsonl', 'record.json']


def test_two_runs_do_not_share_an_output_folder(run, recordings, tmp_path):
    with output_folder(tmp_path):
        with pytest.raises(OutputError, match='Another'), output_folder(tmp_path):
            pass
        code, _, error = run(recordings, '--out', tmp_path)
    assert code == 1 and error.startswith('error: Another `emotion batch`')


def test_a_link_in_the_way_of_the_lock_is_not_followed(tmp_path):
    out = tmp_path / 'out'
    out.mkdir()
    (out / '.lock').symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(OutputError, match='cannot be written'), output_folder(out):
        pass
    assert not (tmp_path / 'elsewhere').exists()


def test_wrong_usage_and_unusable_settings_are_told_once(run, recordings, tmp_path):
    out = tmp_path / 'out'
    assert run(recordings, '--out', out, '--make', 'json,films')[0] == 2
    code, _, error = run('--out', out, '--ray', recordings)[0:3]
    assert code == 2  # --ray took the source
    code, _, error = run(recordings, '--out', out, '--ray', 'somewhere')
    assert code == 1 and 'is no address of a Ray cluster' in error and error.count('\n') == 1
    code, _, error = run(recordings, '--out', out, '--detector', 'nonsense')
    assert code == 1 and 'nonsense' in error and error.count('\n') == 1
    (tmp_path / 'file').touch()
    code, _, error = run(recordings, '--out', tmp_path / 'file')
    assert code == 1 and error.count('\n') == 1


def test_a_bag_that_has_emotions_gets_new_ones_on_another_topic(run, small, tmp_path):
    first, again = tmp_path / 'first', tmp_path / 'again'
    assert run(write_bag(tmp_path / 'night', small, 1), '--out', first)[0] == 0
    (annotated,) = first.glob('*/night_emotions')
    code, _, error = run(annotated, '--out', again)
    assert code == 1 and '--output-topic' in error
    assert run(annotated, '--out', again, '--output-topic', '/emotions_again')[0] == 0
    (copy,) = again.glob('*/night_emotions_emotions')
    with BagReader(copy) as reader:
        topics = {topic.name for topic in reader.topics}
    assert topics >= {'/emotions', '/emotions_again', '/emotions_again/image'}


def test_without_ray_the_reason_is_told(run, recordings, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ray', None)
    code, _, error = run(recordings, '--out', tmp_path / 'out', '--ray')
    assert code == 1 and 'make ray-env' in error and 'Traceback' not in error


# Death and interruption, in real processes


@contextmanager
def started(*arguments, **environment):
    """`emotion batch` in a session of its own, of which nothing is left behind."""
    process = subprocess.Popen(
        [sys.executable, '-m', 'emotion_perception.cli', 'batch', *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(SOURCE_FOLDER), **environment},
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE)


def worker_on(out, name, process):
    """Waits until a process has written results of a source, and stops it there; its id."""

    def found():
        for lines in out.glob(f'.unfinished/{name}*/*.jsonl'):
            pid = _process_with(lines)
            if pid is not None and lines.stat().st_size:
                os.kill(pid, signal.SIGSTOP)
                assert lines.exists()  # it has not finished meanwhile
                return pid
        assert process.poll() is None, process.communicate()
        return None

    return wait_for_files(found, out.parent, process=process.pid)


def kill_worker_on(out, name, process):
    """SIGKILL; its next worker is another one."""
    worker = worker_on(out, name, process)
    os.kill(worker, signal.SIGKILL)
    # The dying one holds its files a moment longer, and would be taken for the next.
    wait_for_end(worker)


def _process_with(path):
    for link in Path('/proc').glob('[0-9]*/fd/*'):
        try:
            if link.readlink() == path:
                return int(link.parts[2])
        except OSError:
            continue  # another user's, or it has ended
    return None


@pytest.fixture
def clips(tmp_path, small):
    """Two clips that take a while, and one that takes longer to copy than to watch."""
    folder = tmp_path / 'clips'
    write_clip(folder / 'a.avi', small, 2)
    write_clip(folder / 'b.avi', small, LONG)
    write_clip(folder / 'c.avi', small, LONG)
    return folder


def test_a_killed_worker_loses_nothing_and_repeats_nothing(run, tmp_path, clips, tiny_model):
    out = tmp_path / 'out'
    with started(clips, '--out', out, '--jobs', 2, '--model', tiny_model) as process:
        kill_worker_on(out, 'b.avi', process)
        for _ in range(2):
            kill_worker_on(out, 'c.avi', process)
        _, error = process.communicate(timeout=PATIENCE)

    assert process.returncode == 1
    assert error.count('\n') == 1 and 'c.avi' in error and '2 times (SIGKILL)' in error
    totals, records = summary_of(out)
    assert [records[name]['status'] for name in sorted(records)] == ['done', 'done', 'failed']
    assert_whole(out, records['a.avi'], 2)
    assert_whole(out, records['b.avi'], LONG)
    assert totals['frames'] == LONG + 2
    assert leftovers(out) == []

    assert run(clips, '--out', out, '--jobs', 1)[0] == 0
    assert_whole(out, summary_of(out)[1]['c.avi'], LONG)


@pytest.mark.parametrize(
    ('number', 'code'), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_after_an_interruption_the_rest_is_done(run, tmp_path, clips, tiny_model, number, code):
    out = tmp_path / 'out'
    with started(clips, '--out', out, '--jobs', 1, '--model', tiny_model) as process:
        os.kill(worker_on(out, 'b.avi', process), signal.SIGCONT)
        # A terminal sends its signals to all of its processes.
        send = process.send_signal if number == signal.SIGTERM else partial(os.killpg, process.pid)
        send(number)
        _, error = process.communicate(timeout=PATIENCE)

    assert process.returncode == code and error == ''
    _, records = summary_of(out)
    assert [records[name]['status'] for name in sorted(records)] == ['done', 'pending', 'pending']
    assert len(list(out.glob('*/record.json'))) == 1
    assert leftovers(out) == []

    if number != signal.SIGINT:
        return  # the rest is the same
    kept = (out / records['a.avi']['folder']).stat().st_ino
    assert run(clips, '--out', out)[0] == 0
    _, records = summary_of(out)
    assert [records[name]['frames'] for name in sorted(records)] == [2, LONG, LONG]
    assert (out / records['a.avi']['folder']).stat().st_ino == kept


def test_when_the_command_itself_is_killed_its_workers_end(run, tmp_path, clips, tiny_model):
    out = tmp_path / 'out'
    with started(clips, '--out', out, '--jobs', 1, '--model', tiny_model) as process:
        worker = worker_on(out, 'b.avi', process)
        process.kill()
        process.wait(PATIENCE)
        os.kill(worker, signal.SIGCONT)
        wait_for_end(worker)
    assert not list(out.glob('c.avi-*'))
    assert run(clips, '--out', out)[0] == 0
    assert summary_of(out)[0]['frames'] == 2 * LONG + 2


# Ray


def listening_addresses(mark):
    """Addresses at which the processes listen that have `mark` in their environment."""
    sockets = set()
    for environment in Path('/proc').glob('[0-9]*/environ'):
        try:
            if mark.encode() in environment.read_bytes():
                links = [str(link.readlink()) for link in (environment.parent / 'fd').iterdir()]
                sockets |= {link[8:-1] for link in links if link.startswith('socket:[')}
        except OSError:
            continue
    lines = [
        line.split()
        for table in ('/proc/net/tcp', '/proc/net/tcp6')
        for line in Path(table).read_text().splitlines()[1:]
    ]
    return {_address(line[1]) for line in lines if line[3] == '0A' and line[9] in sockets}


def _address(text):
    words = bytes.fromhex(text.split(':')[0])
    swapped = b''.join(words[i : i + 4][::-1] for i in range(0, len(words), 4))
    family = socket.AF_INET if len(swapped) == 4 else socket.AF_INET6
    return socket.inet_ntop(family, swapped).removeprefix('::ffff:')


@pytest.mark.skipif(
    importlib.util.find_spec('ray') is None, reason='ray is not installed: make ray-env'
)
@pytest.mark.slow
def test_ray_loses_nothing_and_repeats_nothing_when_a_worker_is_killed(
    run, tmp_path, clips, tiny_model
):
    out = tmp_path / 'out'
    (clips / 'd.mp4').write_text('no video')
    # Its socket files need a short path.
    folder = tempfile.mkdtemp(prefix='ray')
    options = ('--ray', '--jobs', 2, '--model', tiny_model)
    home = tmp_path / 'home'
    home.mkdir()
    try:
        with started(clips, '--out', out, *options, RAY_TMPDIR=folder, HOME=str(home)) as process:
            worker = worker_on(out, 'b.avi', process)
            settings = Path('/proc', str(worker), 'environ').read_bytes().split(b'\0')
            addresses = listening_addresses(f'RAY_TMPDIR={folder}')
            os.kill(worker, signal.SIGKILL)
            _, error = process.communicate(timeout=PATIENCE)
    finally:
        shutil.rmtree(folder, ignore_errors=True)

    assert addresses == {'127.0.0.1'}
    assert b'RAY_AUTH_MODE=token' in settings
    # A token that is kept there would lock the user out of the clusters that `ray start` makes.
    assert not (home / '.ray').exists()
    assert process.returncode == 1
    assert error.count('\n') == 1 and 'd.mp4' in error
    totals, records = summary_of(out)
    assert sorted(records) == ['a.avi', 'b.avi', 'c.avi', 'd.mp4']
    assert [records[name]['status'] for name in sorted(records)] == ['done'] * 3 + ['failed']
    for name, frames in (('a.avi', 2), ('b.avi', LONG), ('c.avi', LONG)):
        assert_whole(out, records[name], frames)
    assert totals['frames'] == 2 * LONG + 2
    assert leftovers(out) == []

    # What the cluster did counts on this machine too.
    code, _, error = run(clips, '--out', out, '--jobs', 1)
    assert code == 1 and '3 of 4 sources are finished already.' in error
