"""What users see when a part of ROS is not there."""

import pytest
from processes import assert_one_sentence, run

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
    assert code == 1
    assert_one_sentence(err, package, cure)


@pytest.mark.parametrize(
    ('package', 'cure'), [('rclpy', 'source the setup file'), ('emotion_msgs', 'colcon build')]
)
def test_the_session_tells_a_missing_package_in_one_sentence(package, cure):
    code, out, err = run(['-c', BLOCKED.format(package=package) + SESSION])
    assert code == 1
    assert_one_sentence(err, package, cure)
    assert not out


@pytest.mark.parametrize('start', [*(NODE.format(node=node) for node in NODES), SESSION])
def test_an_rclpy_that_is_too_old_is_told_in_one_sentence(start):
    """Humble's has no rclpy.event_handler; nor has this one."""
    code, _, err = run(['-c', OLD_RCLPY + start])
    assert code == 1
    assert_one_sentence(err, 'Humble or older', 'Jazzy or newer')


def test_the_help_needs_no_ros():
    code, out, _ = run(
        ['-c', BLOCKED.format(package='rclpy') + SESSION.replace("'--source', 'demo'", "'--help'")]
    )
    assert code == 0
    assert '--source' in out
