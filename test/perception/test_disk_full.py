"""A disk that fills up while something is written: one sentence, and what was written stays.

The disk is a real one of some hundred kilobytes where mounting is allowed, and otherwise a limit on
the size of files.
"""

import errno
import json
import os
import resource
import subprocess
from contextlib import contextmanager

import cv2
import numpy as np
import pytest

from emotion_perception.bags.messages import emotion_typestore, image_message
from emotion_perception.bags.reader import BagReader
from emotion_perception.bags.writer import BagWriter
from emotion_perception.cli.main import main
from emotion_perception.errors import BagError, OutputError
from emotion_perception.outputs.results import JsonLinesWriter

FULL = (os.strerror(errno.ENOSPC), os.strerror(errno.EFBIG), 'disk is full', 'exit code -25')
IMAGE = 'sensor_msgs/msg/Image'


@contextmanager
def small_disk(folder, kilobytes):
    """A disk of a given size on a folder."""
    folder.mkdir()
    command = ['mount', '-t', 'tmpfs', '-o', f'size={kilobytes}k', 'tmpfs', str(folder)]
    try:
        is_mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        is_mounted = False
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if not is_mounted:
        resource.setrlimit(resource.RLIMIT_FSIZE, (kilobytes << 10, before[1]))
    try:
        yield folder
    finally:
        if is_mounted:
            subprocess.run(['umount', '-l', str(folder)], check=True)
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def one_sentence(text):
    assert text.startswith('error: ') and text.count('\n') == 1, text
    assert any(reason in text for reason in FULL), text
    return True


def whole_lines(path):
    text = path.read_text()
    assert text.endswith('\n')
    return [json.loads(line) for line in text.splitlines()]


def frame_count(path):
    capture, count = cv2.VideoCapture(str(path)), 0
    while capture.read()[0]:
        count += 1
    capture.release()
    return count


@pytest.fixture
def emotion(tiny_model, capsys):
    def run(command, *arguments):
        options = ['--model', str(tiny_model), '--min-face-size', '200']
        code = main([command, *map(str, arguments), *options])
        return code, capsys.readouterr().err

    return run


@pytest.fixture
def noise(tmp_path):
    """A folder of images that no encoder makes small."""
    folder, random = tmp_path / 'noise', np.random.default_rng(1)
    folder.mkdir()
    for index in range(64):
        image = random.integers(0, 255, (120, 160, 3), np.uint8)
        cv2.imwrite(str(folder / f'{index:03}.png'), image)
    return folder


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.avi'])
def test_a_video_that_finds_no_space_keeps_its_first_part(emotion, noise, tmp_path, suffix):
    lines = tmp_path / 'out.jsonl'
    with small_disk(tmp_path / 'disk', 400) as disk:
        video = disk / f'out{suffix}'
        code, error = emotion('video', noise, '-o', video, '--json', lines, '--quiet')
        assert code == 1 and one_sentence(error)
        assert [path.name for path in disk.iterdir()] == [video.name]
        assert 0 < frame_count(video) < 64
    assert 0 < len(whole_lines(lines)) <= 64


def test_json_lines_that_find_no_space_stay_whole(emotion, noise, tmp_path):
    video = tmp_path / 'out.mp4'
    with small_disk(tmp_path / 'disk', 4) as disk:
        code, error = emotion('video', noise, '--json', disk / 'out.jsonl', '-o', video, '--quiet')
        assert code == 1 and one_sentence(error)
        count = len(whole_lines(disk / 'out.jsonl'))
        assert 0 < count < 64
    assert frame_count(video) == count


def test_a_line_that_fits_in_part_is_taken_back(tmp_path):
    with small_disk(tmp_path / 'disk', 8) as disk:
        writer = JsonLinesWriter(disk / 'out.jsonl')
        writer.write({'a': 'x' * 5000})
        with pytest.raises(OutputError, match='cannot be written'):
            writer.write({'b': 'y' * 5000})
        writer.close()
        assert [list(record) for record in whole_lines(disk / 'out.jsonl')] == [['a']]


def test_a_image_that_finds_no_space_leaves_the_old_one(emotion, photo, tmp_path):
    with small_disk(tmp_path / 'disk', 64) as disk:
        target = disk / 'out.png'
        cv2.imwrite(str(target), np.zeros((8, 8, 3), np.uint8))
        code, error = emotion('image', photo, '-o', target)
        assert code == 1 and one_sentence(error)
        assert [path.name for path in disk.iterdir()] == ['out.png']
        assert cv2.imread(str(target)).shape == (8, 8, 3)


@pytest.fixture(params=['mcap', 'sqlite3'])
def recording(request, tmp_path):
    types = emotion_typestore()
    time = types.types['builtin_interfaces/msg/Time'](sec=5, nanosec=0)
    header = types.types['std_msgs/msg/Header'](stamp=time, frame_id='camera')
    image = np.random.default_rng(2).integers(0, 255, (120, 160, 3), np.uint8)
    with BagWriter(tmp_path / 'recording', storage=request.param, typestore=types) as writer:
        topic = writer.add_topic('/image_raw', IMAGE)
        for index in range(20):
            data = types.serialize_cdr(image_message(types, header, image), IMAGE)
            writer.write(topic, 10**18 + index * 10**8, data)
    return tmp_path / 'recording'


@pytest.mark.parametrize('kilobytes', [16, 700])
def test_a_bag_that_finds_no_space_leaves_nothing(emotion, recording, tmp_path, kilobytes):
    with small_disk(tmp_path / 'disk', kilobytes) as disk:
        code, error = emotion('annotate-bag', recording, disk / 'out')
        assert code == 1 and one_sentence(error)
        assert list(disk.iterdir()) == []
    with BagReader(recording) as reader:
        assert sum(1 for _ in reader.messages()) == 20


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_bag_can_be_written_once_there_is_space_again(tmp_path, storage):
    with small_disk(tmp_path / 'disk', 300) as disk:
        (disk / 'bag').parent.mkdir(exist_ok=True)
        writer = BagWriter(disk / 'bag', storage=storage)
        topic = writer.add_topic('/a', 'std_msgs/msg/String')
        with pytest.raises(BagError, match='cannot be written'):
            for index in range(2000):
                writer.write(topic, index, b'\x00\x01\x00\x00' + bytes(4096))
            writer.close()
        writer.abort()
        with BagWriter(disk / 'bag', storage=storage) as writer:
            topic = writer.add_topic('/a', 'std_msgs/msg/String')
            writer.write(topic, 1, b'\x00\x01\x00\x00\x02\x00\x00\x00a\x00')
        with BagReader(disk / 'bag') as reader:
            assert len(list(reader.messages())) == 1
