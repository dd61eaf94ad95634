"""The launch files, where the launch system of ROS 2 is installed."""

import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest
import yaml

from emotion_bringup.distributions import PROFILE_VARIABLES, profile_variables
from emotion_bringup.endings import EXIT_ERROR, EXIT_OK, EXIT_USAGE
from emotion_bringup.environment import InstallationError, names_environment
from emotion_bringup.node_arguments import cameras_in
from emotion_bringup.parameter_tables import LAUNCH_ARGUMENTS
from emotion_perception.files.resources import config_path, share_folder
from emotion_viewers.foxglove import FoxgloveError

# The folder launch/ of this repository would pass for the package `launch`.
pytest.importorskip('launch_ros', reason='ros-launch is not installed')

from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    ExecuteProcess,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.events.process import ProcessExited, ShutdownProcess
from launch.utilities import perform_substitutions
from launch_ros.actions import Node, PushRosNamespace

from emotion_bringup import launching
from emotion_bringup.launch_endings import ProcessEndedError
from launch import LaunchContext

FILES = {
    file: {setting.short_name for setting in settings}
    for file, settings in LAUNCH_ARGUMENTS.items()
}
FOXGLOVE = {'foxglove', 'foxglove_port', 'mcap'}
IMAGES = {'image', 'image_transport'}


def description(name):
    path = share_folder() / 'launch' / f'{name}.launch.py'
    spec = importlib.util.spec_from_file_location(f'{name}_launch', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """Stands for the packages of ROS that launch files ask for; a test may take one away."""
    packages = {'emotion_bringup', 'rqt_image_view', 'ros2bag', 'hri_msgs'}

    def get_package_prefix(package):
        if package not in packages:
            raise launching.PackageNotFoundError(package)
        return '/opt/ros'

    monkeypatch.setattr(launching, 'get_package_prefix', get_package_prefix)
    return packages


@pytest.fixture
def given(tmp_path):
    """What the launch files cannot do without, for all of them."""
    return {
        'source': '0',
        'bag': str(tmp_path),
        'image': '/head/image_raw',
        'cameras': '[front, rear]',
    }


def started(name, *, namespace_around=None, **given):
    """What a launch file starts with the given arguments."""
    launch_description = description(name)
    context = LaunchContext()
    if namespace_around is not None:
        PushRosNamespace(namespace_around).execute(context)
    context.launch_configurations.update(given)
    for argument in launch_description.get_launch_arguments():
        argument.execute(context)
    actions = []
    for entity in launch_description.entities:
        if isinstance(entity, OpaqueFunction):
            actions += entity.execute(context)
    return context, actions


def nodes(name, **given):
    context, actions = started(name, **given)
    made = {}
    for action in actions:
        if isinstance(action, Node):
            action._perform_substitutions(context)
            made[action.node_executable] = action
    return made


@pytest.mark.parametrize('name', FILES)
def test_every_argument_is_declared_as_in_the_table(name):
    declared = {argument.name: argument for argument in description(name).get_launch_arguments()}
    assert set(declared) == FILES[name]
    for setting in LAUNCH_ARGUMENTS[name]:
        argument = declared[setting.short_name]
        assert argument.description.startswith(setting.full_help)  # launch adds the choices
        if setting.minimum is not None:
            assert setting.range_text in argument.description
        if setting.short_name in ('bag', 'cameras'):
            assert argument.default_value is None
            continue
        default = perform_substitutions(LaunchContext(), argument.default_value)
        assert default == str(setting.default)
        is_switch = isinstance(setting.default, bool)
        assert bool(argument.choices) == (is_switch or bool(setting.choices))
        if argument.choices:
            assert {default, *setting.choices} <= set(argument.choices)


@pytest.mark.parametrize('name', FILES)
def test_arguments_stand_at_the_top_level(name):
    entities = description(name).entities
    assert FILES[name] == {
        entity.name for entity in entities if isinstance(entity, DeclareLaunchArgument)
    }


def environments(actions):
    """What processes get beside the environment of launch, each by name."""
    context = LaunchContext()
    made = [action for action in actions if isinstance(action, ExecuteProcess)]
    assert made
    return [
        {perform_substitutions(context, k): perform_substitutions(context, v) for k, v in pairs}
        for pairs in (action.process_description.additional_env or [] for action in made)
    ]


@pytest.mark.parametrize('name', FILES)
def test_every_process_gets_the_dds_profile_and_nothing_around_it_does(name, given, monkeypatch):
    for variable in PROFILE_VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    _, actions = started(name, **given, **({'rqt': 'true'} if name == 'live' else {}))
    profile = dict.fromkeys(profile_variables(os.environ), str(config_path('fastdds.xml')))
    for environment in environments(actions):
        assert profile.items() <= environment.items()
    assert not [e for e in description(name).entities if isinstance(e, SetEnvironmentVariable)]


@pytest.mark.parametrize('name', FILES)
def test_a_dds_profile_of_the_user_is_kept(name, given, monkeypatch):
    for variable in PROFILE_VARIABLES.values():
        monkeypatch.setenv(variable, '/my/profile.xml')
    _, actions = started(name, **given)
    for environment in environments(actions):
        assert not set(PROFILE_VARIABLES.values()) & set(environment)


@pytest.mark.parametrize('name', FILES)
def test_a_node_knows_how_the_user_has_written_its_settings(name, given):
    (variable,) = names_environment({'any': 'name'})
    for model, expected in (('', None), ('/no/model.onnx', 'model:=')):
        _, actions = started(name, **given, model=model)
        for environment in environments(actions):
            assert json.loads(environment[variable]).get('model_path') == expected


def test_live_starts_the_three_nodes_in_their_namespaces():
    made = nodes('live', namespace='robot1', source='0')
    assert {name: node.node_name for name, node in made.items()}.keys() == {
        'camera_node',
        'emotion_node',
        'overlay_node',
    }
    assert made['camera_node'].expanded_node_namespace == '/robot1/camera'
    assert made['emotion_node'].expanded_node_namespace == '/robot1'


@pytest.mark.parametrize('name', [name for name in FILES if FILES[name] >= FOXGLOVE])
def test_foxglove_is_started_on_demand(name, given, tmp_path):
    pytest.importorskip('foxglove', reason='foxglove-sdk is not installed: make foxglove-env')
    given |= {'foxglove': 'true'}
    assert 'foxglove_node' in nodes(name, **given)
    recording = {**given, 'foxglove': 'false', 'mcap': str(tmp_path / 'out.mcap')}
    assert 'foxglove_node' in nodes(name, **recording)
    with pytest.raises(ValueError, match=r'foxglove_port must be a whole number \(0 to 65535\)'):
        nodes(name, **given, foxglove_port='x')


def test_without_the_sdk_the_launch_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(launching, 'has_module', lambda python, module: False)
    with pytest.raises(FoxgloveError, match='run `make foxglove-env`'):
        nodes('live', foxglove='true')


def test_emotion_starts_one_node():
    assert set(nodes('emotion', image='/head/image_raw')) == {'emotion_node'}


@pytest.mark.parametrize('name', FILES)
def test_the_people_node_is_started_on_demand(name, given):
    assert 'people_node' not in nodes(name, **given)
    made = nodes(name, **given, people='true', namespace='robot1')
    below = '/rear' if name == 'cameras' else ''
    assert made['people_node'].expanded_node_namespace == f'/robot1{below}'
    assert parameters(made['people_node'])['mode'] == parameters(made['emotion_node'])['mode']


@pytest.mark.parametrize('name', [name for name in FILES if 'depth' in FILES[name]])
def test_a_depth_camera_is_used_when_its_topic_is_given(name, given):
    node = nodes(name, **given)['emotion_node']
    assert 'depth' not in remappings(node) and 'use_depth' not in parameters(node)
    node = nodes(name, **given, depth='/head/depth')['emotion_node']
    assert remappings(node)['depth'] == '/head/depth'
    assert parameters(node)['use_depth'] is True


@pytest.mark.parametrize('written', ['True', '1'])
def test_heads_are_left_to_the_parameter_file_unless_they_are_asked_for(written):
    assert not {'head_pose', 'gaze'} & parameters(nodes('live')['emotion_node']).keys()
    made = parameters(nodes('live', head_pose=written, gaze='false')['emotion_node'])
    assert (made['head_pose'], made['gaze']) == (True, False)


@pytest.mark.parametrize('written', ["['front', rear=/a/image]", 'front,rear=/a/image'])
def test_cameras_share_one_process_in_namespaces_of_their_own(written):
    context, actions = started(
        'cameras', namespace_around='fleet', namespace='robot1', cameras=written, image='image_raw'
    )
    (node,) = actions
    node._perform_substitutions(context)
    words = [perform_substitutions(context, part) for part in node.cmd[1:3]]
    assert words == ['front', 'rear=/a/image']
    found = cameras_in([*words, '--ros-args', '-r', f'__ns:={node.expanded_node_namespace}'])
    assert [camera.namespace for camera in found] == ['/fleet/robot1/front', '/fleet/robot1/rear']


def test_the_sources_of_cameras_are_played_below_them():
    context, actions = started('cameras', namespace='r', cameras='[a, /b]', sources='[0, demo]')
    made = []
    for node in actions:
        node._perform_substitutions(context)
        made.append((node.node_executable, node.expanded_node_namespace))
    assert made == [
        ('camera_node', '/r/a/camera'),
        ('camera_node', '/b/camera'),
        ('emotion_node', '/r'),
    ]
    assert [parameters(node)['video_device'] for node in actions[:2]] == ['0', 'demo']
    assert [remappings(node)['emotions'] for node in actions[:2]] == [
        '/r/a/emotions',
        '/b/emotions',
    ]
    # The end of one is not that of the others.
    assert not any(isinstance(action, Shutdown) for action in exited(actions[1], EXIT_OK))


@pytest.mark.parametrize(
    ('given', 'reason'),
    [
        ({'cameras': '[]'}, 'cameras: name one at least'),
        ({'cameras': 'a,a'}, 'cameras: The camera /a is named twice'),
        ({'cameras': 'a,b', 'sources': '0'}, 'sources has 1 for 2 cameras'),
    ],
    ids=str,
)
def test_cameras_that_cannot_be_are_told_before_any_node(given, reason):
    with pytest.raises(ValueError, match=reason):
        started('cameras', **given)


def test_humans_starts_the_bridge_beside_the_emotion_node():
    made = nodes('humans', image='/head/image_raw', namespace='robot1')
    assert set(made) == {'emotion_node', 'humans_bridge'}
    assert made['humans_bridge'].expanded_node_namespace == '/robot1'


def test_humans_adds_expressions_alone_to_the_faces_of_another_package():
    made = nodes('humans', faces='other', namespace='robot1', labels='ferplus')
    assert set(made) == {'expression_node'}
    assert made['expression_node'].expanded_node_namespace == '/robot1'
    assert parameters(made['expression_node'])['labels'] == 'ferplus'


def test_replay_plays_the_bag_on_its_clock(tmp_path):
    context, actions = started('replay', bag=str(tmp_path), loop='true')
    (player,) = [a for a in actions if type(a) is ExecuteProcess]
    command = [perform_substitutions(context, part) for part in player.cmd]
    assert command[:5] == ['ros2', 'bag', 'play', str(tmp_path), '--clock']
    assert '--loop' in command


def test_a_missing_parameter_file_is_told():
    with pytest.raises(FileNotFoundError, match=r'check the launch argument params_file\.'):
        started('live', params_file='/missing.yaml')


def test_a_flag_that_is_neither_is_told():
    with pytest.raises(RuntimeError, match='"use_sim_time" provided value "maybe" is not valid'):
        started('live', use_sim_time='maybe')


@pytest.mark.parametrize('value', ['true', 'True', '1'])
def test_a_switch_may_be_written_as_python_does(value):
    assert 'overlay_node' in nodes('live', overlay=value)


@pytest.mark.parametrize(
    ('name', 'package', 'wanted'),
    [
        ('live', 'rqt_image_view', {'rqt': 'true'}),
        ('replay', 'ros2bag', {}),
        ('humans', 'hri_msgs', {}),
    ],
    ids=['rqt', 'bag', 'humans'],
)
def test_a_package_that_is_not_installed_is_told_before_any_node(
    name, package, wanted, given, installed
):
    started(name, **given, **wanted)
    installed.remove(package)
    with pytest.raises(InstallationError, match=f'{package} is not installed'):
        started(name, **given, **wanted)


@pytest.mark.parametrize(
    ('wrong', 'reason'),
    [
        ({'bag': '/no/bag'}, r'Bag /no/bag does not exist: check the launch argument bag\.'),
        ({'rate': '0'}, r'rate must be 0\.001 to 1000, not 0\.0'),
        ({'rate': 'nan'}, r'rate must be 0\.001 to 1000, not nan'),
        ({'delay': '-1'}, r'delay must be 0 to 3600 s, not -1\.0'),
        ({'delay': 'soon'}, r"delay must be a number \(0 to 3600 s\), not 'soon'"),
    ],
    ids=str,
)
def test_what_a_bag_cannot_be_played_with_is_told_before_any_node(wrong, reason, given):
    with pytest.raises((FileNotFoundError, ValueError), match=reason):
        started('replay', **{**given, **wrong})


def remappings(node):
    return dict(node.expanded_remapping_rules)


@pytest.mark.parametrize(
    ('around', 'namespace', 'topic'),
    [
        (None, '', '/emotions'),
        (None, 'robot1', '/robot1/emotions'),
        ('fleet', '', '/fleet/emotions'),
        ('fleet', 'robot1', '/fleet/robot1/emotions'),
        ('fleet', '/robot1', '/robot1/emotions'),
    ],
)
def test_the_camera_waits_for_the_results_of_its_own_namespace(around, namespace, topic):
    made = nodes('live', namespace_around=around, namespace=namespace, mode='replay')
    assert remappings(made['camera_node'])['emotions'] == topic
    below = made['emotion_node'].expanded_node_namespace.rstrip('/')
    assert f'{below}/emotions' == topic


def parameters(node):
    """Values that launch gives a node beside the parameter file."""
    values = {}
    for path, is_file in node._Node__expanded_parameter_arguments:
        assert is_file
        document = yaml.safe_load(Path(path).read_text())
        values.update(document.get('/**', {}).get('ros__parameters', {}))
    return values


@pytest.mark.parametrize('name', [name for name in FILES if FILES[name] >= IMAGES])
def test_the_transport_of_images_reaches_every_node_that_takes_some(name, given):
    for node in nodes(name, **given).values():
        assert 'image_transport' not in parameters(node)
    for node in nodes(name, **given, image_transport='compressed').values():
        assert parameters(node)['image_transport'] == 'compressed'
        assert remappings(node)['image'] == '/head/image_raw'


def test_a_camera_index_stays_a_text():
    camera = nodes('live', source='0', use_sim_time='true')['camera_node']
    values = parameters(camera)
    assert values['video_device'] == '0'
    assert values['use_sim_time'] is True
    assert values['loop'] is True


@pytest.mark.parametrize('name', ['live', 'replay'])
def test_without_overlay_no_node_publishes_images_with_results(name, given):
    assert 'overlay_node' in nodes(name, **given)
    assert 'overlay_node' not in nodes(name, overlay='false', **given)


def test_every_node_runs_in_an_enclave_of_its_own():
    context, actions = started('live', enclave='robot1/emotion')
    made = [action for action in actions if isinstance(action, Node)]
    for node in made:
        # The first part is the executable, which need not be installed here.
        arguments = [perform_substitutions(context, part) for part in node.cmd[1:]]
        where = arguments.index('--enclave')
        assert arguments[where + 1] == f'/robot1/emotion/{node.node_executable}'
    assert len(made) == 3


# --- nodes that end ----------------------------------------------------------------------------

LIVE, CLIP, LOOPED = {'source': '0'}, {'source': 'a.mp4', 'loop': 'false'}, {'source': 'a.mp4'}
CODES = (EXIT_OK, EXIT_USAGE, EXIT_ERROR, -9)


def exited(process, returncode):
    """What launch is told to do when a process has ended."""
    event = ProcessExited(
        returncode=returncode, action=process, name='it-1', cmd=[], cwd=None, env=None, pid=1
    )
    # The context of a launch file that was included is gone by then, with all its arguments.
    return process._ExecuteLocal__on_exit(event, LaunchContext())


def comes_back(process, returncode):
    """Whether launch starts a process again that has ended with a code."""
    actions = exited(process, returncode)
    assert all(
        isinstance(action, EmitEvent) and isinstance(action.event, ShutdownProcess)
        for action in actions
    )
    return process._ExecuteLocal__respawn and not actions


def processes(name, **given):
    made = [action for action in started(name, **given)[1] if isinstance(action, ExecuteProcess)]
    assert made
    return made


def camera(**given):
    (found,) = [p for p in processes('live', **given) if p.node_executable == 'camera_node']
    return found


@pytest.mark.parametrize('name', FILES)
@pytest.mark.parametrize('wanted', ['true', 'false'])
def test_nodes_that_end_are_started_again_if_wanted(name, wanted, given):
    for node in processes(name, **given, respawn=wanted):
        if isinstance(node, Node):
            expected = [wanted == 'true' and code != EXIT_USAGE for code in CODES]
            assert [comes_back(node, code) for code in CODES] == expected
            assert node._ExecuteLocal__respawn_delay > 0


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        (LIVE, [True, False, True, True]),
        (LOOPED, [False, False, False, True]),
        (CLIP, [False, False, False, False]),
    ],
    ids=['camera', 'looped clip', 'clip'],
)
def test_the_camera_of_a_finished_file_is_not_started_again(given, expected):
    found = camera(**given)
    assert [comes_back(found, code) for code in CODES] == expected


def test_the_player_of_a_bag_is_not_started_again(given):
    (player,) = [p for p in processes('replay', **given) if not isinstance(p, Node)]
    assert not player._ExecuteLocal__respawn


def test_the_end_of_a_file_ends_the_launch_where_wanted():
    (action,) = exited(camera(**CLIP, shutdown_at_end='true'), EXIT_OK)
    assert isinstance(action, Shutdown)
    assert not exited(camera(**CLIP, shutdown_at_end='false'), EXIT_OK)


@pytest.mark.parametrize('code', [EXIT_USAGE, EXIT_ERROR, -9])
def test_a_file_that_cannot_be_played_ends_the_launch_with_an_error(code):
    with pytest.raises(ProcessEndedError, match=r'it-1 .*; see its messages above\.'):
        exited(camera(**CLIP, shutdown_at_end='true'), code)


@pytest.mark.parametrize('name', FILES)
def test_wrong_settings_end_the_launch_with_an_error_where_wanted(name, given):
    for process in processes(name, **given, shutdown_at_end='true'):
        with pytest.raises(ProcessEndedError, match='it-1 cannot work with its settings; see its'):
            exited(process, EXIT_USAGE)
    for process in processes(name, **given, shutdown_at_end='false'):
        assert not comes_back(process, EXIT_USAGE)


def test_nothing_is_done_about_a_node_that_ends_with_the_launch():
    found = camera(**CLIP, shutdown_at_end='true')
    event = ProcessExited(
        returncode=EXIT_ERROR, action=found, name='it-1', cmd=[], cwd=None, env=None, pid=1
    )
    context = LaunchContext()
    context._set_is_shutdown(True)
    assert found._ExecuteLocal__on_exit(event, context) == []


@pytest.mark.parametrize(
    ('command_line', 'ends'),
    [(['launch', 'emotion_bringup', 'live.launch.py'], True), (['launch', 'robot.py'], False)],
)
def test_only_a_launch_file_that_is_launched_itself_ends_the_launch(
    command_line, ends, monkeypatch
):
    monkeypatch.setattr(sys, 'argv', ['ros2', *command_line])
    path = '/opt/share/emotion_bringup/launch/live.launch.py'
    context = LaunchContext()
    context.extend_locals({'current_launch_file_path': path})
    assert launching.ends_launch(context, 'auto') == ends
    assert launching.ends_launch(context, 'true')
    assert not launching.ends_launch(context, 'False')
