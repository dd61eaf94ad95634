"""What keeps ROS from starting, told in one sentence by every door: nodes and `emotion nodes`."""

import sys

import pytest
from processes import assert_one_sentence, environment, finish, run, run_node, start

from emotion_bringup.endings import EXIT_USAGE
from emotion_bringup.installation import other_python, shell_problem
from emotion_bringup.override_check import qos_problem
from emotion_bringup.parameter_tables import EMOTION_PARAMETERS

DOORS = {
    'node': (['-m', 'emotion_bringup.main', 'camera_node'], EXIT_USAGE),
    'session': (['-m', 'emotion_perception.cli.main', 'nodes', '--source', 'demo'], 1),
}
# As Python's extension modules are called; there will be no such version for long.
OTHER_PYTHON = '_rclpy_pybind11.cpython-399-x86_64-linux-gnu.so'


@pytest.mark.parametrize('domain', ['abc', '233', '-1'])
def test_a_domain_that_ros_does_not_take(domain):
    code, _, err = run(DOORS['node'][0], ROS_DOMAIN_ID=domain)
    assert code == EXIT_USAGE
    assert_one_sentence(err, 'a whole number from 0 to 232', domain)


@pytest.mark.parametrize('door', DOORS)
@pytest.mark.parametrize(
    ('name', 'value', 'part'),
    [
        ('RMW_IMPLEMENTATION', 'rmw_of_nobody', 'rmw_of_nobody, which is not installed'),
        ('ROS_LOG_DIR', '/proc/nowhere', 'set ROS_LOG_DIR to a folder that can be written'),
    ],
)
def test_a_shell_in_which_ros_cannot_start(door, name, value, part):
    arguments, exit_code = DOORS[door]
    code, _, err = run(arguments, **{name: value})
    assert code == exit_code
    assert_one_sentence(err, part)


@pytest.mark.parametrize('domain', ['', '0', '232'])
def test_domains_that_ros_takes(domain):
    assert shell_problem({'ROS_DOMAIN_ID': domain}) == ''


def test_the_middleware_that_is_installed_is_taken():
    assert shell_problem({'RMW_IMPLEMENTATION': 'rmw_fastrtps_cpp'}) == ''


def test_a_middleware_of_a_workspace_is_taken(tmp_path):
    index = tmp_path / 'share/ament_index/resource_index/rmw_typesupport'
    index.mkdir(parents=True)
    (index / 'rmw_own_cpp').touch()
    variables = {'RMW_IMPLEMENTATION': 'rmw_own_cpp', 'AMENT_PREFIX_PATH': str(tmp_path)}
    assert shell_problem(variables) == ''


@pytest.mark.parametrize('door', DOORS)
def test_a_ros_of_another_python_is_told(tmp_path, door):
    """As a sourced Jazzy is to a Python that is not Ubuntu's."""
    package = tmp_path / 'rclpy'
    package.mkdir()
    (package / OTHER_PYTHON).touch()
    missing = 'rclpy._rclpy_pybind11'
    (package / '__init__.py').write_text(
        f'raise ModuleNotFoundError("No module named {missing!r}", name={missing!r})'
    )
    arguments, exit_code = DOORS[door]
    paths = f'{tmp_path}:{environment()["PYTHONPATH"]}'
    code, _, err = finish(start(arguments, PYTHONPATH=paths))
    assert code == exit_code
    assert_one_sentence(err, str(package), 'is built for Python 3.99', 'use python3.99')


def test_a_package_of_this_python_is_no_cause(tmp_path, monkeypatch):
    version = f'{sys.version_info.major}{sys.version_info.minor}'
    folder = tmp_path / 'lib/python3/dist-packages/some_msgs'
    folder.mkdir(parents=True)
    (folder / f'some_msgs_s.cpython-{version}-x86_64-linux-gnu.so').touch()
    monkeypatch.setattr('sys.path', [])
    assert other_python('some_msgs', {'AMENT_PREFIX_PATH': str(tmp_path)}) == ''


def test_messages_of_another_python_in_a_workspace(tmp_path):
    folder = tmp_path / 'lib/python3.99/site-packages/some_msgs'
    folder.mkdir(parents=True)
    (folder / 'some_msgs_s.cpython-399-x86_64-linux-gnu.so').touch()
    sentence = other_python('some_msgs', {'AMENT_PREFIX_PATH': str(tmp_path)})
    assert 'some_msgs' in sentence
    assert '3.99' in sentence


def test_a_namespace_that_ros_does_not_take():
    arguments, exit_code = DOORS['session']
    code, _, err = run([*arguments, '--namespace', 'robot-1'])
    assert code == exit_code
    assert_one_sentence(err, "Invalid namespace '/robot-1'", 'letters, digits')


@pytest.mark.parametrize(
    ('node', 'parameter', 'part'),
    [
        ('camera_node', "use_sim_time:='three'", "'use_sim_time'"),
        ('emotion_node', 'qos_overrides./image.subscription.reliability:=fast', "not 'fast'"),
        ('overlay_node', 'qos_overrides./image.subscription.depth:=-1', 'not -1'),
        ('camera_node', 'camera_info_url:=package://no_such/camera.yaml', "'no_such'"),
        ('camera_node', 'camera_info_url:=package://..', "'..', which is not installed"),
    ],
)
def test_parameters_that_ros_itself_does_not_take(node, parameter, part):
    code, _, err = run_node(node, '-p', 'video_device:=demo', '-p', parameter)
    assert code == EXIT_USAGE
    assert_one_sentence(err, part)


@pytest.mark.parametrize(
    ('arguments', 'part'),
    [
        (['camera_node', 'video.mp4'], "does not read 'video.mp4'"),
        (['camera_node', '-p', 'loop:=true'], '--ros-args -p NAME:=VALUE'),
        (['camera_nod'], "no node 'camera_nod'"),
        ([], "no node ''"),
    ],
)
def test_what_a_node_would_not_read_is_refused(arguments, part):
    code, _, err = run(['-m', 'emotion_bringup.main', *arguments])
    assert code == EXIT_USAGE
    assert_one_sentence(err, part)


def test_the_help_of_a_node_lists_its_parameters():
    code, out, err = run(['-m', 'emotion_bringup.main', 'emotion_node', '--help'])
    assert (code, err) == (0, '')
    assert all(f'  {row.name} (' in out for row in EMOTION_PARAMETERS)


@pytest.mark.parametrize(
    ('name', 'value'),
    [
        ('qos_overrides./image.subscription.reliability', 'Best_Effort'),
        ('qos_overrides./image.subscription.history', 'keep_all'),
        ('qos_overrides./image.subscription.depth', 3),
        ('confidence_threshold', 'high'),
    ],
)
def test_overrides_that_can_be_used(name, value):
    assert qos_problem(name, value) == ''


def test_a_name_that_is_not_utf8_is_told_by_the_node():
    code, _, err = run_node('camera_node', '-p', 'source:=bad\udcff.mp4')
    assert code == EXIT_USAGE
    assert_one_sentence(err, 'is not UTF-8', 'rename the file')
