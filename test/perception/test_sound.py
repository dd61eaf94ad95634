"""The sound of a video stays, and in step: a beep that coincides with a flash still does."""

import json
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotion_perception.cli.main import main
from emotion_perception.errors import SourceError
from emotion_perception.outputs import sound as sounds
from emotion_perception.outputs.recording import VideoRecorder
from emotion_perception.outputs.sound import unless_blurred
from emotion_perception.sources import SourceOptions, open_source

imageio_ffmpeg = pytest.importorskip('imageio_ffmpeg')

RATE = 16000
# A packet of AAC at 16 kHz lasts 64 ms, and a frame of these clips 40.
CLOSE = {'abs': 0.05}
FLASH = "color=black:s=96x64:r=25:d=4,drawbox=color=white:t=fill:enable='between(t,1.99,2.39)'"
BEEP = f"aevalsrc='if(between(t,2,2.4),sin(2*PI*1000*t),0)':s={RATE}:d=5"


def ffmpeg(*words) -> bytes:
    program = [imageio_ffmpeg.get_ffmpeg_exe(), '-hide_banner', '-loglevel', 'error', '-y']
    return subprocess.run([*program, *map(str, words)], check=True, capture_output=True).stdout


@pytest.fixture(scope='module')
def clips(tmp_path_factory) -> Path:
    """Four seconds of video, five of sound; flash and beep from 2 to 2.4 s in both."""
    folder = tmp_path_factory.mktemp('clips')
    flash = folder / 'flash.mp4'
    made = ('-f', 'lavfi', '-i', FLASH, '-f', 'lavfi', '-i', BEEP)
    ffmpeg(*made, '-c:v', 'libx264', '-g', 10, '-c:a', 'aac', flash)
    copied = ('-map', '0:a', '-map', '1:v', '-c', 'copy')
    # By an edit list: the file holds frames and sound from before its beginning.
    ffmpeg('-ss', 0.93, '-i', flash, '-c', 'copy', folder / 'trimmed.mp4')
    ffmpeg('-i', flash, '-itsoffset', 0.5, '-i', flash, *copied, folder / 'late_images.mkv')
    ffmpeg('-itsoffset', 0.5, '-i', flash, '-i', flash, *copied, folder / 'late_sound.mp4')
    # Every second frame is gone before the flash.
    varied = ('-vf', "select='gt(t,1.9)+not(mod(n,2))'", '-fps_mode', 'vfr')
    ffmpeg('-i', flash, *varied, '-c:a', 'libopus', folder / 'varied.webm')
    ffmpeg('-i', flash, '-c:v', 'copy', '-c:a', 'libvorbis', folder / 'vorbis.mkv')
    ffmpeg('-i', flash, '-an', '-c:v', 'copy', folder / 'silent.mp4')
    return folder


def annotate(source, out, *, frames=None, blur=False, **options):
    """What `emotion video` does, less the faces; some frames only, as after Ctrl-C."""
    with open_source(str(source), SourceOptions(**options)) as opened:
        sound = unless_blurred(opened.sound, blur)
        recorder = VideoRecorder(out, stated_rate=opened.frame_rate, sound=sound)
        for number, frame in enumerate(opened):
            recorder.write(frame.image, frame.stamp_ns)
            if number + 1 == frames:
                break
        recorder.close()
    return recorder


def flash_s(path) -> float:
    begins = sounds._look(imageio_ffmpeg.get_ffmpeg_exe(), Path(path)).first_image_s
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    while capture.grab():
        if capture.retrieve()[1].mean() > 128:
            return begins + capture.get(cv2.CAP_PROP_POS_MSEC) / 1000  # OpenCV's begin at 0
    raise AssertionError('no flash')


def samples(path) -> np.ndarray:
    """The sound from the beginning of the file on, silence where it has none."""
    from_the_start = ('-af', f'aresample={RATE}:async=1:first_pts=0', '-ac', 1)
    raw = ffmpeg('-i', path, '-map', '0:a', *from_the_start, '-f', 's16le', 'pipe:1')
    return np.frombuffer(raw, np.int16)


def beep_s(path) -> float:
    return int(np.argmax(np.abs(samples(path)) > 8000)) / RATE


def streams(path) -> list[tuple[int, str]]:
    return sounds._look(imageio_ffmpeg.get_ffmpeg_exe(), Path(path)).streams


@pytest.mark.parametrize('suffix', ['.mp4', '.mkv'])
@pytest.mark.parametrize(
    ('name', 'flash', 'beep'),
    [
        ('flash.mp4', 2.0, 2.0),
        ('trimmed.mp4', 1.07, 1.07),
        ('varied.webm', 2.0, 2.0),
        # Their sound is half a second early, and half a second late.
        ('late_images.mkv', 2.0, 1.5),
        ('late_sound.mp4', 2.0, 2.5),
    ],
)
def test_sound_stays_where_it_was(name, flash, beep, suffix, clips, tmp_path):
    out = tmp_path / f'out{suffix}'
    recorder = annotate(clips / name, out)
    assert 'sound' not in recorder.remark.lower()  # of images that are left out it may tell
    assert flash_s(out) == pytest.approx(flash, **CLOSE)
    assert beep_s(out) == pytest.approx(beep, **CLOSE)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_it_is_copied_and_goes_on_behind_the_last_image(clips, tmp_path):
    annotate(clips / 'flash.mp4', tmp_path / 'out.mp4')
    assert [codec for _, codec in streams(tmp_path / 'out.mp4')] == ['aac']
    before, after = samples(clips / 'flash.mp4'), samples(tmp_path / 'out.mp4')
    assert abs(len(before) - len(after)) < 0.1 * RATE
    assert len(after) / RATE == pytest.approx(5, abs=0.1)


def test_a_file_that_was_cut_off_is_no_file_whose_sound_goes_on(clips, tmp_path):
    whole = (clips / 'vorbis.mkv').read_bytes()
    (tmp_path / 'cut.mkv').write_bytes(whole[: len(whole) // 2])
    with (
        open_source(str(tmp_path / 'cut.mkv')) as opened,
        pytest.raises(SourceError, match='ends after'),
    ):
        list(opened)


def test_a_run_that_was_ended_ends_the_sound_too(clips, tmp_path):
    recorder = annotate(clips / 'flash.mp4', tmp_path / 'out.mp4', frames=60)
    assert recorder.frames == 60
    assert beep_s(tmp_path / 'out.mp4') == pytest.approx(2, **CLOSE)
    assert len(samples(tmp_path / 'out.mp4')) / RATE == pytest.approx(60 / 25, abs=0.1)


@pytest.mark.parametrize(
    ('source', 'out', 'options', 'remark'),
    [
        ('vorbis.mkv', 'out.mp4', {}, '.mp4 cannot hold it in step (vorbis); a .mkv file can.'),
        ('flash.mp4', 'out.avi', {}, '.avi cannot hold it in step (aac); a .mkv file can.'),
        ('flash.mp4', 'out.gif', {}, '.gif cannot hold it in step (aac); a .mkv file can.'),
        ('flash.mp4', 'out.mp4', {'frame_rate': 5}, 'the images have another frame rate than'),
        ('flash.mp4', 'out.mp4', {'blur': True}, 'people are known by their voices too.'),
    ],
)
def test_where_it_cannot_stay_one_line_says_why(
    source, out, options, remark, clips, tmp_path, caplog
):
    recorder = annotate(clips / source, tmp_path / out, **options)
    assert recorder.remark.startswith('The sound is left out: ')
    assert remark in recorder.remark
    assert caplog.messages == [recorder.remark]
    assert streams(tmp_path / out) == []
    assert cv2.VideoCapture(str(tmp_path / out)).grab()


@pytest.mark.parametrize(
    ('words', 'said'), [((), ''), (('--blur-faces',), 'warning: The sound is left out: faces are')]
)
def test_the_command_keeps_it_unless_faces_are_blurred(
    words, said, clips, tmp_path, tiny_model, capfd
):
    out = tmp_path / 'out.mp4'
    arguments = ('-o', out, '--model', tiny_model, '--quiet', *words)
    assert main(['video', str(clips / 'flash.mp4'), *map(str, arguments)]) == 0
    assert said in capfd.readouterr().err
    assert [codec for _, codec in streams(out)] == ([] if words else ['aac'])


def test_batch_keeps_it_and_records_what_it_cannot(clips, tmp_path, tiny_model):
    out = tmp_path / 'results'
    arguments = ('--out', out, '--model', tiny_model, '--jobs', 1, '--make', 'video')
    sources = (clips / 'flash.mp4', clips / 'vorbis.mkv')
    assert main(['batch', *map(str, (*sources, *arguments))]) == 0
    kept, lost = sorted(out.glob('*/*.mp4'))
    assert (len(streams(kept)), len(streams(lost))) == (1, 0)
    record = json.loads((lost.parent / 'record.json').read_text())
    assert [text for text in record['warnings'] if 'cannot hold it in step (vorbis)' in text]


def test_a_silent_video_gives_no_line(clips, tmp_path, caplog):
    assert annotate(clips / 'silent.mp4', tmp_path / 'out.mp4').remark == ''
    assert not caplog.messages


def test_a_copy_that_fails_leaves_the_video_without_sound(clips, tmp_path, monkeypatch):
    run = sounds._run

    def full(command):
        if '-itsoffset' not in command:
            return run(command)
        Path(command[-1].removeprefix('file:')).write_bytes(b'begun')
        return 1, '[out#0/mp4 @ 0x55] Error writing trailer: No space left on device\n'

    monkeypatch.setattr(sounds, '_run', full)
    recorder = annotate(clips / 'flash.mp4', tmp_path / 'out.mp4')
    assert recorder.remark == (
        'The sound is left out: ffmpeg cannot copy it '
        '(Error writing trailer: No space left on device).'
    )
    assert flash_s(tmp_path / 'out.mp4') == pytest.approx(2, **CLOSE)
    assert [path.name for path in tmp_path.iterdir()] == ['out.mp4']


def test_names_that_look_like_something_else(clips, tmp_path):
    source = tmp_path / '-i 12:30.mp4'
    source.write_bytes((clips / 'flash.mp4').read_bytes())
    out = tmp_path / '-y concat:a|b.mp4'
    assert annotate(source, out).remark == ''
    assert beep_s(f'file:{out}') == pytest.approx(2, **CLOSE)


def test_without_ffmpeg_the_cure_is_told(clips, tmp_path, monkeypatch):
    monkeypatch.setattr(sounds, 'find_ffmpeg', lambda: None)
    remark = annotate(clips / 'flash.mp4', tmp_path / 'out.mp4').remark
    assert remark == 'Sound, if there is any, is left out: install imageio-ffmpeg to keep it.'
