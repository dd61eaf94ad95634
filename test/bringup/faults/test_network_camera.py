"""The camera node on a network camera that hangs, hangs up and comes back."""

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from mjpeg_camera import MjpegCamera
from sensor_msgs.msg import Image

from emotion_bringup import qos

NODE = '/net/camera_node'


@pytest.fixture(scope='module')
def camera(small):
    camera = MjpegCamera(small)
    yield camera
    camera.close()


@pytest.fixture(scope='module')
def images(stage, camera):
    images = stage.listen(Image, '/net/image_raw', qos.image_in('live'))
    stage.start('camera_node', '-r', '__ns:=/net', video_device=f"'{camera.url}'")
    stage.spin_until(lambda: len(images) > 3, 'the first images')
    return images


def spin_until_more(stage, images):
    before = len(images)
    stage.spin_until(lambda: len(images) > before + 3, 'images')


def test_a_camera_that_hangs_is_told_in_the_diagnostics(stage, camera, images):
    camera.flows.clear()
    status = stage.status(NODE, lambda s: s.level == DiagnosticStatus.WARN)
    assert 'has given no frame for' in status.message
    camera.flows.set()
    spin_until_more(stage, images)
    stage.status(NODE, lambda s: s.level == DiagnosticStatus.OK)


def test_a_camera_that_hangs_up_is_called_again_until_it_is_back(stage, camera, images):
    camera.is_up.clear()
    status = stage.status(NODE, lambda s: s.level == DiagnosticStatus.ERROR)
    assert camera.url in status.message
    stage.spin_until(lambda: stage.logged('Trying again in 1 s'), 'the second attempt')
    camera.is_up.set()
    spin_until_more(stage, images)
    stage.status(NODE, lambda s: s.level == DiagnosticStatus.OK)
    stage.spin_until(lambda: stage.logged('The camera is back'), 'the good news')
    assert len(stage.logged('The camera is back')) == 1
