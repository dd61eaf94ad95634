"""What users see when a part of ROS is not there."""

import pytest
from processes import assert_one_sentence, run

from emotion_bringup.endings import EXIT_USAGE

BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name == {package!r} or name.startswith({package!r} + '.'):
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)

sys.meta_path.insert(0, Blocker())
"""
NODE = 'from emotion_bringup.main import run\nsys.exit(run({node!r}))'
SESSION = """
from emotion_perception.cli.main import main
sys.exit(main(['nodes', '--source', 'demo']))
"""
OLD_RCLPY = "import sys\nsys.modules['rclpy.event_handler'] = None\n"
NODES = ('camera_node', 'emotion_node', 'overlay_node')


@pytest.mark.parametrize('node', NODES)
@pytest.mark.parametrize(
    ('package', 'cure'), [('rclpy', 'source the setup file'), ('emotion_msgs', 'colcon build')]
)
def test_a_missing_package_is_told_in_one_sentence(node, package, cure):
    code, _, err = run(['-c', BLOCKED.format(package=package) + NODE.format(node=node)])
    assert code == EXIT_USAGE
    assert_one_sentence(err, package, cure)


def test_a_package_that_does_not_load_is_told_in_one_sentence():
    blocked = BLOCKED.replace('ModuleNotFoundError', 'ImportError').format(package='cv2')
    code, _, err = run(['-c', blocked + NODE.format(node='emotion_node')])
    assert code == EXIT_USAGE
    assert_one_sentence(err, 'cv2 is installed but does not load')


@pytest.mark.parametrize(
    ('package', 'cure'), [('rclpy', 'source the setup file'), ('emotion_msgs', 'colcon build')]
)
def test_the_session_tells_a_missing_package_in_one_sentence(package, cure):
    code, out, err = run(['-c', BLOCKED.format(package=package) + SESSION])
    assert code == 1
    assert_one_sentence(err, package, cure)
    assert not out


@pytest.mark.parametrize(
    ('start', 'exit_code'),
    [*((NODE.format(node=node), EXIT_USAGE) for node in NODES), (SESSION, 1)],
)
def test_an_rclpy_that_is_too_old_is_told_in_one_sentence(start, exit_code):
    """Humble's has no rclpy.event_handler; nor has this one."""
    code, _, err = run(['-c', OLD_RCLPY + start])
    assert code == exit_code
    assert_one_sentence(err, 'Humble or older', 'Jazzy or newer')


def test_the_help_needs_no_ros():
    code, out, _ = run(
        ['-c', BLOCKED.format(package='rclpy') + SESSION.replace("'--source', 'demo'", "'--help'")]
    )
    assert code == 0
    assert '--source' in out
