"""Every kind of source on real files, and what surrounds them: loop, pace, reconnection, errors."""

import os
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image
from rosbags.rosbag2 import Writer
from skimage.data import astronaut

from emotion_perception.bags.reader import ros2_typestore
from emotion_perception.errors import SourceError
from emotion_perception.sources import (
    DemoSource,
    Reconnecting,
    SourceOptions,
    camera,
    is_live,
    open_source,
    paced,
)
from emotion_perception.sources.camera import CameraSource
from emotion_perception.sources.video import VideoSource
from emotion_perception.types import Frame

PICTURE = np.ascontiguousarray(cv2.resize(astronaut(), (96, 64))[..., ::-1])
MS = 1_000_000


def shade(n, size=(64, 96)):
    return np.full((*size, 3), (20 + 8 * n) % 256, np.uint8)


def save(path, image=PICTURE):
    assert cv2.imwrite(str(path), image)
    return path


def save_video(path, count=20, rate=25.0, codec='libx264'):
    writer = imageio_ffmpeg.write_frames(
        str(path),
        (96, 64),
        fps=rate,
        codec=codec,
        macro_block_size=1,
        output_params=['-threads', '1'],
    )
    writer.send(None)
    for n in range(count):
        writer.send(shade(n))
    writer.close()
    return path


def save_gif(path, durations=(100, 50, 200), size=(96, 64)):
    first, *others = (
        Image.new('RGB', size, (n * 60, 0, 200 - n * 60)) for n in range(len(durations))
    )
    first.save(path, save_all=True, append_images=others, duration=list(durations), loop=0)
    return path


def save_bag(path, stamps, encoding='bgr8', count=None):
    store = ros2_typestore()
    types = store.types
    kind = 'sensor_msgs/msg/Image'
    with Writer(path, version=9) as writer:
        connection = writer.add_connection('/camera/image_raw', kind, typestore=store)
        for n, stamp in enumerate(stamps):
            time = types['builtin_interfaces/msg/Time'](sec=stamp // 10**9, nanosec=stamp % 10**9)
            message = types[kind](
                header=types['std_msgs/msg/Header'](stamp=time, frame_id='c'),
                height=64,
                width=96,
                encoding=encoding,
                is_bigendian=0,
                step=288,
                data=shade(n).reshape(-1),
            )
            writer.write(connection, 1000 + n * 40 * MS, store.serialize_cdr(message, kind))
    return path


def frames_of(spec, **options):
    with open_source(str(spec), SourceOptions(**options)) as source:
        return list(source)


def assert_numbered(frames):
    assert [frame.index for frame in frames] == list(range(len(frames)))
    for frame in frames:
        assert frame.image.dtype == np.uint8
        assert frame.image.shape[2] == 3
    stamps = [frame.stamp_ns for frame in frames]
    assert stamps == sorted(set(stamps))


# --- images ---


@pytest.mark.parametrize('suffix', ['.png', '.jpg', '.bmp', '.tiff', '.webp', '.ppm'])
def test_still(tmp_path, suffix):
    (frame,) = frames_of(save(tmp_path / f'face{suffix}'))
    assert frame.index == 0
    assert np.abs(frame.image.astype(int) - PICTURE).mean() < (
        8 if suffix in ('.jpg', '.webp') else 0.1
    )


def test_still_without_a_suffix_is_known_by_its_bytes(tmp_path):
    path = save(tmp_path / 'x.png').rename(tmp_path / 'photo')
    assert frames_of(path)[0].image.shape == PICTURE.shape


@pytest.mark.parametrize('kind', ['grey', 'alpha', 'grey16', 'palette'])
def test_still_kinds_become_bgr(tmp_path, kind):
    grey = np.arange(200, dtype=np.uint8).reshape(10, 20)
    path = tmp_path / 'x.png'
    if kind == 'palette':
        Image.fromarray(grey).convert('P').save(path)
    else:
        save(
            path,
            {
                'grey': grey,
                'alpha': np.dstack([grey, grey, grey, grey]),
                'grey16': grey.astype(np.uint16) * 257,
            }[kind],
        )
    np.testing.assert_array_equal(frames_of(path)[0].image, np.dstack([grey] * 3))


def test_still_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(PICTURE[..., ::-1]).save(tmp_path / 'x.jpg', exif=exif.tobytes(), quality=95)
    (frame,) = frames_of(tmp_path / 'x.jpg')
    expected = cv2.rotate(PICTURE, cv2.ROTATE_90_CLOCKWISE)
    assert frame.image.shape == expected.shape
    assert np.abs(frame.image.astype(int) - expected).mean() < 6


def save_series(folder, numbers=(1, 2, 10)):
    folder.mkdir(exist_ok=True)
    for n in numbers:
        save(folder / f'frame{n}.png', shade(n))
    (folder / 'notes.txt').write_text('no image')
    (folder / '.hidden.png').write_text('no image')
    return folder


def test_folder_and_glob_are_in_natural_order(tmp_path):
    folder = save_series(tmp_path / 'clip')
    for spec in (folder, folder / '*.png', folder / 'frame*'):
        frames = frames_of(spec, frame_rate=4)
        assert_numbered(frames)
        assert [frame.image[0, 0, 0] for frame in frames] == [28, 36, 100]
        assert [frame.stamp_ns for frame in frames] == [0, 250 * MS, 500 * MS]


def test_damaged_image_among_good_ones_is_counted(tmp_path):
    folder = save_series(tmp_path / 'clip')
    (folder / 'frame2.png').write_bytes((folder / 'frame1.png').read_bytes()[:60])
    with open_source(str(folder)) as source:
        frames = list(source)
        assert [frame.image[0, 0, 0] for frame in frames] == [28, 100]
        assert source.skipped == 1
        assert source.frame_count == 3


def test_gif_keeps_its_durations(tmp_path):
    path = save_gif(tmp_path / 'x.gif')
    with open_source(str(path)) as source:
        frames = list(source)
        assert source.frame_count == 3
        assert source.frame_rate == pytest.approx(3 / 0.35)
    assert_numbered(frames)
    assert [frame.stamp_ns for frame in frames] == [0, 100 * MS, 150 * MS]
    blues = [int(frame.image[5, 5, 0]) for frame in frames]
    reds = [int(frame.image[5, 5, 2]) for frame in frames]
    assert blues == pytest.approx([200, 140, 80], abs=3)
    assert reds == pytest.approx([0, 60, 120], abs=3)


def test_gif_without_durations_plays_as_in_a_browser(tmp_path):
    frames = frames_of(save_gif(tmp_path / 'x.gif', durations=(0, 0, 0)))
    assert [frame.stamp_ns for frame in frames] == [0, 100 * MS, 200 * MS]


def test_frame_rate_replaces_durations(tmp_path):
    frames = frames_of(save_gif(tmp_path / 'x.gif'), frame_rate=50)
    assert [frame.stamp_ns for frame in frames] == [0, 20 * MS, 40 * MS]


# --- video ---


@pytest.mark.parametrize(
    ('name', 'codec'), [('x.mp4', 'libx264'), ('x.avi', 'mpeg4'), ('x.mkv', 'libx264')]
)
def test_video(tmp_path, name, codec, capfd):
    path = save_video(tmp_path / name, codec=codec)
    with open_source(str(path)) as source:
        assert not source.live
        assert source.frame_rate == pytest.approx(25)
        frames = list(source)
        assert len(list(source)) == 20  # iterating again starts again
    assert_numbered(frames)
    assert len(frames) == 20
    assert [frame.stamp_ns for frame in frames[:3]] == [0, 40 * MS, 80 * MS]
    assert [int(f.image[30, 40, 1]) for f in frames] == pytest.approx(
        [20 + 8 * n for n in range(20)], abs=6
    )
    assert capfd.readouterr().err == ''


def ffmpeg(*arguments):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), '-v', 'error', '-y', *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return arguments[-1]


@pytest.mark.parametrize(
    ('suffix', 'codec'),
    [('.mp4', 'libx264'), ('.mkv', 'libx264'), ('.mov', 'libx264'), ('.webm', 'libvpx')],
)
def test_a_video_of_variable_rate_keeps_its_times(tmp_path, suffix, codec):
    """As phones and browsers make them; the rate that such a container states is an average."""
    clip = save_video(tmp_path / 'clip.mp4', count=60)
    keep = r'select=lt(n\,8)+gt(n\,30)*not(mod(n\,7))'
    options = ('-vf', keep, '-fps_mode', 'vfr', '-c:v', codec)
    frames = frames_of(ffmpeg('-i', clip, *options, tmp_path / f'vfr{suffix}'))
    assert_numbered(frames)
    kept = [n for n in range(60) if n < 8 or (n > 30 and n % 7 == 0)]
    stamps_ms = [frame.stamp_ns / MS for frame in frames]
    assert stamps_ms == pytest.approx([40.0 * n for n in kept], abs=1.0)


def test_a_frame_rate_replaces_the_times_of_a_video(tmp_path):
    frames = frames_of(save_video(tmp_path / 'clip.mp4', count=5), frame_rate=10)
    assert [frame.stamp_ns // MS for frame in frames] == [0, 100, 200, 300, 400]


@pytest.mark.parametrize('mirror', ['-display_hflip', '-display_vflip', None])
@pytest.mark.parametrize('angle', [0, 90, 180, 270])
def test_a_video_is_turned_and_mirrored_as_ffmpeg_shows_it(tmp_path, angle, mirror):
    corner = np.zeros((64, 96, 3), np.uint8)
    corner[:24, :40] = 250
    still = save(tmp_path / 'corner.png', corner)
    flat = ffmpeg(
        '-loop', '1', '-i', still, '-frames:v', '3', '-pix_fmt', 'yuv420p', tmp_path / 'flat.mp4'
    )
    shown_as = ['-display_rotation', angle, *([mirror] if mirror else [])]
    movie = tmp_path / 'movie.mov'
    ffmpeg(*shown_as, '-i', flat, '-c', 'copy', movie)
    reference = cv2.imread(str(ffmpeg('-i', movie, '-frames:v', '1', tmp_path / 'reference.png')))
    frame = frames_of(movie)[0]
    assert frame.image.shape == reference.shape
    assert np.abs(frame.image.astype(int) - reference).mean() < 5


def test_a_video_that_was_trimmed_without_encoding_is_whole(tmp_path):
    """Its container counts frames that an edit list leaves out."""
    clip = save_video(tmp_path / 'clip.mp4', count=60)
    frames = frames_of(ffmpeg('-ss', '1.0', '-i', clip, '-c', 'copy', tmp_path / 'trimmed.mp4'))
    assert_numbered(frames)
    assert 0 < len(frames) < 40


def test_video_cut_off_gives_its_frames_and_then_an_error(tmp_path, capfd):
    path = save_video(tmp_path / 'x.avi', count=60, codec='mjpeg')
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    frames = []
    with (
        pytest.raises(
            SourceError, match=r'ends after \d\.\d of the \d\.\d s that it states \(\d+ frames\)'
        ),
        open_source(str(path)) as source,
    ):
        for frame in source:
            frames.append(frame)
    assert_numbered(frames)
    assert 10 < len(frames) < 50
    assert capfd.readouterr().err == ''


DAMAGED = object()


class FakeCapture:
    """Stands for cv2.VideoCapture: a script of what each grab and retrieve results."""

    def __init__(self, script, properties=None, opened=True):
        self.script = list(script)
        self.properties = properties or {}
        self.opened = opened
        self.calls = []
        self.current = None

    def isOpened(self):
        return self.opened

    def grab(self):
        self.calls.append('grab')
        self.current = self.script.pop(0) if self.script else None
        return self.current is not None

    def retrieve(self):
        self.calls.append('retrieve')
        return self.current is not DAMAGED, self.current

    def get(self, prop):
        return self.properties.get(prop, 0.0)

    def set(self, prop, value):
        self.calls.append((prop, value))
        return True

    def release(self):
        self.calls.append('release')
        self.opened = False


VIDEO_PROPERTIES = {
    cv2.CAP_PROP_FPS: 10.0,
    cv2.CAP_PROP_FRAME_COUNT: 4,
    cv2.CAP_PROP_FRAME_WIDTH: 96,
    cv2.CAP_PROP_FRAME_HEIGHT: 64,
}


def test_damaged_video_frame_is_skipped_and_keeps_its_place_in_time():
    script = [shade(0), DAMAGED, shade(2), shade(3)]
    source = VideoSource(
        'x.avi', SourceOptions(), open_capture=lambda _: FakeCapture(script, VIDEO_PROPERTIES)
    )
    frames = list(source)
    assert_numbered(frames)
    assert [frame.stamp_ns for frame in frames] == [0, 200 * MS, 300 * MS]
    assert source.skipped == 1


@pytest.fixture
def web(tmp_path, monkeypatch):
    monkeypatch.setenv('no_proxy', '*')
    monkeypatch.delenv('http_proxy', raising=False)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(('127.0.0.1', 0), partial(Quiet, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()
    server.server_close()
    thread.join()


def test_clip_on_a_web_server_ends(web, tmp_path):
    save_video(tmp_path / 'x.mp4', count=5)
    with open_source(f'{web}/x.mp4') as source:
        assert not source.live
        assert len(list(source)) == 5


def test_stream_that_does_not_result(web, capfd):
    address = web.replace('http://', 'http://user:secret@')
    with pytest.raises(SourceError, match='nothing at this address') as caught:
        open_source(f'{address}/nothing.mjpg')
    assert 'secret' not in str(caught.value)
    assert capfd.readouterr().err == ''


# --- camera ---


def test_what_the_decoder_of_a_silent_stream_still_holds_is_no_new_frame(monkeypatch):
    times = iter([0.0, 9.0, 9.0, 19.1])
    monkeypatch.setattr(camera, 'time', SimpleNamespace(monotonic=lambda: next(times)))
    capture = FakeCapture([shade(0), shade(1)])
    address = 'rtsp://me:s3cret@host/x'
    frames = iter(CameraSource(address, SourceOptions(), open_capture=lambda _: capture))
    assert next(frames).index == 0
    with pytest.raises(SourceError, match='Stream rtsp://host/x gives no more frames'):
        next(frames)


def test_camera_stamps_right_after_the_grab():
    times = iter([100, 200])
    capture = FakeCapture([shade(0), shade(1)], {cv2.CAP_PROP_FPS: 30.0})

    def clock():
        assert capture.calls[-1] == 'grab'
        return next(times, 300)

    source = CameraSource(0, SourceOptions(), open_capture=lambda _: capture, clock_ns=clock)
    assert source.live
    assert source.frame_count is None
    assert source.frame_rate == 30.0
    frames = iter(source)
    assert [(f.stamp_ns, f.index) for f in (next(frames), next(frames))] == [(100, 0), (200, 1)]
    with pytest.raises(SourceError, match='Camera 0 gives no more frames: check its cable'):
        next(frames)


def test_camera_is_asked_for_the_pixel_format_first():
    capture = FakeCapture([])
    options = SourceOptions(frame_rate=15, width=1280, height=720, pixel_format='MJPG')
    CameraSource('/dev/video9', options, open_capture=lambda _: capture)
    assert capture.calls[:4] == [
        (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*'MJPG')),
        (cv2.CAP_PROP_FRAME_WIDTH, 1280),
        (cv2.CAP_PROP_FRAME_HEIGHT, 720),
        (cv2.CAP_PROP_FPS, 15),
    ]


def test_closing_a_camera_ends_its_iteration_once():
    capture = FakeCapture([shade(0)] * 9)
    source = CameraSource(0, SourceOptions(), open_capture=lambda _: capture)
    for frame in source:
        if frame.index == 2:
            source.close()
            source.close()
    assert frame.index == 2
    assert capture.calls.count('release') == 1


@pytest.mark.parametrize('spec', ['97', '/dev/video97'])
def test_missing_camera_names_those_there_are(spec, capfd):
    with pytest.raises(SourceError, match=r'/dev/video97 does not exist; video devices here: '):
        open_source(spec)
    assert capfd.readouterr().err == ''


def test_device_that_is_no_camera(capfd):
    with pytest.raises(SourceError, match='is no camera or is in use'):
        open_source('/dev/null')
    assert capfd.readouterr().err == ''


def test_camera_without_permission_names_the_group(tmp_path, monkeypatch):
    device = tmp_path / 'video0'
    device.touch()
    monkeypatch.setattr(os, 'access', lambda path, mode: False)
    with pytest.raises(SourceError, match='join the group video'):
        CameraSource(
            str(device), SourceOptions(), open_capture=lambda _: FakeCapture([], opened=False)
        )


@pytest.mark.parametrize(
    ('spec', 'live'),
    [('0', True), ('/dev/video0', True), ('rtsp://host/x', True), ('HTTP://host/x', True)]
    + [(spec, False) for spec in ('demo', 'x.mp4', 'bag/', '*.png', 'file:///x.mp4', '')],
)
def test_is_live(spec, live):
    assert is_live(spec) is live


# --- bag ---


def test_bag_keeps_header_stamps(tmp_path):
    stamps = [10**18 + n * 40 * MS for n in range(4)]
    with open_source(str(save_bag(tmp_path / 'bag', stamps))) as source:
        frames = list(source)
        assert source.frame_count == 4
        assert source.frame_rate == pytest.approx(25, rel=0.01)
    assert_numbered(frames)
    assert [frame.stamp_ns for frame in frames] == stamps
    assert {frame.frame_id for frame in frames} == {'c'}
    np.testing.assert_array_equal(frames[3].image, shade(3))


@pytest.mark.parametrize(
    'stamps_ms',
    [
        [33 * n for n in range(30)],
        [0, 900, *(900 + 33 * n for n in range(1, 30))],  # a slow start
        [0, 4, *(4 + 33 * n for n in range(1, 30))],  # jitter
        [*(33 * n for n in range(15)), *(1_700_000_000_000 + 33 * n for n in range(15))],
    ],
)
def test_the_rate_of_a_bag_is_that_of_its_images(tmp_path, stamps_ms):
    stamps = [MS * (1000 + ms) for ms in stamps_ms]
    with open_source(str(save_bag(tmp_path / 'bag', stamps))) as source:
        assert source.frame_rate == pytest.approx(1000 / 33)


def test_a_frame_rate_replaces_the_stamps_of_a_bag(tmp_path):
    bag = save_bag(tmp_path / 'bag', [10**18 + n * 40 * MS for n in range(4)])
    frames = frames_of(bag, frame_rate=10)
    assert [frame.stamp_ns for frame in frames] == [10**18 + n * 100 * MS for n in range(4)]


def test_bag_without_stamps_takes_the_recorded_time(tmp_path):
    frames = frames_of(save_bag(tmp_path / 'bag', [0, 0]))
    assert [frame.stamp_ns for frame in frames] == [1000, 1000 + 40 * MS]


# --- loop ---


@pytest.mark.parametrize('kind', ['still', 'folder', 'gif', 'video', 'bag'])
def test_loop_goes_on_counting_and_never_repeats_a_stamp(tmp_path, kind):
    path, count = {
        'still': lambda: (save(tmp_path / 'x.png'), 1),
        'folder': lambda: (save_series(tmp_path / 'clip'), 3),
        'gif': lambda: (save_gif(tmp_path / 'x.gif'), 3),
        'video': lambda: (save_video(tmp_path / 'x.mp4', count=4), 4),
        'bag': lambda: (save_bag(tmp_path / 'bag', [10**18, 10**18 + 40 * MS]), 2),
    }[kind]()
    frames = []
    with open_source(str(path), SourceOptions(loop=True)) as source:
        assert source.frame_count is None
        for frame in source:
            frames.append(frame)
            if len(frames) == 3 * count:
                break
    assert_numbered(frames)
    for n in range(count):
        np.testing.assert_array_equal(frames[n].image, frames[n + count].image)


def test_closing_ends_a_loop(tmp_path):
    source = open_source(str(save(tmp_path / 'x.png')), SourceOptions(loop=True))
    for frame in source:
        if frame.index == 5:
            source.close()
    assert frame.index == 5


# --- pace ---


class FakeTime:
    """A clock that only waiting moves on."""

    def __init__(self):
        self.now = 50.0
        self.waits = []

    def clock(self):
        return self.now

    def wait(self, seconds):
        self.waits.append(seconds)
        self.now += seconds
        return False


class FakeSource(list):
    """Frames at given stamps, in milliseconds."""

    def __init__(self, stamps_ms, live=False):
        super().__init__(Frame(shade(0), ms * MS, n) for n, ms in enumerate(stamps_ms))
        self.live = live
        self.name = 'Bag fake'


def test_pace_follows_the_stamps():
    time = FakeTime()
    due = []
    for frame in paced(
        FakeSource([700, 800, 1000]), threading.Event(), clock=time.clock, wait=time.wait
    ):
        due.append((frame.index, round(time.now - 50, 6)))
        time.now += 0.03  # work, which shortens the next wait
    assert due == [(0, 0.0), (1, 0.1), (2, 0.3)]


def test_stalled_consumer_slows_the_clip_down_without_a_burst():
    time = FakeTime()
    due = []
    stamps = [0, 100, 200, 300]
    for frame in paced(FakeSource(stamps), threading.Event(), clock=time.clock, wait=time.wait):
        due.append(round(time.now - 50, 6))
        if frame.index == 0:
            time.now += 5
    assert due == [0, 5, 5.1, 5.2]


def test_pace_survives_a_clock_that_was_set_back():
    time = FakeTime()
    stamps = [9000, 9100, 100, 200]
    frames = paced(FakeSource(stamps), threading.Event(), clock=time.clock, wait=time.wait)
    assert len(list(frames)) == 4
    assert sum(time.waits) == pytest.approx(0.2)


@pytest.mark.parametrize('first_ms', [0, -3_000_000_000])
def test_a_clock_that_was_set_forward_is_told_and_not_waited_for(caplog, first_ms):
    time = FakeTime()
    now = 1_700_000_000_000
    stamps = [first_ms, first_ms + 100, now, now + 100]
    frames = paced(FakeSource(stamps), threading.Event(), clock=time.clock, wait=time.wait)
    assert len(list(frames)) == 4
    assert sum(time.waits) == pytest.approx(0.2)
    (record,) = caplog.records
    assert 'Bag fake has no frame for 17' in record.getMessage()


def test_live_frames_are_not_held_back():
    time = FakeTime()
    source = FakeSource([0, 1000, 2000], live=True)
    assert len(list(paced(source, threading.Event(), clock=time.clock, wait=time.wait))) == 3
    assert time.waits == []


def test_stop_interrupts_a_long_wait():
    stop = threading.Event()
    seen = []
    first = threading.Event()

    def play():
        for frame in paced(FakeSource([0, 50_000]), stop):
            seen.append(frame.index)
            first.set()

    thread = threading.Thread(target=play)
    thread.start()
    assert first.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()
    assert seen == [0]


# --- reconnection ---


class Flaky:
    """A live source that gives some frames and is then lost."""

    live = True
    frame_rate = 30.0
    frame_count = None
    name = 'Flaky'
    skipped = 1

    def __init__(self, frames):
        self.frames = frames
        self.closed = False

    def __iter__(self):
        for n in range(self.frames):
            yield Frame(shade(n), n, n)
        raise SourceError('The camera was unplugged.')

    def close(self):
        self.closed = True


def reconnecting(outcomes):
    """Opens one outcome after another: a number of frames, or None for a failure to open."""
    log, opened = [], []
    stop = threading.Event()

    def opener():
        if not outcomes:
            stop.set()
            raise SourceError('Over.')
        frames = outcomes.pop(0)
        if frames is None:
            raise SourceError('No camera.')
        opened.append(Flaky(frames))
        return opened[-1]

    source = Reconnecting(
        opener,
        name='Camera 0',
        stop=stop,
        on_lost=lambda error, delay_s: log.append((str(error), delay_s)),
        on_recovered=lambda: log.append('recovered'),
        wait=lambda seconds: stop.is_set(),
    )
    return source, log, opened


def test_reconnecting_backs_off_and_recovers():
    source, log, opened = reconnecting([None] * 7 + [2, None, 3])
    frames = list(source)
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert log[:7] == [('No camera.', s) for s in (0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0)]
    assert log[7:] == [
        'recovered',
        ('The camera was unplugged.', 0.5),
        ('No camera.', 1.0),
        'recovered',
        ('The camera was unplugged.', 0.5),
        ('Over.', 1.0),
    ]
    assert all(inner.closed for inner in opened)
    assert source.skipped == 2


def test_camera_that_opens_but_gives_nothing_is_not_recovered():
    source, log, _ = reconnecting([0, 0, 0])
    assert list(source) == []
    assert log[:3] == [('The camera was unplugged.', s) for s in (0.5, 1.0, 2.0)]


def test_closing_interrupts_the_wait():
    lost = threading.Event()

    def opener():
        raise SourceError('No camera.')

    source = Reconnecting(opener, name='x', on_lost=lambda error, delay_s: lost.set())
    thread = threading.Thread(target=lambda: list(source))
    thread.start()
    assert lost.wait(10)
    source.close()
    thread.join(15)
    assert not thread.is_alive()


def test_finite_source_ends_and_its_errors_are_passed_on():
    assert len(list(Reconnecting(DemoSource, name='demo'))) == 240

    class Finite(Flaky):
        live = False

    with pytest.raises(SourceError, match='unplugged'):
        list(Reconnecting(lambda: Finite(2), name='x'))


# --- what a user can get wrong ---


def empty_folder(tmp_path):
    (tmp_path / 'empty').mkdir()
    return tmp_path / 'empty'


def with_bytes(name, content):
    def make(tmp_path):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return make


def shortened(save_file, name, share):
    def make(tmp_path):
        path = save_file(tmp_path / name)
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * share)])
        return path

    return make


def cut_off_bag(tmp_path):
    path = save_bag(tmp_path / 'bag', range(1, 30))
    file = path / 'bag.db3'
    file.write_bytes(file.read_bytes()[:9000])
    return path


def audio_only(tmp_path):
    import wave

    with wave.open(str(tmp_path / 'x.wav'), 'wb') as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(8000))
    return tmp_path / 'x.wav'


WRONG = {
    'nothing': (lambda tmp_path: '', 'No source is given'),
    'missing': (lambda tmp_path: tmp_path / 'x.mp4', 'does not exist: check the path'),
    'pattern': (lambda tmp_path: tmp_path / '*.png', 'No image matches'),
    'scheme': (lambda tmp_path: 'gopher://host/x', 'unknown scheme'),
    'too long': (lambda tmp_path: 'x' * 5000, 'cannot be opened'),
    'nul': (lambda tmp_path: 'a\0b', 'does not exist'),
    'empty folder': (empty_folder, 'has no images'),
    'empty file': (with_bytes('x.mp4', b''), 'is empty'),
    'text': (with_bytes('x.txt', b'hello world\n' * 99), 'is no video or it is damaged'),
    'text as video': (with_bytes('x.mp4', b'hello world\n' * 99), 'is no video or it is damaged'),
    'audio': (audio_only, 'Video'),
    'mp4 cut off': (shortened(save_video, 'x.mp4', 0.5), 'is no video or it is damaged'),
    'text as image': (with_bytes('x.jpg', b'hello'), 'is no image or its header is damaged'),
    'jpeg cut off': (shortened(save, 'x.jpg', 0.5), 'is cut off'),
    'png cut off': (shortened(save, 'x.png', 0.5), 'is damaged'),
    'gif cut off': (shortened(save_gif, 'x.gif', 0.3), 'damaged'),
    'text as gif': (with_bytes('x.gif', b'hello'), 'damaged'),
    'bag cut off': (cut_off_bag, 'damaged or was cut off'),
    'bag secret': (
        lambda tmp_path: save_bag(tmp_path / 'bag', [1, 2], encoding='secret'),
        "no usable image on /camera/image_raw: Image encoding 'secret' is not supported",
    ),
    'bag empty': (lambda tmp_path: save_bag(tmp_path / 'bag', []), 'is empty'),
}


@pytest.mark.parametrize('name', sorted(WRONG))
def test_wrong_source_is_one_sentence(name, tmp_path, capfd):
    make, sentence = WRONG[name]
    spec = str(make(tmp_path))
    with pytest.raises(SourceError) as caught, open_source(spec) as source:
        list(source)
    assert sentence in str(caught.value)
    assert str(caught.value).endswith('.')
    assert '\n' not in str(caught.value)
    assert capfd.readouterr().err == ''


@pytest.mark.parametrize(
    'options',
    [{'frame_rate': -1}, {'frame_rate': float('nan')}, {'width': -5}, {'pixel_format': 'RGB'}],
)
def test_wrong_options(options):
    with pytest.raises(SourceError):
        SourceOptions(**options)
