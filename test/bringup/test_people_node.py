"""What people_node tells of faces, over DDS."""

from dataclasses import replace

import numpy as np
import pytest
from ros_bench import Bench, header

from emotion_bringup import qos
from emotion_bringup.conversion import emotions_message
from emotion_bringup.nodes.people import PeopleNode
from emotion_msgs.msg import Audience, ExpressionEvent, FaceEmotionArray
from emotion_msgs.srv import AskEmotions
from emotion_perception.labels import Emotion
from emotion_perception.types import NS_PER_S, Box, Face, Head

STEP_NS = NS_PER_S // 10


def smile(value):
    change = np.zeros(7, np.float32)
    change[Emotion.HAPPY] = value
    probabilities = np.full(7, 0.1, np.float32)
    probabilities[Emotion.HAPPY] = 0.4
    return Face(7, Box(10, 10, 50, 60), 0.9, None, Emotion.HAPPY, 0.4, probabilities, change)


def looking(probability):
    return Head(
        rotation=np.eye(3),
        position=np.full(3, np.nan),
        gaze=np.array([0.0, 0.0, -1.0]),
        looking_at_camera=probability,
        mesh=np.empty((0, 3), np.float32),
        origin=(35.0, 40.0),
        scale=0.5,
    )


@pytest.fixture
def bench():
    bench = Bench(PeopleNode, [])
    bench.results = bench.client.create_publisher(FaceEmotionArray, 'emotions', 100)
    bench.events = []
    bench.now_ns = NS_PER_S
    yield bench
    bench.close()


def listen(bench):
    bench.client.create_subscription(
        ExpressionEvent, 'emotions/events', bench.events.append, qos.EVENTS
    )
    bench.spin_until(lambda: bench.results.get_subscription_count() == 1, 'the subscription')


def send(bench, values):
    """Results one after the other; returns the stamps."""
    stamps = []
    for value in values:
        bench.now_ns += STEP_NS
        stamps.append(bench.now_ns)
        faces = [] if value is None else [smile(value)]
        bench.results.publish(emotions_message(header(bench.now_ns), 640, 480, faces))
        bench.spin_some()
    return stamps


def test_a_smile_is_told_from_its_start_to_its_end(bench):
    listen(bench)
    stamps = send(bench, [0.0, *[1.5] * 6, *[0.0] * 5])
    bench.spin_until(lambda: len(bench.events) == 2, 'both events')
    start, end = bench.events
    assert [start.kind, end.kind] == [ExpressionEvent.STARTED, ExpressionEvent.ENDED]
    assert start.header == header(stamps[4])
    assert (start.track_id, start.emotion, start.emotion_id) == (7, 'Happy', Emotion.HAPPY)
    assert start.strength == pytest.approx(1.5)
    assert start.duration.nanosec == 3 * STEP_NS
    assert end.duration.nanosec == 6 * STEP_NS


def test_an_audience_is_counted(bench):
    told = []
    bench.client.create_subscription(Audience, 'emotions/audience', told.append, qos.EVENTS)
    bench.spin_until(lambda: bench.results.get_subscription_count() == 1, 'the subscription')
    faces = [smile(0.0), replace(smile(0.0), track_id=8, head=looking(0.9))]
    message = emotions_message(header(NS_PER_S), 640, 480, faces)
    bench.results.publish(message)
    bench.spin_until(lambda: bool(told), 'the audience')
    assert told[0].header == message.header
    assert (told[0].faces, told[0].faces_with_pose, told[0].looking) == (2, 1, 1)
    assert told[0].probabilities[Emotion.HAPPY] == pytest.approx(0.4)


def test_a_target_comes_back_as_the_same_and_waits_for_nobody_else(bench):
    told = []
    bench.client.create_subscription(FaceEmotionArray, 'emotions/target', told.append, qos.EVENTS)
    bench.spin_until(lambda: bench.results.get_subscription_count() == 1, 'the subscription')
    assert bench.set_parameter('target_by', 'largest') == (True, '')
    near, far = smile(0.0), replace(smile(0.0), track_id=8, box=Box(400, 90, 40, 50))
    back = replace(near, track_id=9, box=Box(14, 12, 50, 58))
    images = [[near, far], [far], [back, far]]
    for index, faces in enumerate(images, 1):
        bench.results.publish(emotions_message(header(index * NS_PER_S), 640, 480, faces))
    bench.spin_until(lambda: len(told) == 3, 'the targets')
    assert [[face.track_id for face in message.faces] for message in told] == [[7], [], [7]]
    assert told[2].faces[0].box.x_offset == 14
    assert (told[2].header, told[2].image_width) == (header(3 * NS_PER_S), 640)


@pytest.fixture
def ask(bench):
    """Asks for so many seconds; returns the future of the response."""
    client = bench.client.create_client(AskEmotions, 'emotions/ask')
    bench.spin_until(client.service_is_ready, 'the service')
    bench.spin_until_served('/emotions/ask')
    return lambda seconds, wait: client.call_async(AskEmotions.Request(seconds=seconds, wait=wait))


def test_the_next_seconds_are_told_when_they_are_over(bench, ask):
    future = ask(0.4, True)
    bench.spin_until(lambda: bench.results.get_subscription_count() == 1, 'the subscription')
    stamps = send(bench, [1.0, 1.0, None, 1.0, 1.0])
    response = bench.result(future)
    assert (response.success, response.message) == (True, '')
    assert (response.images, response.seconds) == (5, pytest.approx(0.4))
    assert response.header == header(stamps[-1])
    (face,) = response.faces
    assert (face.track_id, face.emotion, face.share) == (7, 'Happy', pytest.approx(0.8))
    assert face.probabilities[Emotion.HAPPY] == pytest.approx(0.4)
    assert face.deviation[Emotion.HAPPY] == pytest.approx(0)
    bench.spin_until(lambda: bench.results.get_subscription_count() == 0, 'the end of listening')


def test_a_question_holds_up_nothing_and_ends_where_no_image_comes(bench, ask):
    future = ask(0.2, True)
    listen(bench)
    assert bench.set_parameter('event_start', 1.0) == (True, '')
    assert not future.done()
    response = bench.result(future)
    assert (response.success, response.images, list(response.faces)) == (True, 0, [])


def test_the_last_seconds_are_told_where_they_are_remembered(bench, ask):
    refused = bench.result(ask(5.0, False))
    assert not refused.success
    assert 'set the parameter ask_history of people_node' in refused.message
    assert bench.set_parameter('ask_history', 5.0) == (True, '')
    bench.spin_until(lambda: bench.results.get_subscription_count() == 1, 'the subscription')
    stamps = send(bench, [1.0] * 8)
    statistics = bench.node._statistics
    bench.spin_until(lambda: statistics.frames == 8, 'the results')
    response = bench.result(ask(0.5, False))
    assert (response.images, response.header) == (6, header(stamps[-1]))


def test_a_time_that_makes_no_sense_is_refused(bench, ask):
    for seconds in (0.0, -1.0, 61.0, float('nan')):
        response = bench.result(ask(seconds, True))
        assert not response.success
        assert response.message == f'seconds must be above 0 and at most 60, not {seconds:g}.'


def test_who_asks_and_leaves_does_no_harm(bench, ask):
    ask(0.2, True)
    bench.spin_until(lambda: bench.results.get_subscription_count() == 1, 'the subscription')
    (asking,) = (one for one in bench.client.clients if one.srv_name.endswith('emotions/ask'))
    bench.client.destroy_client(asking)
    bench.spin_until(lambda: bench.node.count_clients('/emotions/ask') == 0, 'the farewell')
    send(bench, [1.0] * 3)
    bench.spin_until(lambda: not bench.node._questions.wants_results, 'the end of the question')
    assert bench.set_parameter('event_start', 1.0) == (True, '')


def test_nothing_is_read_while_nobody_listens(bench):
    assert bench.next_status().message == 'Idle: nobody subscribes or asks'
    assert bench.results.get_subscription_count() == 0


def test_parameters_change_what_counts_and_are_checked(bench):
    listen(bench)
    assert bench.set_parameter('event_start', 2.0) == (True, '')
    send(bench, [1.5] * 6)
    assert bench.set_parameter('event_end', 3.0) == (True, '')
    bench.spin_until(lambda: bench.logged('event_end must not be above'), 'the warning')
    assert bench.set_parameter('event_end', 0.5) == (True, '')
    send(bench, [2.5] * 6)
    bench.spin_until(lambda: bool(bench.events), 'the event')
    assert bench.events[0].strength == pytest.approx(2.5)
