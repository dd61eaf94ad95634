"""The workspace that people have: README's own lines, `colcon build`, and a node from install/."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import rclpy
import stand_in_messages
from rclpy.executors import SingleThreadedExecutor

from emotion_bringup import qos
from emotion_bringup.installation import missing_module_cure
from emotion_msgs.msg import EmotionLabels
from emotion_perception.bags import messages
from emotion_perception.errors import BagError

pytest.importorskip('colcon_core', reason='colcon is not installed')
if not stand_in_messages.can_build() or shutil.which('git') is None:
    pytest.skip('cmake, a C++ compiler and git build the workspace', allow_module_level=True)

# Each builds the messages with colcon.
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
MESSAGES = 'emotion_msgs'
BUILD_TIMEOUT_S = 1800
START_TIMEOUT_S = 120
# What README's lines call and a test must not: the network, apt, a new environment.
STAND_INS = """
set -e
rosdep() { :; }
pip() { :; }
python3() {
  if [ "$1 $2" = '-m venv' ]; then
    mkdir -p "${@: -1}/bin" && touch "${@: -1}/bin/activate"
  else
    "$PYTHON" "$@"
  fi
}
"""
SAY_ENVIRONMENT = """
"$PYTHON" -c 'import json, os; print("\\n" + json.dumps(dict(os.environ)))'
"""


def first_block(page, chapter):
    """The first block of commands in a chapter."""
    text = (ROOT / page).read_text(encoding='utf-8').split(f'\n## {chapter}\n')[1]
    return re.search(r'```sh\n(.*?)```', text, re.S).group(1)


def readme_lines():
    return first_block('README.md', 'On a machine with ROS 2')


def bash(script, home, **changes):
    """Runs lines of a shell; returns what they have said."""
    done = subprocess.run(
        ['bash', '-c', STAND_INS + script],
        cwd=home,
        env={**os.environ, 'HOME': str(home), 'PYTHON': sys.executable, **changes},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope='module')
def repository(tmp_path_factory):
    """A repository of its own with the files of this checkout, uncommitted ones too."""
    folder = tmp_path_factory.mktemp('repository')
    listed = ['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard']
    names = subprocess.run(listed, cwd=ROOT, stdout=subprocess.PIPE, check=False).stdout.decode()
    if not names:
        pytest.skip('this is no git checkout')
    for name in filter(None, names.split('\0')):
        if (ROOT / name).is_file():  # not deleted
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    author = ['-c', 'user.name=test', '-c', 'user.email=test@example.invalid']
    for command in (['init', '-q'], ['add', '-A', '-f'], [*author, 'commit', '-q', '-m', 'all']):
        subprocess.run(['git', *command], cwd=folder, check=True)
    return folder


@pytest.fixture(scope='module')
def ros(tmp_path_factory):
    """What stands for /opt/ros: the setup file of a ROS installation without our messages."""
    folder = tmp_path_factory.mktemp('ros')
    prefixes = [sys.prefix, *filter(None, os.environ.get('AMENT_PREFIX_PATH', '').split(':'))]
    for prefix in reversed(prefixes):
        index = Path(prefix, 'share', 'ament_index')
        if index.is_dir():
            without = shutil.ignore_patterns('emotion_*')
            shutil.copytree(index, folder / 'share/ament_index', ignore=without, dirs_exist_ok=True)
    for name in ('local_setup.sh', 'local_setup.bash'):  # colcon looks for them, and sources one
        (folder / name).touch()
    setup = folder / 'setup.bash'
    setup.write_text(
        f'export AMENT_PREFIX_PATH={folder} CMAKE_PREFIX_PATH={":".join(prefixes)}\n'
        f'export PATH={Path(sys.executable).parent}:$PATH\n'
        f'export COLCON_DEFAULTS_FILE={folder}/colcon.yaml\n'
    )
    hook = Path(stand_in_messages.__file__).with_name('python_only_build.cmake')
    arguments = [f'-DPython3_EXECUTABLE={sys.executable}', '-DBUILD_TESTING=OFF', '-Wno-dev']
    arguments += [f'-DCMAKE_PROJECT_INCLUDE={hook}']
    (folder / 'colcon.yaml').write_text(json.dumps({'build': {'cmake-args': arguments}}))
    return setup


@pytest.fixture(scope='module')
def lines(repository, ros):
    """README's lines for this machine."""
    text = readme_lines().replace('<this repository>', str(repository))
    return re.sub(r'source /opt/ros/\w+/setup.bash', f'source {ros}', text)


@pytest.fixture(scope='module')
def built(lines, tmp_path_factory):
    """A workspace as README makes it: its folder, what was said, the environment it leaves."""
    home = tmp_path_factory.mktemp('home')
    said = bash(lines + SAY_ENVIRONMENT, home)
    return home / 'ws', said, json.loads(said.splitlines()[-1])


def run_python(code, environment):
    return subprocess.check_output([sys.executable, '-c', code], env=environment, text=True)


def test_colcon_sees_both_packages(built):
    folder, said, environment = built
    command = [sys.executable, '-m', 'colcon', 'list', '--names-only']
    names = subprocess.check_output(command, cwd=folder, env=environment, text=True)
    assert names.split() == ['emotion_bringup', MESSAGES]
    assert '2 packages finished' in said
    assert 'looks for no package' not in said


def test_everything_comes_from_the_workspace(built):
    folder, _, environment = built
    code = 'import emotion_bringup, emotion_msgs.msg\n'
    code += 'from emotion_perception.files import resources\n'
    code += 'print(emotion_bringup.__file__, emotion_msgs.__file__, resources.share_folder())'
    found = run_python(code, environment).split()
    assert len(found) == 3
    assert all(Path(path).is_relative_to(folder / 'install') for path in found)


@pytest.mark.parametrize('package', ['emotion_bringup', MESSAGES])
def test_packages_install_their_licence(built, package):
    installed = built[0] / 'install' / package / 'share' / package
    assert 'Apache License' in (installed / 'LICENSE').read_text(encoding='utf-8')
    assert f'<name>{package}</name>' in (installed / 'package.xml').read_text(encoding='utf-8')


def test_a_node_runs_from_the_workspace(built):
    folder, _, environment = built
    program = folder / 'install/emotion_bringup/lib/emotion_bringup/emotion_node'
    arguments = ['--ros-args', '-r', '__ns:=/workspace', '-p', 'detector:=haar']
    process = subprocess.Popen([program, *arguments], env=environment)
    try:
        labels = first_message('/workspace/emotions/labels')
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(START_TIMEOUT_S)
    assert labels.model_name
    assert code == 0


def first_message(topic):
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node('test_workspace', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    received = rclpy.Future()
    node.create_subscription(EmotionLabels, topic, received.set_result, qos.LABELS)
    try:
        executor.spin_until_future_complete(received, timeout_sec=START_TIMEOUT_S)
        assert received.done(), f'nothing came on {topic}'
        return received.result()
    finally:
        executor.shutdown()
        node.destroy_node()
        rclpy.try_shutdown(context=context)


def test_without_the_link_the_build_says_how_to_make_it(lines, tmp_path):
    link = next(line for line in lines.splitlines(keepends=True) if line.startswith('ln -s'))
    said = bash(lines.replace(link, ''), tmp_path)
    assert '1 package finished' in said
    (command,) = re.findall(r'Run `(ln -s [^`]+)` and build again', said)
    names = bash(f'{command}; python3 -m colcon list --names-only', tmp_path / 'ws')
    assert names.split() == ['emotion_bringup', MESSAGES]


def test_the_messages_alone_are_a_package_of_another_workspace(repository, tmp_path):
    block = first_block('docs/ros.md', '`emotion_msgs` alone')
    (tmp_path / 'robot_ws' / 'src').mkdir(parents=True)
    stand_ins = 'colcon() { python3 -m colcon list --names-only; }\nros2() { echo "ros2 $*"; }\n'
    said = bash(stand_ins + block.replace('<this repository>', str(repository)), tmp_path)
    shown = f'ros2 interface show {MESSAGES}/msg/FaceEmotionArray'
    assert said.splitlines()[-2:] == [MESSAGES, shown]


def test_errors_name_the_line_of_the_readme(monkeypatch):
    command = re.search(r'^ln -s \S+ \S+', readme_lines(), re.M).group()
    assert f'`{command}`' in missing_module_cure(ModuleNotFoundError(name=MESSAGES))
    monkeypatch.setattr(messages, '_message_folders', lambda: [])
    with pytest.raises(BagError, match=re.escape(f'`{command}`')):
        messages.message_definitions.__wrapped__()
