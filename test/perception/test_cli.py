"""The command `emotion`, as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from tiny_model import make_tiny_model

from emotion_perception.cli import live
from emotion_perception.cli.image import plan_targets
from emotion_perception.cli.latest_frame import LatestFrame
from emotion_perception.cli.main import main
from emotion_perception.errors import OutputError, SourceError
from emotion_perception.outputs.recording import VideoRecorder
from emotion_perception.types import Frame

SOURCE_FOLDER = Path(__file__).parents[2] / 'src'


@pytest.fixture
def run(tiny_model, capsys):
    """Runs a subcommand with the tiny model: (exit code, stdout, stderr)."""

    def _run(command, *arguments):
        code = main([command, *map(str, arguments), '--model', str(tiny_model)])
        return code, *capsys.readouterr()

    return _run


def start(*arguments):
    """A real process, with pipes."""
    return subprocess.Popen(
        [sys.executable, '-m', 'emotion_perception.cli', *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(SOURCE_FOLDER)},
    )


def records(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def frame_count(path):
    capture = cv2.VideoCapture(str(path))
    count = 0
    while capture.grab():
        count += 1
    capture.release()
    return count


def is_one_error(text):
    return text.startswith('error: ') and text.count('\n') == 1 and 'Traceback' not in text


# The command as a whole


@pytest.mark.parametrize('command', ['', 'image', 'video', 'live', 'annotate-bag', 'batch'])
def test_help_tells_examples(command, capsys):
    assert main([*([command] if command else []), '--help']) == 0
    text = capsys.readouterr().out
    assert 'examples:' in text
    assert f'emotion {command}' in text
    assert max(map(len, text.splitlines())) <= 100


def test_help_shows_the_defaults_of_the_pipeline(capsys):
    main(['video', '--help'])
    text = ' '.join(capsys.readouterr().out.split())
    assert 'smoothing' in text and '(0 to 10 s, default: 0.3)' in text
    assert 'larger values are quicker (8 to 4096 px, default: 24)' in text


def test_help_of_the_command_is_light():
    code = (
        'import sys\n'
        'from emotion_perception.cli.main import main\n'
        'main(["--help"])\n'
        'assert not {"cv2", "onnxruntime", "rclpy"} & set(sys.modules)\n'
    )
    environment = {**os.environ, 'PYTHONPATH': str(SOURCE_FOLDER)}
    subprocess.run(
        [sys.executable, '-c', code], check=True, stdout=subprocess.DEVNULL, env=environment
    )


@pytest.mark.parametrize(
    'arguments',
    [
        [],
        ['nonsense'],
        ['video'],
        ['video', 'demo', '--smoothing', '-1'],
        ['video', 'demo', '--confidence-threshold', '1.5'],
        ['video', 'demo', '--detect-every-n', '-1'],
        ['video', 'demo', '--min-face-size', 'small'],
        ['video', 'demo', '--providers', ','],
        ['live', 'demo', '--camera', '1'],
    ],
)
def test_wrong_usage(arguments, capsys):
    assert main(arguments) == 2
    assert 'error: ' in capsys.readouterr().err


def test_version(capsys):
    assert main(['--version']) == 0
    assert capsys.readouterr().out.startswith('emotion ')


def test_missing_ros_part_is_told(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'emotion_bringup.session.command', None)
    assert main(['nodes', '--source', 'demo']) == 1
    error = capsys.readouterr().err
    assert is_one_error(error) and 'emotion_bringup' in error


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'classes': 8}, 'other classes'),
        ({'input_size': 64}, 'export it again'),
        ({'dynamic': False}, 'fixed batch'),
        ({'manifest': {'sha256': '0' * 64}}, 'damaged or was replaced'),
        ({'manifest': {'labels': ('Happy',)}}, 'labels must be'),
    ],
)
def test_models_that_do_not_fit(tmp_path, photo, capsys, changes, reason):
    model = make_tiny_model(tmp_path / 'model', **changes)
    assert main(['image', str(photo), '--model', str(model)]) == 1
    error = capsys.readouterr().err
    assert is_one_error(error) and reason in error


def test_other_problems_of_the_set_up(run, photo, tiny_model, tmp_path, capsys):
    assert main(['image', str(photo), '--model', str(tmp_path / 'no.onnx')]) == 1
    error = capsys.readouterr().err
    assert is_one_error(error) and 'set --model to' in error
    for option in ('--detector', '--providers'):
        code, _, error = run('image', photo, option, 'nonsense')
        assert code == 1 and is_one_error(error) and 'nonsense' in error
        assert f'set {option} to' in error
    assert main(['image', str(photo), '--model', str(tiny_model), '--labels', 'ferplus']) == 1
    assert 'set --labels to fer2013' in capsys.readouterr().err


# emotion image


def test_image_prints_a_line_per_photo(run, photo):
    code, out, err = run('image', photo)
    assert (code, err) == (0, '')
    assert out.startswith(f'{photo}  Happy ') and out.count('\n') == 1


def test_image_finds_photos_in_folders_and_patterns_once(run, frames):
    code, out, _ = run('image', frames, frames / '*.png')
    assert code == 0
    assert [line.split('  ')[0] for line in out.splitlines()] == [
        str(frames / f'{index}.png') for index in range(5)
    ]
    assert out.splitlines()[2].endswith('no face')


def test_image_writes_image_and_json(run, photo, portrait, tmp_path):
    target, lines = tmp_path / 'new' / 'out.jpg', tmp_path / 'out.jsonl'
    code, *_ = run('image', photo, '-o', target, '--json', lines)
    assert code == 0
    assert cv2.imread(str(target)).shape == portrait.shape
    (record,) = records(lines)
    assert record['file'] == str(photo)
    assert record['faces'][0]['emotion'] == 'Happy'


def test_an_unreadable_photo_does_not_stop_the_others(run, photo, tmp_path):
    bad = tmp_path / 'bad.jpg'
    bad.write_bytes(b'no image')
    code, out, err = run('image', bad, tmp_path / 'nowhere.png', photo, '-o', tmp_path / 'out')
    assert code == 1
    assert out.count('\n') == 1 and str(photo) in out
    assert [line.startswith('error: ') for line in err.splitlines()] == [True, True]
    assert [path.name for path in (tmp_path / 'out').iterdir()] == ['photo.png']


def test_image_without_any_photo(run, tmp_path):
    code, out, err = run('image', tmp_path / '*.png')
    assert code == 1 and not out and is_one_error(err)


def test_an_animation_is_sent_to_the_other_command(run, tmp_path):
    frames = [Image.new('RGB', (8, 8), shade) for shade in ('red', 'blue')]
    frames[0].save(tmp_path / 'a.gif', save_all=True, append_images=frames[1:])
    code, _, err = run('image', tmp_path / 'a.gif')
    assert code == 1 and is_one_error(err) and '`emotion video' in err


def test_photos_of_the_same_name_do_not_overwrite_each_other(tmp_path):
    photos = [tmp_path / 'a' / 'x.png', tmp_path / 'b' / 'x.png', tmp_path / 'c' / 'x.pgm']
    targets = plan_targets(photos, tmp_path / 'out')
    assert [path.name for path in targets.values()] == ['x.png', 'x-2.png', 'x-3.png']


def test_outputs_that_would_lose_something_are_refused(run, photo, frames, tmp_path):
    with pytest.raises(OutputError, match='give a folder'):
        plan_targets([photo, frames / '0.png'], tmp_path / 'one.png')
    before = photo.read_bytes()
    for arguments in (['-o', photo], ['-o', photo.parent], ['--json', photo]):
        code, _, err = run('image', photo, *arguments)
        assert code == 1 and is_one_error(err)
    assert photo.read_bytes() == before


def test_confidence_threshold_reaches_the_pipeline(run, photo):
    assert 'Uncertain' in run('image', photo, '--confidence-threshold', '0.99')[1]


# emotion video


def test_video_leaves_video_json_lines_and_summary(run, frames, tmp_path):
    video, lines = tmp_path / 'out.mp4', tmp_path / 'out.jsonl'
    code, out, err = run('video', frames, '-o', video, '--json', lines)
    assert (code, err) == (0, '')
    assert frame_count(video) == len(records(lines)) == 5
    assert [len(record['faces']) for record in records(lines)] == [1, 1, 0, 1, 1]
    assert {face['track_id'] for r in records(lines) for face in r['faces']} == {1}
    assert '0.100  #1 Happy' in out
    assert 'model      tiny, labels of fer2013, on CPUExecutionProvider' in out
    assert 'frames     5 (1 without a face)' in out
    assert out.endswith(f'wrote {video}\nwrote {lines}\n')


def test_quiet_leaves_the_summary(run, frames):
    code, out, _ = run('video', frames, '--quiet')
    assert code == 0
    assert out.startswith('model ') and '#1' not in out


def test_frame_rate_of_the_video(run, frames, tmp_path):
    run('video', frames, '-o', tmp_path / 'out.mp4', '--frame-rate', '25', '--quiet')
    assert cv2.VideoCapture(str(tmp_path / 'out.mp4')).get(cv2.CAP_PROP_FPS) == 25


def test_damaged_frames_are_reported(run, frames):
    (frames / '1.png').write_bytes(b'no image')
    code, out, err = run('video', frames)
    assert code == 0
    assert 'frames     4 ' in out and '1 damaged frames were left out' in err


def test_a_clip_that_is_cut_off_keeps_what_was_read(run, portrait, tmp_path):
    clip = tmp_path / 'clip.avi'
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*'MJPG'), 10, (512, 512))
    for _ in range(12):
        writer.write(portrait)
    writer.release()
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    lines = tmp_path / 'out.jsonl'
    code, out, err = run('video', clip, '--json', lines)
    assert code == 1 and 'cut off' in err and 'Traceback' not in err
    if lines.exists():  # some decoders refuse such a file at once
        assert f'frames     {len(records(lines))} ' in out


def test_video_refuses_to_overwrite_its_source(run, frames, tmp_path):
    code, *_ = run('video', frames, '-o', tmp_path / 'a.mp4', '--quiet')
    assert code == 0
    before = (tmp_path / 'a.mp4').read_bytes()
    for option in ('-o', '--json'):
        code, _, err = run('video', tmp_path / 'a.mp4', option, tmp_path / 'a.mp4')
        assert code == 1 and is_one_error(err)
    assert (tmp_path / 'a.mp4').read_bytes() == before


@pytest.mark.parametrize('name', ['nowhere.mp4', 'empty.mp4', 'text.mp4'])
def test_bad_clips(run, tmp_path, name):
    (tmp_path / 'empty.mp4').write_bytes(b'')
    (tmp_path / 'text.mp4').write_text('no video')
    code, out, err = run('video', tmp_path / name)
    assert code == 1 and not out
    assert is_one_error(err)


def test_unwritable_outputs(run, frames, tmp_path):
    (tmp_path / 'file').write_text('')
    for option, path in (
        ('-o', tmp_path / 'out.xyz'),
        ('-o', tmp_path / 'file' / 'out.mp4'),
        ('--json', tmp_path / 'file' / 'out.jsonl'),
    ):
        code, _, err = run('video', frames, option, path, '--quiet')
        assert code == 1 and is_one_error(err)


@pytest.mark.parametrize(('number', 'code'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize('command', ['video', 'live'])
def test_a_signal_finishes_the_files(tiny_model, tmp_path, command, number, code):
    video, lines = tmp_path / 'out.mp4', tmp_path / 'out.jsonl'
    options = ['--no-window', '--loop'] if command == 'live' else []
    process = start(command, 'demo', *options, '-o', video, '--json', lines, '--model', tiny_model)
    assert '#1' in process.stdout.readline()

    process.send_signal(number)
    out, err = process.communicate(timeout=60)

    assert process.returncode == code
    assert 'Traceback' not in err
    written = records(lines)
    assert f'frames     {len(written)} ' in out
    if command == 'video':
        assert 0 < frame_count(video) == len(written) < 240
    else:
        assert frame_count(video) > 0


def test_a_reader_that_goes_away_ends_it_quietly(tiny_model, tmp_path):
    video, lines = tmp_path / 'out.mp4', tmp_path / 'out.jsonl'
    process = start('video', 'demo', '-o', video, '--json', lines, '--model', tiny_model)
    process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()
    assert process.wait(60) == 141
    assert error == ''
    assert 0 < frame_count(video) == len(records(lines)) < 240


# emotion live


def test_live_plays_a_file(run, frames, tmp_path):
    video, lines = tmp_path / 'out.mp4', tmp_path / 'out.jsonl'
    code, out, err = run('live', frames, '--no-window', '-o', video, '--json', lines)
    assert code == 0
    assert 1 <= len(records(lines)) <= 5
    assert records(lines)[-1]['stamp'] == {'sec': 0, 'nanosec': 400_000_000}
    assert 1 <= frame_count(video) <= 5
    assert 'latency' in out
    assert 'Traceback' not in err


def test_live_without_a_screen_says_so_and_prints_lines(run, photo, monkeypatch):
    def no_screen():
        raise OutputError('There is no screen.')

    monkeypatch.setattr(live, 'Window', no_screen)
    code, out, err = run('live', photo)
    assert code == 0
    assert err == 'warning: There is no screen.\n'
    assert '#1 Happy' in out


class FakeWindow:
    """Stands for a screen, which test machines lack; the user presses q at the first image."""

    def __init__(self):
        self.shown, self.closed = [], False

    def show(self, image):
        self.shown.append(image)
        return False

    def close(self):
        self.closed = True


def test_q_ends_it(run, portrait, monkeypatch):
    window = FakeWindow()
    monkeypatch.setattr(live, 'Window', lambda: window)
    code, out, _ = run('live', 'demo', '--loop')
    assert code == 0
    assert len(window.shown) == 1 and window.closed
    assert '#1' not in out and 'frames     1 ' in out


def test_no_camera_is_an_error(run):
    code, _, err = run('live', '--camera', '99', '--no-window')
    assert code == 1 and is_one_error(err)


class Unplugged:
    """A live source that fails after its first frame."""

    live, frame_rate, frame_count, skipped, name = True, 30.0, None, 0, 'Camera 7'

    def __init__(self, portrait):
        self._portrait = portrait

    def __iter__(self):
        yield Frame(self._portrait, 1, 0)
        raise SourceError('Camera 7 gives no more frames.')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        pass


class Replugged(Unplugged):
    """What comes back: finite, so that the run ends."""

    live = False

    def __iter__(self):
        yield Frame(self._portrait, 2, 0)


def test_a_lost_camera_is_opened_again(run, portrait, monkeypatch):
    sources = [Unplugged(portrait), Replugged(portrait)]
    monkeypatch.setattr(live, 'open_source', lambda spec, options: sources.pop(0))
    code, _, err = run('live', '--camera', '7', '--no-window')
    assert code == 0
    assert err.splitlines() == [
        'warning: Camera 7 gives no more frames. Trying again in 0.5 s.',
        'Camera 7 is back.',
    ]


def test_only_the_newest_frame_waits(portrait):
    everything_read = threading.Event()

    def frames():
        for index in range(4):
            yield Frame(portrait, index, index)
        everything_read.set()

    newest = LatestFrame(frames())
    assert everything_read.wait(10)
    assert newest.take(10).frame.index == 3
    assert newest.dropped == 3
    assert newest.take(10) is None
    assert newest.ended


def test_an_error_comes_after_the_last_frame(portrait):
    def frames():
        yield Frame(portrait, 0, 0)
        raise SourceError('Gone.')

    newest = LatestFrame(frames())
    newest.join(10)
    assert newest.take(10).frame.index == 0
    assert not newest.ended
    with pytest.raises(SourceError, match='Gone'):
        newest.take(10)


def test_video_of_a_camera_keeps_real_time(tmp_path):
    recorder = VideoRecorder(tmp_path / 'out.mp4', 10.0, longest_gap_s=1.0)
    image = np.zeros((64, 64, 3), np.uint8)
    # Twice as fast as the video, then half as fast, then away for a minute.
    for stamp_s in (0.0, 0.05, 0.1, 0.15, 0.2, 0.4, 0.6, 60.6):
        recorder.write(image, round(stamp_s * 1e9))
    recorder.close()
    # 0.6 s, one second of the gap, and the last image.
    assert frame_count(tmp_path / 'out.mp4') == recorder.frames == 6 + 10 + 1
