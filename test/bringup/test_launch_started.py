"""The launch files in the real `ros2 launch`, where that and this package are installed."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import pytest
import rclpy
import yaml
from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from awaiting import wait_for_end
from diagnostic_msgs.msg import DiagnosticArray
from processes import TIMEOUT_S, environment
from sensor_msgs.msg import CameraInfo

from emotion_bringup import qos
from emotion_bringup.distributions import PROFILE_VARIABLES
from emotion_bringup.parameter_tables import REPLAY
from emotion_perception.files.resources import share_folder

FRAMES = 12
PROFILES = list(PROFILE_VARIABLES.values())
INCLUDING = """
from launch import LaunchDescription
from launch.actions import ExecuteProcess, GroupAction, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import PushRosNamespace


def generate_launch_description():
    included = IncludeLaunchDescription(
        PythonLaunchDescriptionSource({file!r}), launch_arguments={arguments!r}.items()
    )
    others = ExecuteProcess(cmd=[{python!r}, '-c', {others!r}], output='screen')
    return LaunchDescription([GroupAction([PushRosNamespace('fleet'), included]), others])
"""
OTHERS = (
    'import os, signal; '
    f'print("profiles of others:", [os.environ.get(name) for name in {PROFILES}]); '
    'signal.pause()'
)


def is_installed():
    if not (shutil.which('ros2') and os.environ.get('AMENT_PREFIX_PATH')):
        return False
    try:
        prefix = Path(get_package_prefix('emotion_bringup'))
    except PackageNotFoundError:
        return False
    return (prefix / 'lib/emotion_bringup/camera_node').exists()


pytestmark = pytest.mark.skipif(not is_installed(), reason='ros2 launch is not installed')


class Launch:
    """A running `ros2 launch`; reading its output is how to wait for anything."""

    def __init__(self, file, **arguments):
        self.output = ''
        variables = environment(OVERRIDE_LAUNCH_PROCESS_OUTPUT='screen', PYTHONUNBUFFERED='1')
        for name in PROFILES:
            variables.pop(name, None)
        self._process = subprocess.Popen(
            ['ros2', 'launch', str(file), *(f'{name}:={arguments[name]}' for name in arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=variables,
            start_new_session=True,
        )
        self._watchdog = threading.Timer(TIMEOUT_S, self._kill)
        self._watchdog.start()

    def read_until(self, pattern):
        """Reads on until a line matches; returns the match."""
        for line in self._process.stdout:
            self.output += line
            found = re.search(pattern, line)
            if found:
                return found
        raise AssertionError(f'no {pattern!r} in:\n{self.output}')

    def started(self, name):
        """Waits for the start of a node; returns its process id."""
        return int(self.read_until(rf'\[{name}-\d+\]: process started with pid \[(\d+)\]')[1])

    def interrupt(self):
        """Ctrl-C, as a terminal sends it: to all processes."""
        os.killpg(self._process.pid, signal.SIGINT)

    def signal(self, number):
        """Sends a signal to `ros2 launch` alone."""
        self._process.send_signal(number)

    def end(self):
        """Reads to the end; returns the exit code."""
        self.output += self._process.stdout.read()
        return self._process.wait()

    def close(self):
        self._watchdog.cancel()
        if self._process.poll() is None:
            self._kill()
        self._process.stdout.close()
        self._process.wait()

    def _kill(self):
        os.killpg(self._process.pid, signal.SIGKILL)


@pytest.fixture
def launch():
    # Tests that a shell runs in the background inherit that Ctrl-C is ignored, and pass it on.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    opened = []

    def start(file, **arguments):
        opened.append(Launch(file, **arguments))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
    signal.signal(signal.SIGINT, inherited)


class Robot:
    """Listens to the camera's information, for which the camera waits too, and to diagnostics."""

    def __init__(self):
        rclpy.init(args=[])
        self._heard = set()
        self._node = rclpy.create_node('robot')
        for namespace in ('', '/fleet/robot1'):
            topic = f'{namespace}/camera/camera_info'
            self._node.create_subscription(CameraInfo, topic, print, qos.camera_info(REPLAY))
        self._node.create_subscription(DiagnosticArray, '/diagnostics', self._hear, qos.DIAGNOSTICS)

    def wait_for(self, name):
        """Waits until a node, by its full name, runs from now on."""
        self._heard.clear()
        deadline = time.monotonic() + TIMEOUT_S
        while name not in self._heard:
            assert time.monotonic() < deadline, f'{name} is not heard of'
            rclpy.spin_once(self._node, timeout_sec=0.1)

    def close(self):
        self._node.destroy_node()
        rclpy.shutdown()

    def _hear(self, message):
        self._heard |= {status.hardware_id for status in message.status}


@pytest.fixture
def robot():
    robot = Robot()
    yield robot
    robot.close()


def launch_file(name):
    return str(share_folder() / 'launch' / f'{name}.launch.py')


@pytest.fixture
def arguments(tmp_path, model_path, astronaut):
    """A folder of images, and nodes that are quick to start."""
    for number in range(FRAMES):
        small = cv2.resize(astronaut, (128, 128), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(tmp_path / f'{number:02}.png'), small)
    emotion = {'model_path': str(model_path), 'detector': 'haar', 'num_threads': 1}
    camera = {'wait_for_subscribers': 1, 'framerate': 50.0}
    file = tmp_path / 'parameters.yaml'
    nodes = {'/**/emotion_node': emotion, '/**/camera_node': camera}
    file.write_text(yaml.dump({name: {'ros__parameters': nodes[name]} for name in nodes}))
    return {'params_file': str(file), 'source': str(tmp_path), 'overlay': 'false'}


def test_an_included_launch_leaves_what_is_around_it_alone(launch, robot, arguments, tmp_path):
    """In a namespace that is pushed; the camera starts when it is told to listen to the results."""
    parent = tmp_path / 'robot.launch.py'
    arguments |= {'mode': 'replay', 'loop': 'False', 'namespace': 'robot1'}
    file = launch_file('live')
    parent.write_text(
        INCLUDING.format(file=file, arguments=arguments, others=OTHERS, python=sys.executable)
    )
    running = launch(parent)
    emotion = running.started('emotion_node')
    nothing = re.escape(str([None] * len(PROFILES)))
    running.read_until(rf'profiles of others: {nothing}')
    running.read_until(rf'{FRAMES} frames published')
    running.read_until('process has finished cleanly')
    # Nothing of it has ended the others, and a node comes back after its scope is gone.
    os.kill(emotion, signal.SIGKILL)
    assert running.started('emotion_node') != emotion
    # Launch may hang when Ctrl-C kills a process in the instant of its start.
    robot.wait_for('/fleet/robot1/emotion_node')
    running.interrupt()
    running.end()
    assert 'fleet.robot1.camera.camera_node' in running.output
    assert 'No result on emotions' not in running.output
    assert 'Caught exception' not in running.output
    assert 'user interrupted' in running.output


def test_a_killed_camera_is_started_again_and_ctrl_c_ends_all(launch, robot, arguments):
    running = launch(launch_file('live'), **arguments, loop='true')
    camera = running.started('camera_node')
    running.read_until('images from /camera/image_raw')
    os.kill(camera, signal.SIGKILL)
    assert running.started('camera_node') != camera
    robot.wait_for('/camera/camera_node')
    running.interrupt()
    assert running.end() == 0, running.output
    assert 'Traceback' not in running.output
    with pytest.raises(ProcessLookupError):
        os.kill(camera, 0)


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGHUP])
def test_no_node_outlives_its_launch(launch, robot, arguments, number):
    """SIGHUP does to `ros2 launch` what SIGKILL does: it ends without a word to its nodes."""
    running = launch(launch_file('live'), **arguments, loop='true')
    nodes = [running.started(name) for name in ('camera_node', 'emotion_node')]
    running.read_until('images from /camera/image_raw')
    running.signal(number)
    for node in nodes:
        wait_for_end(node)


def test_the_end_of_a_file_ends_what_was_launched_for_it(launch, robot, arguments):
    running = launch(launch_file('live'), **arguments, mode='replay', loop='false')
    assert running.end() == 0, running.output
    assert f'{FRAMES} frames published' in running.output
    assert 'process[camera_node-1] was required' in running.output


@pytest.mark.parametrize('wrong', [{'model': '/nope.onnx'}, {'params_file': '{not yaml'}], ids=str)
def test_wrong_settings_end_a_launch_with_an_error_after_one_start(launch, wrong, tmp_path):
    if 'params_file' in wrong:
        file = tmp_path / 'parameters.yaml'
        file.write_text(wrong['params_file'])
        wrong = {'params_file': str(file)}
    running = launch(launch_file('emotion'), **wrong)
    assert running.end() == 1, running.output
    assert 'emotion_node-1 cannot work with its settings; see its messages' in running.output
    assert running.output.count('process started') == 1


def test_wrong_settings_are_not_tried_again_where_the_launch_goes_on(launch):
    running = launch(launch_file('emotion'), model='/nope.onnx', shutdown_at_end='false')
    assert running.end() == 0, running.output  # by itself: nothing runs or is to be started
    assert 'It is not started again.' in running.output
    assert '/nope.onnx does not exist: set model:= to an exported ONNX file.' in running.output
    assert running.output.count('process started') == 1


@pytest.mark.skipif(bool(shutil.which('rqt_image_view')), reason='rqt_image_view is installed')
def test_without_rqt_no_node_is_started(launch, arguments):
    running = launch(launch_file('live'), **arguments, rqt='true')
    assert running.end() == 1, running.output
    assert 'rqt_image_view is not installed: run `sudo apt install ros-' in running.output
    assert 'process started' not in running.output


@pytest.mark.parametrize(
    ('language', 'suffix'), [('python', 'py'), ('xml', 'xml'), ('yaml', 'yaml')]
)
def test_the_launch_files_in_the_documentation_start(launch, tmp_path, language, suffix):
    text = (Path(__file__).parents[2] / 'docs' / 'ros.md').read_text()
    section = text.partition('In your own launch file\n')[2].partition('\n## ')[0]
    file = tmp_path / f'robot.launch.{suffix}'
    file.write_text(re.search(rf'```{language}\n(.*?)```', section, re.S)[1])
    running = launch(file)
    running.read_until('images from /robot1/camera/image_raw')
    running.interrupt()
    assert running.end() == 0, running.output
