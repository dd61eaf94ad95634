"""Images that stop, jump, change and carry strange stamps: one emotion node survives them all."""

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from ros_bench import image_message
from stage import FIRST_STAMP_NS, Camera

NODE = '/robot/emotion_node'
LOGGER = 'robot.emotion_node'
MANY = 30


@pytest.fixture(scope='module')
def running(stage, small):
    process = stage.start('emotion_node', '-r', '__ns:=/robot', image_timeout=1.0)
    camera = Camera(stage, '/robot')
    camera.connect(small)
    camera.process = process
    return camera


@pytest.fixture
def camera(running, small):
    """The camera on a new stream: the node has forgotten what it has warned of."""
    running.new_stream(small)
    running.next_stamp(60.0)
    return running


def assert_well(stage, camera, image):
    """Waits for OK while the camera goes on: one image alone is silence again after a second."""
    stage.status(
        NODE,
        lambda status: status.level == DiagnosticStatus.OK,
        meanwhile=lambda: camera.ask(image),
    )


def track_ids(results):
    return [[face.track_id for face in result.faces] for result in results]


# --- silence -----------------------------------------------------------------------------------


def test_a_frozen_camera_is_told_once_and_its_recovery_too(stage, camera, small):
    status = stage.status(NODE, lambda s: s.level == DiagnosticStatus.WARN)
    assert 'No image on /robot/image' in status.message
    assert 'fallen silent' in status.message
    assert stage.status(NODE).level == DiagnosticStatus.WARN
    assert_well(stage, camera, small)
    stage.spin_until(lambda: stage.logged('Images on /robot/image again', LOGGER), 'the good news')
    warning, news = stage.logged('/robot/image', LOGGER)[:2]
    assert warning.startswith('No image on')
    assert news.startswith('Images on')


def test_a_camera_that_repeats_its_last_image_is_told_as_frozen(stage, camera, small):
    stamp_ns = camera.next_stamp()
    camera.ask(small, stamp_ns)

    status = stage.status(
        NODE,
        lambda s: 'No new image on /robot/image' in s.message,
        meanwhile=lambda: camera.send(small, stamp_ns),
    )
    assert status.level == DiagnosticStatus.WARN
    assert 'stands still' in status.message
    assert_well(stage, camera, small)


def test_a_camera_that_is_gone_and_comes_back_is_processed(stage, camera, small):
    camera.unplug()
    status = stage.status(NODE, lambda s: 'nobody publishes it' in s.message)
    assert status.level == DiagnosticStatus.WARN
    camera.plug_in()
    camera.connect(small)
    assert_well(stage, camera, small)


# --- changes -----------------------------------------------------------------------------------


def test_a_rate_that_jumps_keeps_the_face_as_long_as_its_track_lives(camera, portrait):
    camera.ask(portrait, camera.next_stamp(1.0))  # after a pause the whole image is searched
    for seconds in (0.9, 0.001, 0.5, 1 / 240, 0.99, 1 / 30):
        camera.ask(portrait, camera.next_stamp(seconds))
    assert len({tuple(ids) for ids in track_ids(camera.results)}) == 1
    camera.ask(portrait, camera.next_stamp(5.0))
    (before,), (after,) = track_ids(camera.results)[-2:]
    assert after > before


def test_a_burst_of_images_ends_with_the_newest_one_processed(stage, camera, small):
    sent = [camera.send(small) for _ in range(300)]
    stage.spin_until(lambda: sent[-1] in camera.stamps, 'the newest result')
    assert camera.stamps == sorted(set(camera.stamps))
    camera.ask(small)


def encoded(image, encoding):
    if encoding == 'rgb8':
        image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    elif encoding.startswith('mono'):
        image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    if encoding == 'mono16':
        image = image.astype(np.uint16) * 257
    return image_message(image, encoding, padding=8 if encoding == 'mono16' else 0)


@pytest.mark.parametrize('every', [1, 3], ids=['detected', 'followed'])
def test_size_and_encoding_may_change_with_every_image(stage, camera, portrait, every):
    set_parameter(stage, 'detect_every_n', every)
    for side, encoding in [(256, 'bgr8'), (320, 'mono8'), (200, 'rgb8'), (256, 'mono16')] * 3:
        image = cv2.resize(portrait, (side, side + 20))
        result = camera.ask(encoded(image, encoding))
        assert (result.image_width, result.image_height) == (side, side + 20)
        assert all(
            face.box.x_offset + face.box.width <= side
            and face.box.y_offset + face.box.height <= side + 20
            for face in result.faces
        )
    set_parameter(stage, 'detect_every_n', 1)
    assert len(camera.ask(portrait).faces) == 1


def set_parameter(stage, name, value):
    client = stage.node.create_client(SetParameters, f'{NODE}/set_parameters')
    stage.spin_until(client.service_is_ready, 'the service')
    kind = ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=value)
    future = client.call_async(SetParameters.Request(parameters=[Parameter(name=name, value=kind)]))
    stage.spin_until(future.done, 'the parameter')
    assert future.result().results[0].successful
    stage.node.destroy_client(client)


# --- stamps ------------------------------------------------------------------------------------


def test_images_without_stamp_are_all_processed_and_told_once(stage, camera, portrait):
    for _ in range(MANY):
        assert len(camera.ask(portrait, 0).faces) == 1
    assert len({tuple(ids) for ids in track_ids(camera.results)}) == 1
    stage.spin_until(lambda: stage.logged('have no stamp', LOGGER), 'the warning')
    stage.status(NODE)
    assert len(stage.logged('have no stamp', LOGGER)) == 1


def test_a_repeated_stamp_is_processed_once_and_told_once(stage, camera, small):
    stamp_ns = camera.next_stamp()
    camera.ask(small, stamp_ns)
    for _ in range(MANY):
        camera.send(small, stamp_ns)
    stage.spin_until(lambda: stage.logged('Two images with the stamp', LOGGER), 'the warning')
    stage.status(NODE)
    camera.ask(small)
    assert camera.stamps.count(stamp_ns) == 1
    assert len(stage.logged('Two images with the stamp', LOGGER)) == 1


def test_a_looped_bag_starts_new_tracks_with_every_round_and_is_told_once(stage, camera, portrait):
    start_ns = camera.next_stamp()
    moved = [np.roll(portrait, 2 * number, axis=1) for number in range(4)]
    for _ in range(3):
        for number, image in enumerate(moved):
            camera.ask(image, start_ns + number * 40_000_000)
    assert track_ids(camera.results)[4:] == [[1]] * 8
    # Once in a process's life, for a looped bag would tell it for ever.
    assert camera.process.output.count('Time went back') == 1


def test_probabilities_of_the_last_round_do_not_reach_into_the_next(stage, camera, portrait):
    """A bright face at the end of a bag must not brighten the dark one at its start."""
    dark, bright = portrait // 2, portrait
    start_ns = camera.next_stamp()
    first = camera.ask(dark, start_ns).faces[0].probabilities
    camera.ask(bright, start_ns + 40_000_000)
    again = camera.ask(dark, start_ns - 1).faces[0].probabilities
    np.testing.assert_allclose(first, again, atol=1e-6)


def test_strange_stamps_in_any_order_are_processed(stage, camera, small):
    strange = [FIRST_STAMP_NS * 1.2, 1, 2**31 * 10**9 - 1, 0, 10**9, -1, -(2**31) * 10**9, 0, 5]
    for stamp_ns in map(int, strange):
        camera.ask(small, stamp_ns)
    unnormalised = image_message(small)
    unnormalised.header.stamp.nanosec = 2**32 - 1
    camera.images.publish(unnormalised)
    stage.spin_until(lambda: len(camera.results) > len(strange), 'the last result')
    assert camera.results[-1].header == unnormalised.header
    camera.ask(small, camera.next_stamp(10.0))
