"""The shipped layouts of RViz, rqt and Foxglove name topics, types and fields that exist."""

import ast
import json
import re
import time

import pytest
import rclpy
import yaml
from rclpy.signals import SignalHandlerOptions
from ros_bench import DEADLINE_S

from emotion_bringup import qos
from emotion_bringup.nodes.camera import CameraNode
from emotion_bringup.nodes.overlay import OverlayNode
from emotion_bringup.parameter_tables import LIVE
from emotion_msgs.msg import FaceEmotion, FaceEmotionArray
from emotion_perception.files.resources import config_path
from emotion_perception.labels import EMOTION_NAMES, UNCERTAIN_NAME
from emotion_viewers.foxglove import schemas

IMAGE_TYPE = 'sensor_msgs/msg/Image'
LAYOUTS = ('emotions.json', 'rosbag.json')
ROS_TYPES = {'emotion_msgs/FaceEmotion': FaceEmotion}


@pytest.fixture(scope='module')
def published():
    """Types of what camera and overlay node really publish, by topic."""
    arguments = ['-p', 'video_device:=demo', '-p', 'wait_for_subscribers:=9']
    remap = ['-r', 'camera_node:__ns:=/camera']
    options = SignalHandlerOptions.NO
    rclpy.init(args=['--ros-args', *remap, *arguments], signal_handler_options=options)
    nodes = [CameraNode(lambda: None), OverlayNode(lambda: None)]
    found = {}
    deadline = time.monotonic() + DEADLINE_S
    while not {'/camera/image_raw', '/emotions/image', '/diagnostics'} <= set(found):
        assert time.monotonic() < deadline, found
        for node in nodes:
            name, namespace = node.get_name(), node.get_namespace()
            found |= dict(nodes[0].get_publisher_names_and_types_by_node(name, namespace))
    yield {topic: types[0] for topic, types in found.items()}
    for node in nodes:
        node.close()
        node.destroy_node()
    rclpy.try_shutdown()


def test_rviz_shows_images_that_are_published(published):
    path = config_path('rviz') / 'emotions.rviz'
    document = yaml.safe_load(path.read_text(encoding='utf-8'))
    displays = document['Visualization Manager']['Displays']
    topics = [display['Topic']['Value'] for display in displays]
    assert topics == ['/emotions/image', '/camera/image_raw']
    for display, topic in zip(displays, topics, strict=True):
        assert display['Class'] == 'rviz_default_plugins/Image'
        assert published[topic] == IMAGE_TYPE
    assert [display['Enabled'] for display in displays] == [True, False]


def test_rviz_listens_in_a_way_that_fits_the_publishers():
    """A best-effort, volatile reader matches every publisher."""
    path = config_path('rviz') / 'emotions.rviz'
    document = yaml.safe_load(path.read_text(encoding='utf-8'))
    for display in document['Visualization Manager']['Displays']:
        topic = display['Topic']
        assert topic['Reliability Policy'] == 'Best Effort'
        assert topic['Durability Policy'] == 'Volatile'
        assert 1 <= topic['Depth'] <= qos.image_out(LIVE).depth


def test_the_fixed_frame_of_rviz_is_that_of_the_camera():
    path = config_path('rviz') / 'emotions.rviz'
    document = yaml.safe_load(path.read_text(encoding='utf-8'))
    parameters = yaml.safe_load(config_path('emotion.yaml').read_text(encoding='utf-8'))
    frame = parameters['/**/camera_node']['ros__parameters']['frame_id']
    assert document['Visualization Manager']['Global Options']['Fixed Frame'] == frame


def test_rqt_shows_images_that_are_published(published):
    path = config_path('rqt') / 'emotions.perspective'
    manager = json.loads(path.read_text(encoding='utf-8'))['groups']['pluginmanager']
    value = manager['keys']['running-plugins']
    assert value['type'] == 'repr'
    running = ast.literal_eval(value['repr'])
    assert running['rqt_runtime_monitor/RuntimeMonitor'] == [1]
    assert running['rqt_topic/TopicPlugin'] == [1]
    shown = []
    for number in running['rqt_image_view/ImageView']:
        group = manager['groups'][f'plugin__rqt_image_view__ImageView__{number}']
        shown.append(ast.literal_eval(group['groups']['plugin']['keys']['topic']['repr']))
    assert shown == ['/emotions/image', '/camera/image_raw']
    assert {published[topic] for topic in shown} == {IMAGE_TYPE}


# --- Foxglove ------------------------------------------------------------------------------------


def layout_of(name):
    return json.loads((config_path('foxglove') / name).read_text(encoding='utf-8'))


def panels(content):
    """Every panel of a layout, by walking through its splits and tabs."""
    if content['type'] == 'panel':
        yield content
    for item in (*content.get('items', ()), *content.get('tabs', ())):
        yield from panels(item['content'])


def panel_configs(name, kind):
    return [p['config'] for p in panels(layout_of(name)['content']) if p['panelType'] == kind]


def message_paths(name):
    series = [
        path
        for kind in ('Plot', 'StateTransitions')
        for config in panel_configs(name, kind)
        for path in config['paths']
    ]
    return [one['value'] for one in series]


def steps(path):
    """('/emotions', ['faces', '[:]', 'probabilities', '[3]'], filtered fields and variables)."""
    topic, rest = re.fullmatch(r'(/[\w/]+)(.*)', path).groups()
    filters = re.findall(r'\{(\w+)==\$(\w+)\}', rest)
    plain = re.sub(r'\{[^}]*\}', '', rest)
    tokens = re.findall(r'\.(\w+)|(\[(?:\d+|:)\])', plain)
    assert ''.join(f'.{field}' if field else index for field, index in tokens) == plain, path
    return topic, [field or index for field, index in tokens], filters


def type_in_message(tokens):
    """The type of the field that a message path leads to."""
    kind = 'FaceEmotionArray'
    fields = FaceEmotionArray.get_fields_and_field_types()
    for token in tokens:
        if token.startswith('['):
            inner = re.fullmatch(r'sequence<(.+)>|(\w+)\[(\d+)\]', kind)
            kind, size = inner.group(1) or inner.group(2), int(inner.group(3) or 1000)
            assert token == '[:]' or int(token[1:-1]) < size
            if kind in ROS_TYPES:
                fields = ROS_TYPES[kind].get_fields_and_field_types()
        else:
            kind = fields[token]
    return kind


@pytest.mark.parametrize('name', LAYOUTS)
def test_every_message_path_leads_to_a_field(name):
    paths = message_paths(name)
    assert len(paths) == 2 * len(EMOTION_NAMES) + 2
    for path in paths:
        topic, tokens, filters = steps(path)
        assert topic == schemas.EMOTIONS_TOPIC
        is_text = tokens[-1] == 'emotion'
        assert type_in_message(tokens) == ('string' if is_text else 'float')
        for field, variable in filters:
            before = tokens[:2]
            assert type_in_message([*before, field]) == 'uint32'
            assert variable in layout_of(name)['variables']


@pytest.mark.parametrize('name', LAYOUTS)
def test_each_series_is_the_probability_that_its_label_says(name):
    for config in panel_configs(name, 'Plot'):
        for series in config['paths']:
            index = int(re.search(r'probabilities\[(\d)\]$', series['value']).group(1))
            assert series['label'] == EMOTION_NAMES[index]


@pytest.mark.parametrize('name', LAYOUTS)
def test_every_emotion_has_a_state_of_its_own(name):
    (config,) = panel_configs(name, 'StateTransitions')
    for series in config['paths']:
        states = series['customStates']['states']
        assert [state['value'] for state in states] == [*EMOTION_NAMES, UNCERTAIN_NAME]
        assert len({state['color'] for state in states}) == len(states)


@pytest.mark.parametrize('name', LAYOUTS)
def test_the_slider_sets_the_variable_of_the_paths(name):
    (config,) = panel_configs(name, 'VariableSlider')
    assert config['globalVariableName'] in layout_of(name)['variables']


def test_topics_of_the_bag_layout_are_those_of_the_nodes(published):
    images = [p['imageMode']['imageTopic'] for p in panel_configs('rosbag.json', 'Image')]
    assert images == ['/camera/image_raw', '/emotions/image']
    assert {published[topic] for topic in images} == {IMAGE_TYPE}
    (diagnostics,) = panel_configs('rosbag.json', 'DiagnosticsSummary')
    topic = diagnostics['topicToRender']
    assert published[topic] == schemas.DIAGNOSTICS_TYPE


def test_topics_of_the_layout_are_those_that_are_served():
    pytest.importorskip('foxglove', reason='foxglove-sdk is not installed: make foxglove-env')
    pytest.importorskip('websockets', reason='websockets is not installed: make foxglove-env')
    from foxglove_client import Viewer

    from emotion_viewers.foxglove.channels import EmotionChannels
    from emotion_viewers.foxglove.server import FoxgloveServer

    server = FoxgloveServer(EmotionChannels(), port=0)
    viewer = Viewer(server.url)
    kinds = {name: topic.schema_name for name, topic in viewer.topics.items()}
    viewer.close()
    server.stop()
    (image,) = panel_configs('emotions.json', 'Image')
    assert kinds[image['imageMode']['imageTopic']] == 'foxglove.CompressedImage'
    (annotations,) = image['imageMode']['annotations']
    assert kinds[annotations] == 'foxglove.ImageAnnotations'
    assert image['syncedTopics'] == {image['imageMode']['imageTopic']: True, annotations: True}
    (diagnostics,) = panel_configs('emotions.json', 'DiagnosticsSummary')
    assert kinds[diagnostics['topicToRender']] == 'diagnostic_msgs/msg/DiagnosticArray'
    assert kinds[schemas.EMOTIONS_TOPIC] == 'emotion_msgs/msg/FaceEmotionArray'
