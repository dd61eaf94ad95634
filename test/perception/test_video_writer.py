"""Video files: playable, whole, and left readable by an interrupted run."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from awaiting import wait_for_end, wait_for_files

import emotion_perception
from emotion_perception.errors import ImageFormatError, OutputError
from emotion_perception.outputs import video_writer
from emotion_perception.outputs.video_writer import VideoWriter

FFMPEG = pytest.importorskip('imageio_ffmpeg').get_ffmpeg_exe()


def sample_image(index, width=96, height=64):
    """A grey image whose brightness tells its number."""
    return np.full((height, width, 3), 40 + 2 * index, np.uint8)


def read_all(path):
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    frames = []
    while True:
        is_read, frame = capture.read()
        if not is_read:
            capture.release()
            return frames
        frames.append(frame)


def write(path, count=40, rate=20, size=(96, 64)):
    with VideoWriter(path, rate, size) as writer:
        for index in range(count):
            writer.write(sample_image(index, *size))
    return path


def boxes_of(path):
    """Names of the top-level boxes of an MP4 file, in order."""
    content, position, names = path.read_bytes(), 0, []
    while position < len(content):
        length = int.from_bytes(content[position : position + 4], 'big')
        names.append(content[position + 4 : position + 8].decode())
        position += length
    return names


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.avi', '.gif', '.MP4'])
def test_every_frame_comes_back_in_order(tmp_path, suffix):
    frames = read_all(write(tmp_path / f'clip{suffix}'))
    assert len(frames) == 40
    brightness = [frame.mean() for frame in frames]
    assert np.allclose(brightness, [40 + 2 * i for i in range(40)], atol=4)


def test_mp4_is_h264_ordinary_and_has_its_rate(tmp_path):
    path = write(tmp_path / 'clip.mp4', rate=29.97)
    capture = cv2.VideoCapture(str(path))
    fourcc = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, 'little').decode()
    assert fourcc in ('h264', 'avc1')
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(29.97, abs=0.01)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 40
    names = boxes_of(path)
    assert names.index('moov') < names.index('mdat')
    assert 'moof' not in names
    assert [file.name for file in tmp_path.iterdir()] == ['clip.mp4']


def test_ffmpeg_takes_the_rate_that_is_given_and_guesses_none(tmp_path):
    """It took 240 for this one and left four frames out."""
    capture = cv2.VideoCapture(
        str(write(tmp_path / 'clip.mp4', rate=262.706, size=(640, 640), count=60))
    )
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 60
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(262.706, rel=1e-3)


def test_colors_survive(tmp_path):
    image = np.zeros((64, 96, 3), np.uint8)
    image[:, :32], image[:, 32:64], image[:, 64:] = (200, 40, 40), (40, 200, 40), (40, 40, 200)
    path = tmp_path / 'colors.mp4'
    with VideoWriter(path, 10, (96, 64)) as writer:
        for _ in range(5):
            writer.write(image)
    back = read_all(path)[-1].astype(int)
    for column in (16, 48, 80):
        assert np.abs(back[32, column] - image[32, column]).max() < 12


def test_odd_size_is_padded(tmp_path):
    frames = read_all(write(tmp_path / 'odd.mp4', 3, size=(97, 63)))
    assert frames[0].shape == (64, 98, 3)
    assert frames[0].std() < 2


def test_other_sizes_are_letterboxed(tmp_path):
    path = tmp_path / 'mixed.mp4'
    with VideoWriter(path, 10, (96, 64)) as writer:
        for width, height in ((96, 64), (64, 64), (300, 64), (1, 1)):
            writer.write(np.full((height, width, 3), 200, np.uint8))
    frames = read_all(path)
    assert len(frames) == 4
    assert frames[1][32, 48].min() > 180
    assert frames[1][32, 4].max() < 40
    assert frames[2][32, 48].min() > 180
    assert frames[2][4, 48].max() < 40


def test_views_are_written_like_copies(tmp_path):
    image = np.arange(64 * 96 * 3, dtype=np.uint32).reshape(64, 96, 3).astype(np.uint8)
    image.flags.writeable = False
    for name, frame in (('view', image[:, ::-1]), ('copy', image[:, ::-1].copy())):
        with VideoWriter(tmp_path / f'{name}.avi', 10, (96, 64)) as writer:
            writer.write(frame)
    assert np.array_equal(read_all(tmp_path / 'view.avi')[0], read_all(tmp_path / 'copy.avi')[0])


def test_folder_is_created_and_file_replaced(tmp_path):
    path = tmp_path / 'a' / 'b' / 'clip.mp4'
    write(path, 20)
    assert len(read_all(write(path, 5))) == 5


def test_names_that_look_like_options_or_addresses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ('-clip.mp4', 'a:b.mp4', 'sp ace%03d.mp4'):
        assert len(read_all(tmp_path / write(Path(name), 3))) == 3


def test_no_frame_leaves_no_file(tmp_path):
    path = tmp_path / 'empty.mp4'
    with VideoWriter(path, 10, (96, 64)):
        pass
    assert not path.exists()


def test_close_twice_and_write_after(tmp_path):
    writer = VideoWriter(tmp_path / 'clip.mp4', 10, (96, 64))
    writer.write(sample_image(0))
    writer.close()
    writer.close()
    with pytest.raises(OutputError, match='closed already'):
        writer.write(sample_image(1))


@pytest.mark.parametrize(
    ('name', 'rate', 'size', 'message'),
    [
        ('clip.webm', 10, (96, 64), r'\.mp4, \.mkv, \.avi, \.gif'),
        ('clip', 10, (96, 64), r'\.mp4'),
        ('clip.mp4', 0, (96, 64), 'frames per second'),
        ('clip.mp4', float('nan'), (96, 64), 'frames per second'),
        ('clip.mp4', 10, (0, 64), 'must be positive'),
        ('file/clip.mp4', 10, (96, 64), 'cannot be written'),
        ('folder.mp4', 10, (96, 64), 'Is a directory'),
    ],
)
def test_bad_arguments_name_the_cause(tmp_path, name, rate, size, message):
    (tmp_path / 'file').touch()
    (tmp_path / 'folder.mp4').mkdir()
    with pytest.raises(OutputError, match=message):
        VideoWriter(tmp_path / name, rate, size)


@pytest.mark.parametrize(
    'image',
    [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)],
)
def test_frames_of_another_kind_are_refused(tmp_path, image):
    with (
        VideoWriter(tmp_path / 'clip.mp4', 10, (96, 64)) as writer,
        pytest.raises(ImageFormatError, match='convert it to uint8'),
    ):
        writer.write(image)


@pytest.mark.skipif(not Path('/dev/full').exists(), reason='needs /dev/full')
def test_full_disk_is_one_sentence(tmp_path):
    path = tmp_path / 'clip.mkv'
    path.symlink_to('/dev/full')
    noise = np.random.default_rng(0)
    writer = VideoWriter(path, 10, (96, 64))
    with pytest.raises(OutputError, match=os.strerror(errno.ENOSPC)) as raised:
        for _ in range(2000):
            writer.write(noise.integers(0, 255, (64, 96, 3), np.uint8))
        writer.close()
    assert '\n' not in str(raised.value)
    with pytest.raises(OutputError):
        writer.close()
    writer.close()


def test_dead_encoder_does_not_hide_the_first_error(tmp_path):
    with (
        pytest.raises(KeyError, match='first'),
        VideoWriter(tmp_path / 'clip.mp4', 10, (96, 64)) as writer,
    ):
        writer.write(sample_image(0))
        writer._encoder._process.kill()
        raise KeyError('first')


def test_killed_encoder_is_an_output_error(tmp_path):
    writer = VideoWriter(tmp_path / 'clip.mp4', 10, (96, 64))
    writer._encoder._process.kill()
    with pytest.raises(OutputError, match='cannot be written'):
        for index in range(1000):
            writer.write(sample_image(index % 100))


CHILD = """
import os, signal, sys
import numpy as np
from emotion_perception.outputs.video_writer import VideoWriter
try:
    with VideoWriter(sys.argv[1], 20, (96, 64)) as writer:
        for index in range(100):
            writer.write(np.full((64, 96, 3), 40 + index, np.uint8))
        # A signal that comes just before pause() would not end it; what it wrote can be read.
        heard, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake)
        print(writer._encoder._process.pid, flush=True)
        os.read(heard, 1)
except KeyboardInterrupt:
    print('closed', flush=True)
"""


@pytest.fixture
def child(tmp_path):
    """A process that has written 100 frames, its encoder's pid and the path of its video."""
    path = tmp_path / 'interrupted.mp4'
    source = str(Path(emotion_perception.__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, '-c', CHILD, str(path)],
        env={**os.environ, 'PYTHONPATH': source},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    yield process, int(process.stdout.readline()), path
    process.kill()
    process.communicate()


@pytest.mark.skipif(not hasattr(os, 'pidfd_open'), reason='needs Linux')
def test_killed_program_leaves_all_frames(child):
    process, encoder, path = child
    process.kill()
    wait_for_end(encoder)
    assert len(read_all(path)) == 100


def test_killed_with_its_encoder_leaves_what_was_written(child):
    process, encoder, path = child
    wait_for_files(lambda: len(read_all(path)) >= 40, path.parent)
    os.kill(encoder, signal.SIGKILL)
    process.kill()
    frames = read_all(path)
    assert 40 <= len(frames) <= 100
    assert frames[20].mean() == pytest.approx(60, abs=4)


def test_ctrl_c_finishes_the_file(child):
    process, _, path = child
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=60)[0] == 'closed\n'
    assert len(read_all(path)) == 100
    assert 'moof' not in boxes_of(path)


class TestWithoutFfmpeg:
    @pytest.fixture(autouse=True)
    def _no_ffmpeg(self, monkeypatch):
        monkeypatch.setattr(video_writer, 'find_ffmpeg', lambda: None)

    @pytest.mark.parametrize('suffix', ['.mp4', '.mkv', '.avi'])
    def test_opencv_writes(self, tmp_path, suffix):
        frames = read_all(write(tmp_path / f'clip{suffix}', 10, size=(97, 63)))
        assert len(frames) == 10
        assert frames[0].shape == (64, 98, 3)

    def test_gif_names_what_is_missing(self, tmp_path):
        with pytest.raises(OutputError, match=r'there is no ffmpeg.*IMAGEIO_FFMPEG_EXE'):
            VideoWriter(tmp_path / 'clip.gif', 10, (96, 64))
        assert not (tmp_path / 'clip.gif').exists()

    def test_no_frame_leaves_no_file(self, tmp_path):
        VideoWriter(tmp_path / 'clip.avi', 10, (96, 64)).close()
        assert not (tmp_path / 'clip.avi').exists()


@pytest.fixture
def ffmpeg_without(tmp_path, monkeypatch):
    """Makes an ffmpeg that was built without some encoders the one to use."""

    def make(*encoders):
        program = tmp_path / 'bin' / 'ffmpeg'
        program.parent.mkdir()
        lacking = ' '.join(f'-e {encoder}' for encoder in encoders)
        # Who asks for one of them all the same fails.
        program.write_text(
            '#!/bin/sh\n'
            f'case " $* " in *" -encoders "*) {FFMPEG} "$@" | grep -v -w {lacking}; exit;; esac\n'
            f'echo " $* " | grep -q -w {lacking} && exit 1\n'
            f'exec {FFMPEG} "$@"\n'
        )
        program.chmod(0o755)
        return program

    return make


@pytest.mark.parametrize(
    ('suffix', 'lacking', 'codec'),
    [
        ('.mp4', ['libx264'], 'h264'),
        ('.mp4', ['libx264', 'libopenh264'], 'vp90'),
        ('.mkv', ['libx264', 'libopenh264'], 'vp90'),
        ('.avi', ['libx264'], 'h264'),
        ('.avi', ['libx264', 'libopenh264'], 'mjpg'),
    ],
)
def test_an_ffmpeg_without_gpl_writes_what_it_can(
    tmp_path, ffmpeg_without, monkeypatch, suffix, lacking, codec
):
    monkeypatch.setitem(sys.modules, 'imageio_ffmpeg', None)
    monkeypatch.setenv('PATH', str(ffmpeg_without(*lacking).parent), prepend=os.pathsep)
    path = write(tmp_path / f'clip{suffix}', 20, size=(97, 63))
    frames = read_all(path)
    assert len(frames) == 20 and frames[0].shape == (64, 98, 3)
    assert [frame.mean() for frame in frames] == pytest.approx(range(40, 80, 2), abs=4)
    assert codec_of(path) == codec
    if suffix == '.mp4':
        assert 'moof' not in boxes_of(path)


def codec_of(path):
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    fourcc = int(capture.get(cv2.CAP_PROP_FOURCC))
    capture.release()
    return fourcc.to_bytes(4, 'little').decode().lower()


def test_an_ffmpeg_without_the_encoder_of_a_container_is_told(
    tmp_path, ffmpeg_without, monkeypatch
):
    program = ffmpeg_without('gif')
    monkeypatch.setenv('IMAGEIO_FFMPEG_EXE', str(program))
    with pytest.raises(OutputError, match=f'{program} has no encoder for it'):
        VideoWriter(tmp_path / 'clip.gif', 10, (96, 64))


def test_a_named_ffmpeg_that_is_none_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv('IMAGEIO_FFMPEG_EXE', str(tmp_path / 'nothing'))
    with pytest.raises(OutputError, match=r'IMAGEIO_FFMPEG_EXE names .*nothing, which is no'):
        VideoWriter(tmp_path / 'clip.mp4', 10, (96, 64))


def test_without_any_ffmpeg_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'imageio_ffmpeg', None)
    monkeypatch.setenv('PATH', str(tmp_path))
    assert video_writer.find_ffmpeg() is None
