"""The launch files, where the launch system of ROS 2 is installed."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest
import yaml

from emotion_bringup.distributions import PROFILE_VARIABLES, profile_variables
from emotion_perception.foxglove import FoxgloveError
from emotion_perception.resources import config_path, share_folder

# The folder launch/ of this repository would pass for the package `launch`.
pytest.importorskip('launch_ros', reason='ros-launch is not installed')

from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.events.process import ProcessExited
from launch.utilities import perform_substitutions
from launch_ros.actions import Node

from launch import LaunchContext

COMMON = {
    'namespace',
    'use_sim_time',
    'params_file',
    'autostart',
    'respawn',
    'log_level',
    'enclave',
    'labels',
    'model',
}
FOXGLOVE = {'foxglove', 'foxglove_port', 'mcap'}
FILES = {
    'live': COMMON | FOXGLOVE | {'source', 'mode', 'loop', 'overlay', 'rqt'},
    'emotion': COMMON | FOXGLOVE | {'image'},
    'humans': COMMON | {'image', 'faces', 'humans_topic'},
    'replay': COMMON | FOXGLOVE | {'bag', 'image', 'rate', 'loop', 'overlay', 'delay'},
}


def description(name):
    path = share_folder() / 'launch' / f'{name}.launch.py'
    spec = importlib.util.spec_from_file_location(f'{name}_launch', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.generate_launch_description()


def started(name, **given):
    """What a launch file starts with the given arguments."""
    launch_description = description(name)
    context = LaunchContext()
    for argument in launch_description.get_launch_arguments():
        if argument.name in given:
            context.launch_configurations[argument.name] = given[argument.name]
        elif argument.default_value is not None:
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
def test_every_argument_is_described(name):
    arguments = description(name).get_launch_arguments()
    assert {argument.name for argument in arguments} == FILES[name]
    assert all(len(argument.description) > 10 for argument in arguments)


@pytest.mark.parametrize('name', FILES)
def test_arguments_stand_at_the_top_level(name):
    entities = description(name).entities
    assert FILES[name] == {
        entity.name for entity in entities if isinstance(entity, DeclareLaunchArgument)
    }


@pytest.mark.parametrize('name', FILES)
def test_the_dds_profile_is_set_unless_the_user_has_one(name, monkeypatch):
    def profiles():
        context = LaunchContext()
        return [
            perform_substitutions(context, entity.value)
            for entity in description(name).entities
            if isinstance(entity, SetEnvironmentVariable)
        ]

    for variable in PROFILE_VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    assert profiles() == [str(config_path('fastdds.xml'))] * len(profile_variables(os.environ))
    for variable in PROFILE_VARIABLES.values():
        monkeypatch.setenv(variable, '/my/profile.xml')
    assert profiles() == []


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
def test_foxglove_is_started_on_demand(name, tmp_path):
    pytest.importorskip('foxglove', reason='foxglove-sdk is not installed: make foxglove-env')
    given = {'bag': 'bag', 'source': '0', 'image': '/head/image_raw', 'foxglove': 'true'}
    assert 'foxglove_node' in nodes(name, **given)
    recording = {**given, 'foxglove': 'false', 'mcap': str(tmp_path / 'out.mcap')}
    assert 'foxglove_node' in nodes(name, **recording)
    with pytest.raises(ValueError, match="foxglove_port must be a whole number, not 'x'"):
        nodes(name, **given, foxglove_port='x')


def test_without_the_sdk_the_launch_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, 'foxglove', None)
    with pytest.raises(FoxgloveError, match='run `make foxglove-env`'):
        nodes('live', foxglove='true')


def test_emotion_starts_one_node():
    assert set(nodes('emotion', image='/head/image_raw')) == {'emotion_node'}


def test_humans_starts_the_bridge_beside_the_emotion_node():
    made = nodes('humans', image='/head/image_raw', namespace='robot1')
    assert set(made) == {'emotion_node', 'humans_bridge'}
    assert made['humans_bridge'].expanded_node_namespace == '/robot1'


def test_humans_adds_expressions_alone_to_the_faces_of_another_package():
    made = nodes('humans', faces='other', namespace='robot1', labels='ferplus')
    assert set(made) == {'expression_node'}
    assert made['expression_node'].expanded_node_namespace == '/robot1'
    assert 'ferplus' in str(made['expression_node']._Node__parameters)


def test_replay_plays_the_bag_on_its_clock():
    context, actions = started('replay', bag='/data/my bag', loop='true')
    (player,) = [a for a in actions if type(a) is ExecuteProcess]
    command = [perform_substitutions(context, part) for part in player.cmd]
    assert command[:5] == ['ros2', 'bag', 'play', '/data/my bag', '--clock']
    assert '--loop' in command


def test_a_missing_parameter_file_is_told():
    with pytest.raises(FileNotFoundError, match=r'does not exist: check params_file\.'):
        started('live', params_file='/missing.yaml')


def test_a_flag_that_is_neither_is_told():
    with pytest.raises(ValueError, match="use_sim_time must be true or false, not 'maybe'"):
        started('live', use_sim_time='maybe')


def test_a_camera_index_stays_a_text():
    camera = nodes('live', source='0', use_sim_time='true')['camera_node']
    values = {}
    for path, is_file in camera._Node__expanded_parameter_arguments:
        assert is_file
        document = yaml.safe_load(Path(path).read_text())
        values.update(document.get('/**', {}).get('ros__parameters', {}))
    assert values['video_device'] == '0'
    assert values['use_sim_time'] is True
    assert values['loop'] is True


@pytest.mark.parametrize('name', ['live', 'replay'])
def test_without_overlay_no_node_publishes_images_with_results(name):
    given = {'source': '0'} if name == 'live' else {'bag': '/data/bag'}
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


def comes_back(node, context, returncode):
    """Whether launch starts a node again that has ended with a code."""
    event = ProcessExited(
        returncode=returncode, action=node, name='', cmd=[], cwd=None, env=None, pid=1
    )
    on_exit = node._ExecuteLocal__on_exit
    actions = on_exit(event, context) if on_exit else []
    assert all(isinstance(action, Shutdown) for action in actions)
    return node._ExecuteLocal__respawn and not actions


@pytest.mark.parametrize('name', FILES)
@pytest.mark.parametrize('wanted', ['true', 'false'])
def test_nodes_that_end_are_started_again_if_wanted(name, wanted):
    given = {'bag': 'bag', 'source': '0', 'image': '/head/image_raw', 'respawn': wanted}
    context, actions = started(name, **given)
    made = [action for action in actions if isinstance(action, Node)]
    assert made
    for node in made:
        assert comes_back(node, context, -9) == (wanted == 'true')
        assert node._ExecuteLocal__respawn_delay > 0


@pytest.mark.parametrize(
    ('given', 'finished', 'failed', 'killed'),
    [(LIVE, True, True, True), (LOOPED, False, False, True), (CLIP, False, False, False)],
    ids=['camera', 'looped clip', 'clip'],
)
def test_the_camera_of_a_finished_file_is_not_started_again(given, finished, failed, killed):
    context, actions = started('live', **given)
    (camera,) = [a for a in actions if isinstance(a, Node) and a.node_executable == 'camera_node']
    codes = (0, 1, -9)
    assert [comes_back(camera, context, code) for code in codes] == [finished, failed, killed]


def test_the_player_of_a_bag_is_not_started_again():
    _, actions = started('replay', bag='/data/bag')
    (player,) = [a for a in actions if type(a) is ExecuteProcess]
    assert not player._ExecuteLocal__respawn
