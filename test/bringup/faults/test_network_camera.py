"""The camera node on a network camera that hangs, hangs up and comes back, and wants a password."""

from pathlib import Path
from urllib.parse import quote

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from mjpeg_camera import MjpegCamera
from sensor_msgs.msg import Image

from emotion_bringup import qos

NODES = ('/named/camera_node', '/written/camera_node')
PASSWORD = 's3/cr@t:?'
# Letters in each: a time or a port in a log may hold any few digits.
PASSWORD_IN_QUERY = 'hush4711'
SECRETS = ('s3/cr', quote('s3/cr', safe=''), PASSWORD_IN_QUERY)


@pytest.fixture(scope='module')
def camera(small):
    camera = MjpegCamera(small, f'admin:{PASSWORD}')
    yield camera
    camera.close()


@pytest.fixture(scope='module')
def sources(camera):
    """The same camera with its password in a variable, and written into the address."""
    query = f'channel=1&pwd={PASSWORD_IN_QUERY}'
    return {
        'named': f'http://${{CAMERA_USER}}:${{CAMERA_PASSWORD}}@{camera.host}/video?{query}',
        'written': f'http://admin:{quote(PASSWORD, safe="")}@{camera.host}/video?{query}',
    }


@pytest.fixture(scope='module')
def nodes(stage, sources):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('CAMERA_USER', 'admin')
        patch.setenv('CAMERA_PASSWORD', PASSWORD)
        return {
            name: stage.start('camera_node', '-r', f'__ns:=/{name}', video_device=f"'{source}'")
            for name, source in sources.items()
        }


@pytest.fixture(scope='module')
def images(stage, nodes):
    heard = [stage.listen(Image, f'/{name}/image_raw', qos.image_in('live')) for name in nodes]
    spin_until_more(stage, heard)
    return heard


def spin_until_more(stage, images):
    before = [len(each) for each in images]
    stage.spin_until(
        lambda: all(len(each) > count + 3 for each, count in zip(images, before, strict=True)),
        'images',
    )


def statuses(stage, level):
    return [stage.status(node, lambda status: status.level == level) for node in NODES]


def assert_hides_secrets(*texts):
    for text in texts:
        assert not [secret for secret in SECRETS if secret in text], text


def said_in(status):
    return ' '.join([status.name, status.message, *(f'{v.key} {v.value}' for v in status.values)])


def test_a_camera_that_hangs_is_told_in_the_diagnostics(stage, camera, images):
    camera.flows.clear()
    for status in statuses(stage, DiagnosticStatus.WARN):
        assert f'{camera.url}?channel=1&pwd=*** has given no frame for' in status.message
        assert_hides_secrets(said_in(status))
    camera.flows.set()
    spin_until_more(stage, images)
    assert_hides_secrets(*map(said_in, statuses(stage, DiagnosticStatus.OK)))


def test_a_camera_that_hangs_up_is_called_again_until_it_is_back(stage, camera, images):
    camera.is_up.clear()
    for status in statuses(stage, DiagnosticStatus.ERROR):
        assert camera.url in status.message
        assert_hides_secrets(said_in(status))
    stage.spin_until(lambda: stage.logged('Trying again in 1 s', 'named.camera_node'), 'a retry')
    camera.is_up.set()
    spin_until_more(stage, images)
    statuses(stage, DiagnosticStatus.OK)
    for name in ('named.camera_node', 'written.camera_node'):
        stage.spin_until(lambda name=name: stage.logged('The camera is back', name), 'good news')
        assert len(stage.logged('The camera is back', name)) == 1


def test_nothing_that_was_said_meanwhile_holds_the_password(stage, nodes, images):
    assert_hides_secrets(*stage.logged(''), *(node.output for node in nodes.values()))


def test_a_password_in_a_variable_is_not_seen_by_others_of_this_machine(nodes, images):
    words = Path(f'/proc/{nodes["named"].pid}/cmdline').read_text()
    assert '${CAMERA_PASSWORD}' in words
    assert 's3/cr' not in words


def test_a_variable_that_is_not_set_is_a_wrong_setting(stage):
    node = stage.start('camera_node', '-r', '__ns:=/unset', video_device="'http://${NO_SUCH}@c/'")
    node.killed = True  # it ends by itself
    assert node.wait() == 2
    assert 'names the variable NO_SUCH, which is not set or empty: export it' in node.output
