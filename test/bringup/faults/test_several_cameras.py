"""Several cameras in one process: what one of them does is no matter of the others."""

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from processes import assert_one_sentence, run
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from ros_bench import header, image_message, parameters
from sensor_msgs.msg import CompressedImage
from stage import Camera

from emotion_bringup import qos
from emotion_bringup.endings import EXIT_USAGE
from emotion_msgs.msg import EmotionLabels

NAMES = ('/robot/front', '/robot/rear', '/side')


@pytest.fixture(scope='module')
def process(stage, tmp_path_factory):
    """Three cameras, two of them below the process's namespace; one has other parameters."""
    file = tmp_path_factory.mktemp('parameters') / 'side.yaml'
    file.write_text('/side/emotion_node: {ros__parameters: {max_faces: 1}}')
    arguments = ('-r', '__ns:=/robot', '--params-file', str(file))
    return stage.start('emotion_node', *arguments, cameras=('front', 'rear', '/side'))


@pytest.fixture(scope='module')
def cameras(stage, process, small):
    cameras = [Camera(stage, name) for name in NAMES]
    for camera in cameras:
        camera.connect(small)
    return cameras


@pytest.fixture
def scene(stage, cameras):
    """All cameras anew: their tracks have died of age."""
    for camera in cameras:
        camera.results.clear()
        camera.ask(np.full((48, 64, 3), 128, np.uint8), camera.next_stamp(60.0))
    stage.forget_log()
    return cameras


def set_parameter(stage, node, name, value):
    client = stage.node.create_client(SetParameters, f'{node}/set_parameters')
    stage.spin_until(client.service_is_ready, 'the service')
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    future = client.call_async(request)
    stage.spin_until(future.done, 'the change')
    stage.node.destroy_client(client)
    return future.result().results[0].successful


def test_every_camera_has_its_own_results_and_tracks(scene, portrait, small):
    front, rear, side = scene
    (face,) = front.ask(portrait).faces
    assert list(rear.ask(small).faces) == []
    (other,) = side.ask(portrait).faces
    (again,) = front.ask(portrait).faces
    # Each counts its own faces; what one camera sees does not go on in another.
    assert again.track_id == face.track_id
    assert [len(camera.results) for camera in scene] == [3, 2, 2]
    assert np.allclose(other.probabilities, face.probabilities, atol=1e-3)


def test_an_image_larger_than_the_shared_memory_of_the_process_is_read(scene, portrait):
    front, rear, _ = scene
    (face,) = front.ask(np.pad(portrait, ((0, 824), (0, 1664), (0, 0)))).faces
    assert face.box.width > 0
    assert (front.results[-1].image_width, rear.results[-1].image_width) == (1920, 64)


def test_every_camera_has_its_own_parameters(stage, scene, portrait):
    front, rear, _ = scene
    pair = np.hstack([portrait, portrait])
    assert [len(camera.ask(pair).faces) for camera in scene] == [2, 2, 1]
    assert set_parameter(stage, rear.name, 'confidence_threshold', 1.0)
    try:
        (first, _), (second, _) = front.ask(pair).faces, rear.ask(pair).faces
    finally:
        assert set_parameter(stage, rear.name, 'confidence_threshold', 0.0)
    assert (first.emotion != 'Uncertain', second.emotion) == (True, 'Uncertain')
    labels = [stage.listen(EmotionLabels, f'{name}/emotions/labels', qos.LABELS) for name in NAMES]
    stage.spin_until(lambda: all(labels), 'the labels of all')


def test_damaged_images_of_one_camera_are_left_out_and_told_of_that_one(stage, scene, portrait):
    front, rear, _ = scene
    for _ in range(20):
        front.send(image_message(portrait, data=bytes(100)))
        assert len(rear.ask(portrait).faces) == 1
    status = stage.status(front.name, lambda status: status.level == DiagnosticStatus.ERROR)
    assert 'images were left out' in status.message
    assert stage.status(rear.name).level == DiagnosticStatus.OK
    assert stage.logged('Image left out', 'robot.front.emotion_node')
    assert not stage.logged('Image left out', 'robot.rear.emotion_node')
    assert len(front.ask(portrait).faces) == 1


def test_time_that_goes_back_is_told_of_the_camera_whose_it_is(stage, scene, portrait):
    front, rear, _ = scene
    rear.ask(portrait, rear.next_stamp() - 10**9)
    told = 'Time went back'
    stage.spin_until(lambda: stage.logged(told, 'robot.rear.emotion_node'), 'the warning')
    assert not stage.logged(told, 'robot.front.emotion_node')
    assert len(front.ask(portrait).faces) == 1


def test_a_camera_that_goes_away_or_changes_its_type_disturbs_no_other(stage, scene, portrait):
    front, rear, side = scene
    front.unplug()
    publisher = stage.node.create_publisher(CompressedImage, front.image_topic, qos.IMAGE_REPLAY)
    try:
        for _ in range(10):
            publisher.publish(CompressedImage(header=header(rear.next_stamp()), format='jpeg'))
            assert len(rear.ask(portrait).faces) == 1
        status = stage.status(front.name, lambda status: 'fallen silent' in status.message)
        assert status.level == DiagnosticStatus.WARN
        assert stage.status(rear.name, meanwhile=lambda: rear.ask(portrait)).level == (
            DiagnosticStatus.OK
        )
    finally:
        stage.node.destroy_publisher(publisher)
    front.plug_in()
    front.connect(portrait)
    assert len(side.ask(portrait).faces) == 1


def test_every_status_has_a_name_of_its_own(stage, scene):
    names = {stage.status(camera.name).name for camera in scene}
    assert names == {f'{name[1:]}/emotion_node: emotions' for name in NAMES}


def test_wrong_settings_of_one_camera_end_the_process_with_one_sentence(model_path, tmp_path):
    """Settings are corrected before a robot goes out, not worked around."""
    file = tmp_path / 'wrong.yaml'
    file.write_text('/rear/emotion_node: {ros__parameters: {labels: none}}')
    arguments = ['-m', 'emotion_bringup.main', 'emotion_node', 'front', 'rear', '--ros-args']
    arguments += [*parameters(model_path=model_path), '--params-file', str(file)]
    code, _, err = run(arguments)
    assert code == EXIT_USAGE
    assert_one_sentence(err.splitlines()[-1], 'labels must be')


@pytest.mark.parametrize(
    ('words', 'part'),
    [
        (['front', 'front'], 'The camera /front is named twice'),
        (['2nd'], "'2nd' cannot be one"),
        (['front=no topic'], 'Name a camera by its namespace'),
        (['mode:=replay'], 'write parameters as `--ros-args -p'),
        (['--loud'], 'does not read'),
    ],
)
def test_cameras_that_cannot_be_are_told_in_one_sentence(words, part):
    code, _, err = run(['-m', 'emotion_bringup.main', 'emotion_node', *words])
    assert code == EXIT_USAGE
    assert_one_sentence(err, part)
