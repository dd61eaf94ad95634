"""Names of files are bytes, and standard streams are what the shell gives: `emotion` as started."""

import json
import os
import shutil
import subprocess
import sys

import cv2
import numpy as np
import pytest

from emotion_perception.sources import open_source

NOT_UTF8 = os.fsdecode(b'caf\xe9')


@pytest.fixture(scope='module')
def clip(tmp_path_factory, portrait):
    path = tmp_path_factory.mktemp('clip') / 'clip.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), 10, (512, 512))
    for _ in range(3):
        writer.write(portrait)
    writer.release()
    return path


@pytest.fixture
def photo(tmp_path, portrait):
    path = tmp_path / 'photo.png'
    assert cv2.imwrite(str(path), portrait)
    return path


@pytest.fixture
def emotion(tiny_model, tmp_path):
    """Starts the command as a shell does: (exit code, stdout, stderr), streams as bytes."""

    def run(*arguments, **options):
        command = [sys.executable, '-m', 'emotion_perception.cli', *arguments]
        command += ['--model', tiny_model, '--detector', 'haar']
        options.setdefault('stdout', subprocess.PIPE)
        done = subprocess.run(
            command, cwd=tmp_path, stderr=subprocess.PIPE, check=False, timeout=120, **options
        )
        assert b'Traceback' not in done.stderr, done.stderr.decode(errors='replace')
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize('name', [NOT_UTF8, '12:30:05', 'concat:a|b', '-x', 'a\x1b[31mb'])
def test_a_video_of_any_name_is_read(emotion, clip, tmp_path, name):
    path = shutil.copy(clip, tmp_path / f'{name}.avi')
    with open_source(str(path)) as source:
        assert len(list(source)) == 3
    code, out, _ = emotion('video', f'./{name}.avi', '-o', f'./{name}.mp4', '--json', 'lines')
    assert code == 0
    assert (tmp_path / f'{name}.mp4').exists()
    assert b'\x1b' not in out


def test_photos_of_any_name_are_read_one_after_the_other(emotion, photo, tmp_path):
    shutil.copy(photo, tmp_path / f'{NOT_UTF8}.png')
    code, out, _ = emotion('image', f'{NOT_UTF8}.png', 'photo.png', '--json', 'lines')
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == [b'caf\\udce9.png', b'photo.png']
    assert len((tmp_path / 'lines').read_bytes().splitlines()) == 2


@pytest.mark.parametrize('encoding', ['ascii', 'utf-8:strict'])
def test_a_terminal_that_cannot_show_a_name_ends_nothing(emotion, photo, tmp_path, encoding):
    shutil.copy(photo, tmp_path / 'é.png')
    env = {**os.environ, 'PYTHONIOENCODING': encoding}
    code, out, _ = emotion('image', 'é.png', 'photo.png', env=env)
    assert code == 0
    assert len(out.splitlines()) == 2


def test_a_closed_standard_output_ends_nothing(tiny_model, photo):
    command = [
        sys.executable,
        '-m',
        'emotion_perception.cli',
        'image',
        photo,
        '--model',
        tiny_model,
    ]
    done = subprocess.run(
        ['sh', '-c', '"$@" >&-', 'sh', *command], stderr=subprocess.PIPE, check=False, timeout=120
    )
    assert (done.returncode, done.stderr) == (0, b'')


def test_a_dash_is_the_standard_output(emotion, photo, clip, tmp_path):
    code, out, err = emotion('image', 'photo.png', '--json', '-')
    assert code == 0
    assert json.loads(out)['file'] == 'photo.png'
    code, out, err = emotion('video', str(clip), '--json', '-')
    assert code == 0
    assert [json.loads(line)['image_width'] for line in out.splitlines()] == [512] * 3
    assert b'frames     3 ' in err
    assert not (tmp_path / '-').exists()


@pytest.mark.parametrize('name', ['out.heic', 'out.xyz', 'out.mp4'])
def test_an_output_that_is_no_image_makes_no_folder(emotion, photo, tmp_path, name):
    code, _, err = emotion('image', 'photo.png', '-o', name)
    assert code == 1
    assert f"cannot be written as '{name}'".encode() in err
    assert not (tmp_path / name).exists()


def test_an_address_is_told_from_a_path(emotion):
    code, _, err = emotion('image', 'https://example.com/a.jpg')
    assert code == 1
    assert b'https://example.com/a.jpg is an address: download the photo first.' in err


def test_the_only_copy_of_a_video_is_not_overwritten_by_another_name(emotion, clip, tmp_path):
    shutil.copy(clip, tmp_path / 'one.avi')
    os.link(tmp_path / 'one.avi', tmp_path / 'other.avi')
    before = (tmp_path / 'one.avi').read_bytes()
    code, _, err = emotion('video', 'one.avi', '-o', 'other.avi')
    assert code == 1
    assert b'other.avi is read or written already' in err
    assert (tmp_path / 'one.avi').read_bytes() == before


def test_one_file_does_not_take_two_outputs(emotion, photo, tmp_path):
    code, _, err = emotion('image', 'photo.png', '-o', 'same.png', '--json', 'same.png')
    assert code == 1
    assert b'same.png is read or written already' in err
    assert not (tmp_path / 'same.png').exists()
    assert np.any(cv2.imread(str(photo)))
