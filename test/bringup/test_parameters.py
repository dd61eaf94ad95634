import dataclasses

import pytest
import rclpy
import yaml
from rcl_interfaces.msg import ParameterType
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter
from ros_bench import parameters

from emotion_bringup.parameter_tables import EMOTION_PARAMETERS, NODE_PARAMETERS, markdown_table
from emotion_bringup.parameters import ParameterError, declare_parameters
from emotion_perception.files.resources import config_path
from emotion_perception.pipeline import PipelineSettings
from emotion_perception.settings.setting import Setting

EVERY_PARAMETER = [
    pytest.param(node, parameter, id=f'{node}-{parameter.name}')
    for node, table in NODE_PARAMETERS.items()
    for parameter in table
]
TYPES = {
    bool: ParameterType.PARAMETER_BOOL,
    int: ParameterType.PARAMETER_INTEGER,
    float: ParameterType.PARAMETER_DOUBLE,
    str: ParameterType.PARAMETER_STRING,
    list: ParameterType.PARAMETER_STRING_ARRAY,
}


@pytest.fixture
def make_node():
    nodes = []

    def make(name, *arguments):
        rclpy.init(args=['--ros-args', *arguments])
        node = Node(name)
        nodes.append(node)
        declare_parameters(node, NODE_PARAMETERS[name])
        return node

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.try_shutdown()


@pytest.fixture(scope='module')
def descriptors():
    """Descriptors of all parameters as ROS tells them, by node and name."""
    rclpy.init(args=[])
    found = {}
    for name, table in NODE_PARAMETERS.items():
        node = Node(name)
        declare_parameters(node, table)
        found[name] = {p.name: node.describe_parameter(p.name) for p in table}
        node.destroy_node()
    rclpy.shutdown()
    return found


@pytest.mark.parametrize(('node', 'parameter'), EVERY_PARAMETER)
def test_every_parameter_is_described(descriptors, node, parameter):
    descriptor = descriptors[node][parameter.name]
    assert descriptor.description == parameter.full_help
    assert len(descriptor.description) > 10
    assert descriptor.type == TYPES[type(parameter.default)]
    assert descriptor.read_only is not bool(parameter.may_change)
    if type(parameter.default) in (int, float):
        ranges = [*descriptor.integer_range, *descriptor.floating_point_range]
        assert [(one.from_value, one.to_value) for one in ranges] == [
            (parameter.minimum, parameter.maximum)
        ]
        assert parameter.minimum <= parameter.default <= parameter.maximum
    for choice in parameter.choices:
        assert choice in descriptor.additional_constraints


def test_pipeline_settings_are_the_live_parameters_of_the_emotion_node():
    live = {p.name: p.default for p in EMOTION_PARAMETERS if p.live}
    defaults = dataclasses.asdict(PipelineSettings())
    assert live == {**defaults, 'detect_every_n': 0}  # 0: as fits the mode


# --- what users set ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ('node', 'values', 'parts'),
    [
        ('emotion_node', {'mode': 'fast'}, ('mode', 'live or replay')),
        ('emotion_node', {'image_transport': 'zip'}, ('image_transport', 'raw or compressed')),
        ('emotion_node', {'confidence_threshold': 1.1}, ('confidence_threshold', '0 to 1')),
        ('emotion_node', {'max_faces': -1}, ('max_faces', '0 to 1000')),
        ('emotion_node', {'max_faces': 1.5}, ('max_faces', '0 to 1000')),
        ('emotion_node', {'autostart': 'perhaps'}, ('autostart',)),
        ('camera_node', {'jpeg_quality': 0}, ('jpeg_quality', '1 to 100')),
        ('camera_node', {'video_device': 0.5}, ('video_device', 'must be a text')),
        ('camera_node', {'video_device': 'true'}, ('video_device', 'must be a text')),
        ('camera_node', {'frame_id': 3}, ('frame_id', 'must be a text')),
        ('camera_node', {'framerate': 'quick'}, ('framerate', '0 to 1000')),
        ('camera_node', {'framerate': 2000}, ('framerate', '0 to 1000')),
        ('camera_node', {'loop': 1}, ('loop', 'must be true or false')),
        ('camera_node', {'image_width': 640.0}, ('image_width', '0 to 16384')),
        ('emotion_node', {'execution_providers': 7}, ('execution_providers', 'a list of texts')),
        ('overlay_node', {'draw_landmarks': 3}, ('draw_landmarks',)),
    ],
    ids=str,
)
def test_unusable_values_are_refused_in_one_sentence(make_node, node, values, parts):
    with pytest.raises(ParameterError) as caught:
        make_node(node, *parameters(**values))
    sentence = str(caught.value)
    assert '\n' not in sentence
    assert sentence.endswith('.')
    for part in parts:
        assert part in sentence


@pytest.mark.parametrize(
    ('node', 'name', 'text', 'value'),
    [
        ('camera_node', 'video_device', '0', '0'),
        ('camera_node', 'video_device', "'2'", '2'),
        ('camera_node', 'framerate', '30', 30.0),
        ('emotion_node', 'confidence_threshold', '1', 1.0),
        ('emotion_node', 'execution_providers', 'cpu', ['cpu']),
        ('emotion_node', 'execution_providers', '[cuda, cpu]', ['cuda', 'cpu']),
    ],
    ids=str,
)
@pytest.mark.parametrize('way', ['command line', 'file'])
def test_a_value_may_be_written_as_people_write_it(
    make_node, tmp_path, node, name, text, value, way
):
    arguments = ['-p', f'{name}:={text}']
    if way == 'file':
        file = tmp_path / 'parameters.yaml'
        file.write_text(f'{node}:\n  ros__parameters:\n    {name}: {text}\n')
        arguments = ['--params-file', str(file)]
    made = make_node(node, *arguments)
    assert made.get_parameter(name).value == value
    assert type(made.get_parameter(name).value) is type(value)
    parameter = next(p for p in NODE_PARAMETERS[node] if p.name == name)
    assert made.describe_parameter(name).type == TYPES[type(parameter.default)]
    assert made.describe_parameter(name).read_only is not bool(parameter.may_change)


def test_choices_are_checked_while_running_too():
    rclpy.init(args=[])
    node = Node('chooser')
    try:
        table = [Setting('colour', 'red', 'colour of the box', choices=('red', 'blue'), live=True)]
        declare_parameters(node, table)
        (good,) = node.set_parameters([RosParameter('colour', value='blue')])
        (bad,) = node.set_parameters([RosParameter('colour', value='green')])
    finally:
        node.destroy_node()
        rclpy.shutdown()
    assert good.successful
    assert not bad.successful
    assert bad.reason == "colour must be red or blue, not 'green'"


# --- config/emotion.yaml -----------------------------------------------------------------------


@pytest.fixture(scope='module')
def shipped():
    return yaml.safe_load(config_path('emotion.yaml').read_text())


def test_the_shipped_file_names_the_nodes_under_any_namespace(shipped):
    assert set(shipped) == {f'/**/{name}' for name in NODE_PARAMETERS}


def test_the_shipped_file_holds_the_defaults(shipped):
    for name, table in NODE_PARAMETERS.items():
        defaults = {parameter.name: parameter.default for parameter in table}
        values = shipped[f'/**/{name}']['ros__parameters']
        assert values.items() <= defaults.items()
        assert {key: type(value) for key, value in values.items()} == {
            key: type(defaults[key]) for key in values
        }


def test_the_shipped_file_holds_every_live_parameter(shipped):
    values = shipped['/**/emotion_node']['ros__parameters']
    assert {p.name for p in EMOTION_PARAMETERS if p.live} <= set(values)


def written(tmp_path, text):
    path = tmp_path / 'params.yaml'
    path.write_text(text)
    return path


def warnings_of(make_node, monkeypatch, capfd, name, path):
    monkeypatch.setattr('sys.argv', ['node', '--ros-args', '--params-file', str(path)])
    make_node(name, '--params-file', str(path))
    return [line.split(']: ', 1)[1] for line in capfd.readouterr().err.splitlines()]


@pytest.mark.parametrize(
    ('node', 'text', 'sentence'),
    [
        (
            'emotion_node',
            'emotion_node: {ros__parameters: {confidence_treshold: 0.4}}',
            'Parameter confidence_treshold is none of emotion_node: '
            'did you mean confidence_threshold?',
        ),
        (
            'camera_node',
            'camera_node: {ros__parameters: {smoothing: 1.0}}',
            'Parameter smoothing is none of camera_node: write it into the block of '
            'emotion_node or expression_node.',
        ),
        (
            'camera_node',
            '/robot1/camera_node: {ros__parameters: {frame_idd: a, colour: b}}',
            'Parameter colour is none of camera_node: it is not read.',
        ),
        (
            'emotion_node',
            'emotion_nodes: {ros__parameters: {smoothing: 1.0}}',
            'Block emotion_nodes is not read by emotion_node: did you mean emotion_node?',
        ),
        (
            'emotion_node',
            'emotion: {ros__parameters: {confidence_threshold: 0.99}}',
            'Block emotion is not read by emotion_node: did you mean emotion_node?',
        ),
        (
            'emotion_node',
            'emotion_node: {ros__parameters: {qos_overrides: {image: {subscription: {depth: 5}}}}}',
            'Parameter qos_overrides.image.subscription.depth is not read: write '
            'qos_overrides./TOPIC.publisher.POLICY or qos_overrides./TOPIC.subscription.POLICY, '
            'with the full name of the topic.',
        ),
        (
            'emotion_node',
            'emotion_node: {ros__parameters: {qos_overrides: {/image: {subscription: '
            '{deadline: 5}}}}}',
            'Parameter qos_overrides./image.subscription.deadline is not read: only history, '
            'reliability, depth can be changed.',
        ),
    ],
)
def test_what_nobody_reads_is_told(make_node, monkeypatch, capfd, tmp_path, node, text, sentence):
    text = text.replace('/robot1/', '')
    assert sentence in warnings_of(make_node, monkeypatch, capfd, node, written(tmp_path, text))


def test_what_is_written_for_all_nodes_is_taken_by_those_that_have_it(
    make_node, monkeypatch, capfd, tmp_path
):
    text = (
        '/**: {ros__parameters: {smoothing: 1.0, use_sim_time: false, mode: replay,'
        ' qos_overrides: {/image: {subscription: {depth: 5}}}}}\n'
        'controller_server: {ros__parameters: {frequency: 20.0}}'
    )
    for node in NODE_PARAMETERS:
        assert warnings_of(make_node, monkeypatch, capfd, node, written(tmp_path, text)) == []
        rclpy.shutdown()


def test_strict_parameters_refuse_what_nobody_reads(make_node, tmp_path):
    text = 'emotion_node: {ros__parameters: {strict_parameters: true, smothing: 1.0}}'
    with pytest.raises(ParameterError, match='did you mean smoothing'):
        make_node('emotion_node', '--params-file', str(written(tmp_path, text)))


@pytest.mark.parametrize('namespace', ['/', '/robot1', '/fleet/robot1'])
@pytest.mark.parametrize('node', NODE_PARAMETERS)
def test_a_parameter_file_holds_under_every_namespace(make_node, tmp_path, namespace, node):
    text = config_path('emotion.yaml').read_text()
    changed = tmp_path / 'changed.yaml'
    for old, new in (
        ('min_face_size: 24', 'min_face_size: 99'),
        ('framerate: 0.0', 'framerate: 12.5'),
        ('draw_landmarks: false', 'draw_landmarks: true'),
        ('face_width: 128', 'face_width: 96'),
        ('jpeg_quality: 85', 'jpeg_quality: 70'),
        ('face_image: cropped', 'face_image: aligned'),
        ('event_start: 1.2', 'event_start: 1.5'),
    ):
        assert old in text
        text = text.replace(old, new)
    changed.write_text(text)
    expected = {
        'emotion_node': ('min_face_size', 99),
        'camera_node': ('framerate', 12.5),
        'overlay_node': ('draw_landmarks', True),
        'humans_bridge': ('face_width', 96),
        'expression_node': ('face_image', 'aligned'),
        'foxglove_node': ('jpeg_quality', 70),
        'people_node': ('event_start', 1.5),
    }
    made = make_node(node, '-r', f'__ns:={namespace}', '--params-file', str(changed))
    name, value = expected[node]
    assert made.get_parameter(name).value == value


# --- documentation -----------------------------------------------------------------------------


@pytest.mark.parametrize('node', NODE_PARAMETERS)
def test_the_table_names_every_parameter(node):
    table = markdown_table(NODE_PARAMETERS[node])
    rows = table.splitlines()[2:]
    assert [row.split('`')[1] for row in rows] == [p.name for p in NODE_PARAMETERS[node]]
    assert {row.count('|') for row in rows} == {6}
