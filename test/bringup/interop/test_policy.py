"""The SROS2 policy against the graph, where the optional message packages are there."""

import itertools

import numpy as np
from ros_bench import Bench, header, parameters
from sensor_msgs.msg import Image
from sros2_policy import assert_allows_exactly, graph_of, listens_to, together, used

from emotion_bringup import qos
from emotion_bringup.conversion import emotions_message
from emotion_bringup.nodes.emotion import EmotionNode
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.types import Box, Face

IMAGE = '/camera/image_raw'
REMAPPED = ['-r', f'image:={IMAGE}', '-r', f'image/compressed:={IMAGE}/compressed']
TRANSPORTS = {'raw': IMAGE, 'compressed': f'{IMAGE}/compressed'}
FACE = Face(1, Box(10, 10, 40, 40), 0.9, None, 3, 0.7, np.full(7, 1 / 7, np.float32))


def test_the_emotion_node_may_do_exactly_what_it_does(model_path, messages):
    messages('vision_msgs')
    messages('tf2_msgs')

    def graph(transport):
        arguments = parameters(
            model_path=model_path,
            image_transport=transport,
            detector='haar',
            gaze=True,
            publish_tf=True,
            use_depth=True,
        )
        return graph_of(
            EmotionNode,
            [*REMAPPED, *arguments],
            [(FaceEmotionArray, 'emotions')],
            listens_to(TRANSPORTS[transport]),
        )

    assert_allows_exactly('emotion_node', together(map(graph, TRANSPORTS)))


def test_the_humans_bridge_may_do_exactly_what_it_does(messages):
    hri = messages('hri_msgs')
    from emotion_bringup.nodes.humans_bridge import HumansBridgeNode

    def graph(transport):
        arguments = [*REMAPPED, *parameters(image_transport=transport, use_sim_time='true')]
        bench = Bench(HumansBridgeNode, arguments)
        try:
            return graph_with_a_face(bench, hri, listens_to(TRANSPORTS[transport]))
        finally:
            bench.close()

    assert_allows_exactly('humans_bridge', together(map(graph, TRANSPORTS)))


def test_the_expression_node_may_do_exactly_what_it_does(messages, model_path):
    hri = messages('hri_msgs')
    from emotion_bringup.nodes.expression import ExpressionNode

    def graph(image):
        arguments = parameters(
            model_path=model_path, detector='haar', face_image=image, use_sim_time='true'
        )
        bench = Bench(ExpressionNode, arguments)
        try:
            return graph_with_a_tracked_face(bench, hri, listens_to(f'/humans/faces/x/{image}'))
        finally:
            bench.close()

    assert_allows_exactly('expression_node', together(map(graph, ('cropped', 'aligned'))))


def graph_with_a_tracked_face(bench, hri, holds):
    """What the node uses once the expression of somebody else's face is wanted."""
    tracked = bench.client.create_publisher(hri.IdsList, '/humans/faces/tracked', 1)
    bench.client.create_subscription(hri.Expression, '/humans/faces/x/expression', print, 1)
    bench.spin_until(tracked.get_subscription_count, 'the listening')
    tracked.publish(hri.IdsList(ids=['x']))
    bench.spin_until(lambda: holds(used(bench.node)), 'the listening to images')
    return used(bench.node)


def graph_with_a_face(bench, hri, holds):
    """What the bridge uses once an image of a face is watched."""
    results = bench.client.create_publisher(FaceEmotionArray, 'emotions', qos.EMOTIONS_REPLAY)
    ids = []
    bench.client.create_subscription(
        hri.IdsList, '/humans/faces/tracked', ids.append, qos.EMOTIONS_REPLAY
    )
    bench.spin_until(results.get_subscription_count, 'the listening')
    results.publish(emotions_message(header(1_700_000_000_000_000_000), 64, 64, [FACE]))
    bench.spin_until(lambda: ids and ids[-1].ids, 'the face')
    topic = f'/humans/faces/{ids[-1].ids[0]}/cropped'
    bench.client.create_subscription(Image, topic, print, qos.IMAGE_REPLAY)

    stamps = itertools.count(1_700_000_000_100_000_000, 100_000_000)

    def listens():
        # The bridge looks at who listens whenever a result comes.
        results.publish(emotions_message(header(next(stamps)), 64, 64, [FACE]))
        return holds(used(bench.node))

    bench.spin_until(listens, 'the listening to images')
    return used(bench.node)
