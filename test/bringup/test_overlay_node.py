"""The overlay node: exact stamps, lazy, in images, JPEG and video."""

import dataclasses

import cv2
import numpy as np
import pytest
from processes import assert_one_sentence, run_node
from ros_bench import (
    ASTRONAUT_BOX,
    FRAME_NS,
    OverlayBench,
    header,
    image_message,
    jpeg_message,
    parameters,
)
from sensor_msgs.msg import CompressedImage

from emotion_bringup import qos
from emotion_bringup.conversion import emotions_message, image_from_message, stamp_to_ns
from emotion_bringup.endings import EXIT_USAGE
from emotion_msgs.msg import Audience, FaceEmotionArray
from emotion_perception.types import NS_PER_S, Box, Face

FACE = Face(
    track_id=4,
    box=Box(*(float(value) for value in ASTRONAUT_BOX)),
    score=0.9,
    landmarks=np.array([[203, 101], [246, 103], [224, 125], [204, 141], [242, 142]], np.float32),
    emotion_id=3,
    confidence=0.7,
    probabilities=np.array([0.05, 0.05, 0.05, 0.7, 0.05, 0.05, 0.05], np.float32),
)


@pytest.fixture
def open_bench():
    benches = []

    def make(mode='live', compressed=False, **values):
        values = {'mode': mode, **values}
        if compressed:
            values['image_transport'] = 'compressed'
        bench = OverlayBench(parameters(**values), mode=mode, compressed=compressed)
        benches.append(bench)
        return bench

    yield make
    for bench in benches:
        bench.close()


def changed(drawn, original):
    """Where the overlay has drawn: bool [height, width]."""
    return (image_from_message(drawn) != original).any(axis=2)


def test_faces_are_drawn_onto_their_image(open_bench, astronaut):
    bench = open_bench()
    bench.watch()
    drawn = bench.draw(image_message(astronaut), [FACE])
    # One of the images that were sent until one came back drawn.
    behind_ns = bench._stamp_ns - stamp_to_ns(drawn.header.stamp)
    assert behind_ns >= 0 and behind_ns % FRAME_NS == 0
    assert drawn.header == header(bench._stamp_ns - behind_ns)
    assert (drawn.width, drawn.height, drawn.encoding) == (512, 512, 'bgr8')
    x, y, width, height = ASTRONAUT_BOX
    where = changed(drawn, astronaut)
    assert where[y - 5 : y + height + 5, x - 5 : x + width + 5].any()
    # Far away from the face the image stays as it is.
    assert not where[450:, 450:].any()


def test_an_image_without_face_comes_back_as_it_is(open_bench, astronaut):
    bench = open_bench()
    bench.watch()
    assert not changed(bench.draw(image_message(astronaut), []), astronaut).any()


def test_without_a_watcher_nothing_is_subscribed_to(open_bench, astronaut):
    bench = open_bench()
    status = bench.next_status()
    assert status.message == 'Idle: nobody watches'
    assert bench.client.count_subscribers('/image') == 0
    assert bench.client.count_subscribers('/emotions') == 0
    subscription = bench.watch()
    bench.draw(image_message(astronaut), [FACE])
    assert 'frames per second' in bench.next_status().message
    bench.client.destroy_subscription(subscription)
    bench.spin_until(
        lambda: (
            bench.client.count_subscribers('/image') == 0
            and bench.client.count_subscribers('/emotions') == 0
        ),
        'the end of the listening',
    )


@pytest.mark.parametrize('image_first', [True, False])
def test_stamps_match_exactly_in_either_order(open_bench, image_first):
    bench = open_bench(mode='replay')
    bench.watch()
    bench.spin_until(bench.is_connected, 'the subscriptions')
    small = image_message(np.full((48, 64, 3), 90, np.uint8))
    stamp_ns = bench.next_stamp()
    steps = [
        lambda: bench.send_image(small, stamp_ns),
        lambda: bench.send_result(stamp_ns + 1, [], 64, 48),
        lambda: bench.send_result(stamp_ns, [], 64, 48),
    ]
    for waiting, step in enumerate(steps[:2] if image_first else steps[2:0:-1], start=1):
        step()
        bench.spin_until(lambda n=waiting: bench.node._input.waiting == n, 'the message')
    assert not bench.overlays
    (steps[2] if image_first else steps[0])()
    bench.spin_until(lambda: bool(bench.overlays), 'the overlay')
    assert [stamp_to_ns(image.header.stamp) for image in bench.overlays] == [stamp_ns]


def test_the_target_and_the_audience_are_drawn_on_request_while_they_are_fresh(
    open_bench, astronaut
):
    bench = open_bench(draw_probabilities=False)
    target = bench.client.create_publisher(FaceEmotionArray, 'emotions/target', 10)
    audience = bench.client.create_publisher(Audience, 'emotions/audience', 10)
    listeners = (target.get_subscription_count, audience.get_subscription_count)
    subscription = bench.watch()
    image = image_message(astronaut)
    plain = image_from_message(bench.draw(image, [FACE]))
    assert [count() for count in listeners] == [0, 0]
    assert bench.set_parameter('draw_people', True) == (True, '')
    bench.spin_until(lambda: all(count() for count in listeners), 'the subscriptions')

    def drawn_anew():
        """An image that is sent from now on, as it comes back; others may be on their way."""
        since_ns = bench._stamp_ns
        while stamp_to_ns((drawn := bench.draw(image, [FACE])).header.stamp) <= since_ns:
            pass
        return drawn

    def told(box, **counts):
        """What is told of the last image, and where the next one then differs from before."""
        # The track with which it became the target is over.
        face = dataclasses.replace(FACE, track_id=2, box=box)
        now = header(bench._stamp_ns)
        target.publish(emotions_message(now, 512, 512, [face] if box else []))
        audience.publish(Audience(header=now, **counts))
        newest = bench.node._people._newest
        bench.spin_until(
            lambda: [newest[topic].header for topic in newest] == [now] * 2, 'what is told'
        )
        return changed(drawn_anew(), plain)

    x, y, width, height = ASTRONAUT_BOX
    face = np.s_[y : y + height, x : x + width]
    both = told(Box(x + 5, y - 4, width, height), faces=1, faces_with_pose=1, looking=1)
    assert both[face].sum() > 200
    assert both[450:, :200].any()
    # Nobody is the target, and who looks is not known: a shorter line.
    line = told(None, faces=1)
    assert not line[face].any()
    assert 0 < line[450:].sum() < both[450:].sum()
    elsewhere = told(Box(10, 300, 90, 100), faces=2)
    assert not elsewhere[face].any()
    assert not np.array_equal(elsewhere[450:], line[450:])
    bench._stamp_ns += NS_PER_S  # people_node has ended
    assert not changed(drawn_anew(), plain).any()
    bench.client.destroy_subscription(subscription)
    bench.spin_until(lambda: not any(count() for count in listeners), 'the end of the listening')


def test_compressed_output(open_bench, astronaut):
    bench = open_bench(mode='replay')
    bench.client.create_subscription(
        CompressedImage, 'emotions/image/compressed', bench.jpegs.append, qos.IMAGE_REPLAY
    )
    bench.spin_until(bench.is_connected, 'the subscriptions')
    stamp_ns = bench.next_stamp()
    bench.send_image(image_message(astronaut), stamp_ns)
    bench.send_result(stamp_ns, [FACE])
    bench.spin_until(lambda: bool(bench.jpegs), 'the overlay')
    assert bench.jpegs[0].header == header(stamp_ns)
    assert image_from_message(bench.jpegs[0]).shape == (512, 512, 3)


def test_compressed_input(open_bench, astronaut):
    bench = open_bench(compressed=True)
    bench.watch()
    drawn = bench.draw(jpeg_message(astronaut), [FACE])
    assert (drawn.width, drawn.height) == (512, 512)


def test_a_bad_image_is_left_out(open_bench, astronaut):
    bench = open_bench(mode='replay')
    bench.watch()
    bench.spin_until(bench.is_connected, 'the subscriptions')
    stamp_ns = bench.next_stamp()
    bench.send_image(image_message(astronaut, 'klingon8'), stamp_ns)
    bench.send_result(stamp_ns, [FACE])
    bench.spin_until(lambda: bench.node._statistics.bad == 1, 'the bad image')
    bench.spin_until(lambda: bench.logged('klingon8'), 'the warning')
    bench.draw(image_message(astronaut), [FACE])


def test_replay_takes_best_effort_publishers_too(open_bench, astronaut):
    bench = open_bench(mode='replay')
    bench.offer_best_effort()
    bench.watch()
    assert bench.draw(image_message(astronaut), [FACE]).width == 512


def test_what_is_drawn_can_be_changed_while_running(open_bench, astronaut):
    bench = open_bench()
    bench.watch()
    full = changed(bench.draw(image_message(astronaut), [FACE]), astronaut).sum()
    assert bench.set_parameter('draw_probabilities', False) == (True, '')
    less = changed(bench.draw(image_message(astronaut), [FACE]), astronaut).sum()
    assert less < full
    assert bench.set_parameter('draw_landmarks', True) == (True, '')
    more = changed(bench.draw(image_message(astronaut), [FACE]), astronaut).sum()
    assert more > less
    assert not bench.set_parameter('video_path', '/elsewhere.mp4')[0]


def test_uncertain_and_missing_landmarks_are_drawn(open_bench, astronaut):
    bench = open_bench(draw_landmarks='true')
    bench.watch()
    face = dataclasses.replace(FACE, emotion_id=None, landmarks=None)
    assert changed(bench.draw(image_message(astronaut), [face]), astronaut).any()


@pytest.mark.parametrize('waits', [False, True])
def test_a_video_holds_every_frame(open_bench, astronaut, tmp_path, waits):
    path = tmp_path / 'out' / 'overlay.mp4'
    bench = open_bench(mode='replay', video_path=path, wait_for_publisher=waits)
    bench.spin_until(bench.is_connected, 'the subscriptions')
    for _ in range(10):
        stamp_ns = bench.next_stamp()
        bench.send_image(image_message(astronaut), stamp_ns)
        bench.send_result(stamp_ns, [FACE])
        bench.spin_some()
    bench.spin_until(lambda: bench.node._statistics.frames == 10, 'the last frame')
    bench.node.close()
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    assert len(frames) == 10
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(30, abs=0.1)
    assert cv2.absdiff(frames[5], astronaut)[400:, 400:].mean() < 4
    assert bench.node.exit_code == 0


def test_a_video_that_cannot_be_written_does_not_end_the_overlay(open_bench, astronaut, tmp_path):
    blocked = tmp_path / 'file'
    blocked.write_text('no folder')
    bench = open_bench(mode='replay', video_path=blocked / 'overlay.mp4', video_framerate=30.0)
    bench.watch()
    bench.draw(image_message(astronaut), [FACE])
    bench.draw(image_message(astronaut), [FACE])
    bench.spin_until(lambda: bench.logged(str(blocked)), 'the error')
    assert bench.node.exit_code == 1


# --- as a process ------------------------------------------------------------------------------


def test_a_window_without_screen_ends_the_process_with_one_sentence():
    code, _, err = run_node(
        'overlay_node', *parameters(show_window='true'), DISPLAY='', WAYLAND_DISPLAY=''
    )
    assert code == EXIT_USAGE
    assert_one_sentence(err)


def test_an_unknown_kind_of_video_ends_the_process_with_one_sentence(tmp_path):
    code, _, err = run_node('overlay_node', *parameters(video_path=tmp_path / 'overlay.xyz'))
    assert code == EXIT_USAGE
    assert_one_sentence(err, 'overlay.xyz')
