"""A bag is there as a whole or not at all: kills, second runs, and what may be replaced."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from awaiting import wait_for_files

from emotion_perception.bags.annotate import AnnotateOptions, annotate_bag
from emotion_perception.bags.messages import emotion_typestore, image_message
from emotion_perception.bags.reader import BagReader
from emotion_perception.bags.writer import BagWriter
from emotion_perception.cli.main import main
from emotion_perception.errors import BagError

SOURCE_FOLDER = Path(__file__).parents[2] / 'src'
TEXT = b'\x00\x01\x00\x00\x02\x00\x00\x00a\x00'
IMAGE = 'sensor_msgs/msg/Image'
LOCK = 'emotion_bringup.lock'


class Nobody:
    """A pipeline that sees no face: here only the bag matters."""

    def process(self, image, stamp_ns):
        return []


def write_text(path, count, **options):
    with BagWriter(path, **options) as writer:
        topic = writer.add_topic('/text', 'std_msgs/msg/String')
        for index in range(count):
            writer.write(topic, index + 1, TEXT)


def message_count(path):
    with BagReader(path) as reader:
        return sum(1 for _ in reader.messages())


def write_images(path, count):
    types = emotion_typestore()
    stamp = types.types['builtin_interfaces/msg/Time'](sec=5, nanosec=0)
    header = types.types['std_msgs/msg/Header'](stamp=stamp, frame_id='camera')
    image = np.full((120, 160, 3), 90, np.uint8)
    with BagWriter(path, typestore=types) as writer:
        topic = writer.add_topic('/image_raw', IMAGE)
        data = types.serialize_cdr(image_message(types, header, image), IMAGE)
        for index in range(count):
            writer.write(topic, 10**18 + index, data)
    return path


@pytest.fixture
def recording(tmp_path):
    return write_images(tmp_path / 'in' / 'recording', 4)


def snapshot(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_after_a_kill_there_is_no_bag_and_the_next_run_starts_anew(tmp_path, tiny_model):
    recording = write_images(tmp_path / 'in' / 'recording', 3000)
    before, target = snapshot(recording), tmp_path / 'out' / 'bag'
    arguments = ['annotate-bag', str(recording), str(target), '--model', str(tiny_model)]
    process = subprocess.Popen(
        [sys.executable, '-m', 'emotion_perception.cli', *arguments, '--compressed'],
        env={**os.environ, 'PYTHONPATH': str(SOURCE_FOLDER)},
        stderr=subprocess.PIPE,
    )
    storage = tmp_path / 'out' / '.bag.unfinished' / 'bag' / 'bag.mcap'

    def has_grown():
        assert process.poll() is None, process.stderr.read()
        return storage.exists() and storage.stat().st_size > 1 << 20

    wait_for_files(has_grown, tmp_path, process=process.pid)
    process.kill()
    process.communicate()

    assert names(target.parent) == ['.bag.unfinished']
    assert snapshot(recording) == before
    small = write_images(tmp_path / 'in' / 'small', 2)
    assert annotate_bag(small, target, Nobody()).images == 2
    assert names(target.parent) == ['bag']
    assert message_count(target) == 6


def test_an_input_that_cannot_be_written_is_read(tmp_path, recording):
    before = snapshot(recording)
    for path in (*recording.iterdir(), recording, recording.parent):
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        annotate_bag(recording, tmp_path / 'out', Nobody())
    finally:
        for path in (recording.parent, recording):
            path.chmod(0o755)
    assert snapshot(recording) == before
    assert names(recording.parent) == ['recording']


def test_two_runs_do_not_write_the_same_bag(tmp_path):
    with BagWriter(tmp_path / 'bag') as writer:
        with pytest.raises(BagError, match='written by another process'):
            BagWriter(tmp_path / 'bag')
        topic = writer.add_topic('/text', 'std_msgs/msg/String')
        writer.write(topic, 1, TEXT)
    assert message_count(tmp_path / 'bag') == 1


def test_a_folder_of_somebody_else_is_left_alone(tmp_path):
    other = tmp_path / '.bag.unfinished'
    other.mkdir()
    (other / 'thesis.txt').write_text('years of work')
    with pytest.raises(BagError, match='was not made by this program'):
        BagWriter(tmp_path / 'bag')
    assert (other / 'thesis.txt').read_text() == 'years of work'


def test_a_link_in_the_way_of_the_unfinished_bag_is_not_followed(tmp_path):
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.mkdir()
    (tmp_path / '.bag.unfinished').symlink_to(elsewhere)
    with pytest.raises(BagError, match='is in the way'):
        BagWriter(tmp_path / 'bag')
    assert not [*elsewhere.iterdir()]


def test_overwriting_replaces_a_bag_only_once_the_new_one_is_complete(tmp_path):
    write_text(tmp_path / 'bag', 3)
    with pytest.raises(BagError, match='exists already'):
        write_text(tmp_path / 'bag', 5)
    with pytest.raises(KeyError), BagWriter(tmp_path / 'bag', overwrite=True):
        raise KeyError
    assert message_count(tmp_path / 'bag') == 3
    write_text(tmp_path / 'bag', 5, overwrite=True)
    assert message_count(tmp_path / 'bag') == 5
    assert names(tmp_path) == ['bag']


@pytest.mark.parametrize('kind', ['folder', 'file', 'link'])
def test_nothing_but_a_bag_is_overwritten(tmp_path, kind):
    path = tmp_path / 'bag'
    if kind == 'folder':
        path.mkdir()
        (path / 'thesis.txt').write_text('years of work')
    elif kind == 'file':
        path.write_text('years of work')
    else:
        write_text(tmp_path / 'real', 1)
        path.symlink_to(tmp_path / 'real')
    with pytest.raises(BagError, match='is not overwritten'):
        BagWriter(path, overwrite=True)
    assert os.path.lexists(path)


def test_a_run_that_ended_while_replacing_gives_the_old_bag_back(tmp_path):
    write_text(tmp_path / 'bag', 3)
    folder = tmp_path / '.bag.unfinished'
    folder.mkdir()
    (folder / LOCK).touch()
    (tmp_path / 'bag').rename(folder / 'replaced')
    with pytest.raises(BagError, match='exists already'):
        write_text(tmp_path / 'bag', 5)
    assert message_count(tmp_path / 'bag') == 3
    assert names(tmp_path) == ['bag']


def test_a_leftover_is_taken_for_one_only_while_nobody_holds_its_lock(tmp_path):
    folder = tmp_path / '.bag.unfinished'
    folder.mkdir()
    with (folder / LOCK).open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BagError, match='written by another process'):
            BagWriter(tmp_path / 'bag')
    write_text(tmp_path / 'bag', 1)
    assert names(tmp_path) == ['bag']


def test_the_bag_itself_is_never_the_target(recording):
    before = snapshot(recording)
    for target in (recording, recording.parent):
        with pytest.raises(BagError, match='choose another folder'):
            annotate_bag(recording, target, Nobody(), AnnotateOptions(overwrite=True))
    assert snapshot(recording) == before


def test_the_option_of_the_command(recording, tmp_path, tiny_model, capsys):
    write_text(tmp_path / 'out', 3)
    arguments = ['annotate-bag', str(recording), str(tmp_path / 'out'), '--model', str(tiny_model)]
    assert main(arguments) == 1
    assert 'exists already' in capsys.readouterr().err
    assert main([*arguments, '--overwrite']) == 0
    assert message_count(tmp_path / 'out') == 12
