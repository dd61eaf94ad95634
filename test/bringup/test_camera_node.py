"""The camera node on files, and on a camera that is not there."""

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from processes import assert_one_sentence, interrupt, run_node, start_node
from rclpy.qos import ReliabilityPolicy
from ros_bench import CameraBench, parameters
from sensor_msgs.msg import Image

from emotion_bringup.conversion import image_from_message, stamp_to_ns
from emotion_bringup.endings import EXIT_ERROR, EXIT_USAGE
from emotion_bringup.nodes import camera

FRAMES = 12
RATE = 50.0

CALIBRATION = """\
image_width: 64
image_height: 48
camera_name: head
camera_matrix: {rows: 3, cols: 3, data: [50.0, 0.0, 32.0, 0.0, 51.0, 24.0, 0.0, 0.0, 1.0]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [0.1, -0.2, 0.01, 0.02, 0.0]}
rectification_matrix: {rows: 3, cols: 3, data: [1, 0, 0, 0, 1, 0, 0, 0, 1]}
projection_matrix: {rows: 3, cols: 4, data: [50, 0, 32, 0, 0, 51, 24, 0, 0, 0, 1, 0]}
"""


@pytest.fixture(scope='module')
def images():
    random = np.random.default_rng(5)
    return [random.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(FRAMES)]


@pytest.fixture(scope='module')
def folder(tmp_path_factory, images):
    folder = tmp_path_factory.mktemp('images')
    for number, image in enumerate(images):
        cv2.imwrite(str(folder / f'{number:02}.png'), image)
    return folder


@pytest.fixture
def open_bench(folder):
    benches = []

    def make(*arguments, **values):
        values = {
            'video_device': f"'{folder}'",
            'framerate': RATE,
            'mode': 'replay',
            'wait_for_subscribers': 1,
            **values,
        }
        bench = CameraBench([*parameters(**values), *arguments], mode=values['mode'])
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.close()


def test_every_frame_of_a_file_comes_once(open_bench, images):
    bench = open_bench(frame_id='eye_optical')
    bench.listen()
    bench.spin_to_the_end()
    assert len(bench.received) == len(bench.infos) == FRAMES
    for message, info, pixels in zip(bench.received, bench.infos, images, strict=True):
        assert message.header == info.header
        assert message.header.frame_id == 'eye_optical'
        assert (message.width, message.height, message.encoding) == (64, 48, 'bgr8')
        assert (info.width, info.height) == (64, 48)
        np.testing.assert_array_equal(image_from_message(message), pixels)
    stamps = [stamp_to_ns(image.header.stamp) for image in bench.received]
    assert np.diff(stamps).tolist() == [20_000_000] * (FRAMES - 1)
    assert bench.node.exit_code == 0


def test_the_first_frame_waits_for_its_subscribers(open_bench):
    bench = open_bench(wait_for_subscribers=2)
    bench.listen()
    bench.spin_until(lambda: len(bench.diagnostics) >= 2, 'diagnostics')
    assert not bench.received
    second = []
    bench.client.create_subscription(Image, 'image_raw', second.append, 100)
    bench.spin_to_the_end()
    assert len(bench.received) == FRAMES


def test_a_file_whose_readers_do_not_come_back_ends_without_them(open_bench, monkeypatch):
    monkeypatch.setattr(camera, '_TELL_AFTER_S', 0.2)
    monkeypatch.setattr(camera, '_RETURN_TIMEOUT_S', 0.5)
    bench = open_bench(wait_for_subscribers=2)
    bench.listen()
    second = bench.client.create_subscription(Image, 'image_raw', lambda _: None, 100)
    bench.spin_until(lambda: bool(bench.received), 'the first frame')
    bench.client.destroy_subscription(second)
    bench.spin_to_the_end()
    assert len(bench.received) == FRAMES
    assert bench.logged('Readers have gone: 1 of 2 are there')
    assert bench.logged('They have not come back')


def test_a_looped_file_goes_on_without_a_jump(open_bench):
    bench = open_bench(loop='true')
    bench.listen()
    bench.spin_until(lambda: len(bench.received) >= 2 * FRAMES + 3, 'the third round')
    stamps = [stamp_to_ns(image.header.stamp) for image in bench.received]
    assert (np.diff(stamps) > 0).all()
    assert not bench.stopped


def test_an_uncalibrated_camera_has_a_zero_matrix(open_bench):
    bench = open_bench()
    bench.listen()
    bench.spin_until(lambda: bool(bench.infos), 'camera_info')
    assert list(bench.infos[0].k) == [0.0] * 9
    assert list(bench.infos[0].p) == [0.0] * 12
    assert list(bench.infos[0].d) == []


def test_a_calibration_is_published(open_bench, tmp_path):
    file = tmp_path / 'head.yaml'
    file.write_text(CALIBRATION)
    bench = open_bench(camera_name='head', camera_info_url=f'file://{file}')
    bench.listen()
    bench.spin_until(lambda: bool(bench.infos), 'camera_info')
    info = bench.infos[0]
    assert list(info.k) == [50, 0, 32, 0, 51, 24, 0, 0, 1]
    assert list(info.d) == [0.1, -0.2, 0.01, 0.02, 0.0]
    assert list(info.p)[:4] == [50, 0, 32, 0]
    assert info.distortion_model == 'plumb_bob'
    assert not bench.logged('calibration was made at')


def test_a_calibration_of_another_size_is_told(open_bench, tmp_path):
    file = tmp_path / 'head.yaml'
    file.write_text(CALIBRATION.replace('image_width: 64', 'image_width: 640'))
    bench = open_bench(camera_name='head', camera_info_url=str(file))
    bench.listen()
    bench.spin_until(lambda: bench.logged('The calibration was made at 640x48'), 'the warning')
    bench.spin_to_the_end()
    assert len(bench.logged('The calibration was made at')) == 1


def test_compressed_images_while_subscribed(open_bench, images):
    bench = open_bench()
    bench.listen_compressed()
    bench.listen()
    bench.spin_to_the_end()
    bench.spin_until(lambda: len(bench.compressed) == FRAMES, 'the compressed images')
    for jpeg, image in zip(bench.compressed, bench.received, strict=True):
        assert jpeg.header == image.header
        assert 'jpeg' in jpeg.format
        assert image_from_message(jpeg).shape == (48, 64, 3)


def test_without_compressed_transport(open_bench):
    bench = open_bench(publish_compressed='false')
    bench.listen()
    bench.spin_until(lambda: bool(bench.received), 'an image')
    assert bench.client.count_publishers('/image_raw/compressed') == 0


def test_diagnostics_tell_rate_and_source(open_bench, folder):
    bench = open_bench(loop='true')
    idle = bench.spin_until_status(lambda status: status.message.startswith('Idle'))
    assert idle.level == DiagnosticStatus.OK
    bench.listen()
    status = bench.spin_until_status(lambda status: 'frames per second' in status.message)
    assert (status.name, status.level) == ('camera_node: capture', DiagnosticStatus.OK)
    values = {entry.key: entry.value for entry in status.values}
    assert str(folder) in values['source']
    assert float(values['rate (Hz)']) > 0


def test_a_missing_camera_is_retried_and_reported(open_bench):
    bench = open_bench(video_device="'63'", mode='live', wait_for_subscribers=0)
    status = bench.spin_until_status(lambda status: status.level == DiagnosticStatus.ERROR)
    assert '63' in status.message
    assert status.message.endswith('.')
    bench.spin_until(lambda: bench.logged('Trying again'), 'the warning')
    assert not bench.stopped


def test_topics_lie_in_the_namespace(open_bench):
    bench = open_bench('-r', '__ns:=/robot1/camera')
    bench.spin_until(
        lambda: all(
            bench.client.count_publishers(f'/robot1/camera/{name}') == 1
            for name in ('image_raw', 'camera_info', 'image_raw/compressed')
        ),
        'the publishers',
    )


def test_the_profile_of_each_topic_can_be_overridden_by_itself(open_bench):
    bench = open_bench('-p', 'qos_overrides./image_raw.publisher.reliability:=best_effort')
    topics = ('/image_raw', '/image_raw/compressed', '/camera_info')

    def reliabilities():
        found = [bench.client.get_publishers_info_by_topic(topic) for topic in topics]
        return [endpoints[0].qos_profile.reliability for endpoints in found if endpoints]

    bench.spin_until(lambda: len(reliabilities()) == len(topics), 'the publishers')
    best_effort, reliable = ReliabilityPolicy.BEST_EFFORT, ReliabilityPolicy.RELIABLE
    assert reliabilities() == [best_effort, reliable, reliable]


# --- as a process ------------------------------------------------------------------------------


def test_the_end_of_a_file_ends_the_process(folder):
    code, _, err = run_node(
        'camera_node', *parameters(video_device=f"'{folder}'", framerate=RATE, mode='replay')
    )
    assert code == 0, err
    assert f'{FRAMES} frames published' in err
    assert 'Traceback' not in err


def test_a_missing_file_ends_the_process_with_one_sentence(tmp_path):
    missing = tmp_path / 'missing.mp4'
    code, _, err = run_node('camera_node', *parameters(video_device=missing))
    assert code == EXIT_USAGE
    assert_one_sentence(err, missing, 'does not exist')


@pytest.mark.parametrize(
    ('name', 'exit_code'),
    [
        ('clip.mp4', EXIT_USAGE),
        ('clip.gif', EXIT_ERROR),  # found out with the first frame
        ('clip.png', EXIT_ERROR),
        ('clip.mcap', EXIT_USAGE),
        ('clip.db3', EXIT_USAGE),
    ],
)
def test_a_damaged_file_ends_the_process_with_one_sentence(tmp_path, name, exit_code):
    damaged = tmp_path / name
    damaged.write_bytes(b'\0\1\2 this is neither a video nor an image nor a bag' * 20)
    code, _, err = run_node('camera_node', *parameters(video_device=damaged))
    assert code == exit_code
    assert_one_sentence(err, damaged)


def test_a_missing_calibration_ends_the_process_with_one_sentence(folder, tmp_path):
    missing = tmp_path / 'missing.yaml'
    values = parameters(video_device=f"'{folder}'", camera_info_url=f'file://{missing}')
    code, _, err = run_node('camera_node', *values)
    assert code == EXIT_USAGE
    assert_one_sentence(err, missing)


def test_ctrl_c_ends_a_waiting_camera(open_bench):
    bench = open_bench()
    process = start_node(
        'camera_node', *parameters(video_device="'63'"), '-r', '__ns:=/other', '-r', '__node:=eye'
    )
    try:
        bench.spin_until(
            lambda: bench.client.count_publishers('/other/image_raw') == 1, 'the start'
        )
        code, _, err = interrupt(process)
    finally:
        process.kill()
    assert code == 0
    assert 'Traceback' not in err
