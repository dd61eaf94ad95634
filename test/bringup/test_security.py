"""SROS2: the policy against the real graph of the nodes, enclaves, and what is refused."""

import re

import pytest
from processes import assert_one_sentence, run_node
from ros_bench import parameters
from sensor_msgs.msg import CompressedImage, Image
from sros2_policy import (
    POLICY,
    USES,
    allowed,
    assert_allows_exactly,
    graph_of,
    listens_to,
    profiles,
    together,
)

from emotion_bringup.endings import EXIT_USAGE
from emotion_bringup.graph import AUDIENCE, FULL_SEARCH, TARGET
from emotion_bringup.nodes.camera import CameraNode
from emotion_bringup.nodes.emotion import EmotionNode
from emotion_bringup.nodes.overlay import OverlayNode
from emotion_bringup.nodes.people import PeopleNode
from emotion_bringup.parameter_tables import NODE_PARAMETERS
from emotion_bringup.security import enclave_arguments
from emotion_bringup.session.arguments import SessionOptions
from emotion_bringup.session.monitor import MonitorNode
from emotion_bringup.session.processes import node_arguments
from emotion_msgs.msg import ExpressionEvent, FaceEmotionArray
from emotion_perception.bags.writer import BagWriter

IMAGE = '/camera/image_raw'
# Published only where vision_msgs and tf2_msgs are installed; test_policy.py in interop/ has them.
WITH_OTHER_MESSAGES = {
    ('publish', '/emotions/detections'),
    ('publish', '/emotions/label_info'),
    ('publish', '/tf'),
}
TRANSPORTS = ('raw', 'compressed')


# --- the policy file -----------------------------------------------------------------------------


def test_the_policy_has_the_form_of_sros2_policies():
    for path, profile in profiles().items():
        assert path == f'/emotion/{profile.get("node")}'
        assert set(profile.keys()) == {'ns', 'node'}
        for group in profile:
            (use,) = group.keys()
            assert group.tag == USES[use][0]
            assert [item.tag for item in group] == [group.tag[:-1]] * len(group)
            names = [item.text for item in group]
            assert len(set(names)) == len(names) > 0
            assert all(re.fullmatch(r'(~/|/)?[a-z_*]+(/[a-z_*]+)*', name) for name in names)
    assert 'version="0.2.0"' in POLICY.read_text(encoding='utf-8')


def test_every_node_has_an_enclave():
    expected = {enclave_arguments(name)[1] for name in [*NODE_PARAMETERS, 'emotion_monitor']}
    assert set(profiles()) == expected


def test_no_two_processes_share_a_right_to_publish_results_or_images():
    shared = {'/rosout', '/parameter_events', '/diagnostics'}
    # Of two processes that stand in for each other.
    shared.add('/humans/faces/*/expression')
    seen = set()
    for profile in profiles().values():
        own = allowed(profile)['publish'] - shared
        assert not own & seen
        seen |= own


# --- against the real graph ----------------------------------------------------------------------


def test_the_camera_node_may_do_exactly_what_it_does():
    arguments = [
        *('-r', '__ns:=/camera', '-r', 'emotions:=/emotions'),
        *parameters(video_device='demo', max_in_flight=1),
    ]
    assert_allows_exactly('camera_node', graph_of(CameraNode, arguments))


def test_the_emotion_node_may_do_exactly_what_it_does(model_path):
    def graph(transport):
        arguments = parameters(
            model_path=model_path,
            image_transport=transport,
            detector='haar',
            gaze=True,
            use_depth=True,
        )
        topic = IMAGE if transport == 'raw' else f'{IMAGE}/compressed'
        return graph_of(
            EmotionNode,
            ['-r', f'image:={IMAGE}', '-r', f'image/compressed:={IMAGE}/compressed', *arguments],
            [(FaceEmotionArray, 'emotions')],
            listens_to(topic),
        )

    shown = together(map(graph, TRANSPORTS))
    missing = {(use, topic) for use, topic in WITH_OTHER_MESSAGES if topic not in shown[use]}
    assert_allows_exactly('emotion_node', shown, missing)


def test_the_people_node_may_do_exactly_what_it_does():
    graph = graph_of(
        PeopleNode, [], [(ExpressionEvent, 'emotions/events')], listens_to('/emotions')
    )
    assert_allows_exactly('people_node', graph)


def test_the_overlay_node_may_do_exactly_what_it_does():
    def graph(transport):
        topic = IMAGE if transport == 'raw' else f'{IMAGE}/compressed'
        return graph_of(
            OverlayNode,
            [
                *('-r', f'image:={IMAGE}', '-r', f'image/compressed:={IMAGE}/compressed'),
                *parameters(image_transport=transport, blur_faces='true', draw_people='true'),
            ],
            [(Image, 'emotions/image'), (CompressedImage, 'emotions/image/compressed')],
            listens_to(topic, '/emotions', f'/{FULL_SEARCH}', f'/{TARGET}', f'/{AUDIENCE}'),
        )

    assert_allows_exactly('overlay_node', together(map(graph, TRANSPORTS)))


def test_the_monitor_may_do_exactly_what_it_does(tmp_path):
    class Monitor(MonitorNode):
        def __init__(self, stop):
            self.bag = BagWriter(tmp_path / 'bag')
            super().__init__('/', 'live', print, print, self.bag, print)

        def close(self):
            self.bag.abort()

    assert_allows_exactly('emotion_monitor', graph_of(Monitor, []))


def test_the_foxglove_node_may_do_exactly_what_it_does(tmp_path):
    pytest.importorskip('foxglove', reason='foxglove-sdk is not installed')
    from emotion_bringup.nodes.foxglove import FoxgloveNode

    def graph(transport):
        topic = IMAGE if transport == 'raw' else f'{IMAGE}/compressed'
        path = tmp_path / f'{transport}.mcap'
        return graph_of(
            FoxgloveNode,
            [
                *('-r', f'image:={IMAGE}', '-r', f'image/compressed:={IMAGE}/compressed'),
                *parameters(image_transport=transport, serve='false', mcap_path=path),
                *parameters(blur_faces='true'),
            ],
            [],
            listens_to(topic, '/emotions', f'/{FULL_SEARCH}', '/diagnostics'),
        )

    assert_allows_exactly('foxglove_node', together(map(graph, TRANSPORTS)))


# --- enclaves ------------------------------------------------------------------------------------


def test_a_session_puts_every_node_into_its_enclave():
    options = SessionOptions(
        'demo', '', None, None, '', None, None, None, True, False, False, False, False, 'warn'
    )
    for name, arguments in node_arguments(options, 'replay').items():
        where = arguments.index('--enclave')
        assert [arguments[where], arguments[where + 1]] == ['--enclave', f'/emotion/{name}']


def test_enclaves_can_lie_below_those_of_a_robot():
    assert enclave_arguments('camera_node', 'robot1/emotion/') == [
        '--enclave',
        '/robot1/emotion/camera_node',
    ]


# --- security that is turned on ------------------------------------------------------------------


@pytest.fixture(scope='module')
def keystore(tmp_path_factory):
    """The folders of a keystore with an enclave for the camera node, without any key."""
    folder = tmp_path_factory.mktemp('keystore')
    (folder / 'enclaves' / 'emotion' / 'camera_node').mkdir(parents=True)
    return folder


@pytest.fixture
def secured(keystore):
    return {
        'ROS_SECURITY_ENABLE': 'true',
        'ROS_SECURITY_STRATEGY': 'Enforce',
        'ROS_SECURITY_KEYSTORE': str(keystore),
    }


def camera(*arguments, **changes):
    """A camera node's exit code and its last line on stderr."""
    code, _, err = run_node('camera_node', *arguments, *parameters(video_device='demo'), **changes)
    assert 'Traceback' not in err
    return code, err.splitlines()[-1]


def test_without_keys_or_a_secure_middleware_no_node_runs_unprotected(secured):
    code, said = camera(*enclave_arguments('camera_node'), **secured)
    assert code == EXIT_USAGE
    assert_one_sentence(said, 'ROS_SECURITY_ENABLE', 'docs/security.md')


def test_a_node_without_its_enclave_is_refused(secured):
    code, said = camera(*enclave_arguments('stranger'), **secured)
    assert code == 2
    assert_one_sentence(said, 'emotion/stranger', 'docs/security.md')


def test_security_without_a_keystore_is_refused(secured):
    code, said = camera(
        *enclave_arguments('camera_node'), **{**secured, 'ROS_SECURITY_KEYSTORE': ''}
    )
    assert code == 2
    assert_one_sentence(said, 'ROS_SECURITY_KEYSTORE')
