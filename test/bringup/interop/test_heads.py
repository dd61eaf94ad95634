"""Heads in space from the emotion node, as a process of its own: messages and frames."""

import numpy as np
import pytest
from peer import ImageSender
from processes import interrupt, start_node
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter
from ros_bench import parameters
from sensor_msgs.msg import CameraInfo, Image

from emotion_bringup import qos
from emotion_bringup.camera_info_subscription import camera_info_topic
from emotion_bringup.conversion import faces_from_message, stamp_to_ns
from emotion_bringup.interop.head_frames import HeadFrames
from emotion_bringup.parameter_tables import EMOTION_PARAMETERS
from emotion_bringup.parameters import declare_parameters
from emotion_msgs.msg import FaceEmotionArray
from emotion_perception.heads.head_pose import gaze_axes, rotation_from

FOCAL_LENGTH = 600.0


@pytest.fixture(scope='module')
def emotion_node(model_path, with_messages):
    process = start_node(
        'emotion_node',
        *parameters(
            model_path=model_path,
            gaze=True,
            publish_tf=True,
            frame_prefix='left/',
            publish_detections=False,
        ),
        **with_messages,
    )
    yield process
    interrupt(process)


@pytest.fixture(scope='module')
def images(peer, emotion_node):
    return ImageSender(peer, Image)


@pytest.fixture(scope='module')
def results(peer, images):
    return peer.hear(FaceEmotionArray, 'emotions')[1]


@pytest.fixture(scope='module')
def calibrations(peer, results):
    publisher = peer.node.create_publisher(CameraInfo, 'camera_info', qos.camera_info('live'))
    peer.spin_until(lambda: publisher.get_subscription_count() == 1, 'the node')
    return publisher


def camera_info(focal_length, side=512):
    middle = side / 2
    k = [focal_length, 0.0, middle, 0.0, focal_length, middle, 0.0, 0.0, 1.0]
    return CameraInfo(width=side, height=side, distortion_model='plumb_bob', d=[0.0] * 5, k=k)


def placed(images, calibrations, results, image, info):
    """The face of an image, once the node knows a calibration."""
    peer = images._peer
    found = []

    def ask():
        calibrations.publish(info)
        (face,) = images.ask(image, results).faces
        found.append(face)

    peer.spin_until(lambda: found and np.isfinite(found[-1].pose.position.z), 'a position', ask)
    return found[-1]


def test_the_calibration_is_beside_the_images():
    assert camera_info_topic('/robot/camera/image_raw') == '/robot/camera/camera_info'
    assert camera_info_topic('/camera/image_raw/compressed') == '/camera/camera_info'
    assert camera_info_topic('/image') == '/camera_info'


def test_without_a_calibration_there_are_directions_alone(images, results, astronaut):
    (face,) = images.ask(astronaut, results).faces
    assert face.has_pose
    assert np.isnan([face.pose.position.x, face.pose.position.z]).all()
    turn = face.pose.orientation
    forward = rotation_from(turn.x, turn.y, turn.z, turn.w)[:, 0]
    assert forward[2] < -0.9  # to the camera
    assert face.gaze.z < -0.9
    assert 0.5 < face.looking_at_camera <= 1


def test_a_calibration_gives_the_place_and_frames(
    peer, images, results, calibrations, messages, astronaut
):
    _, frames = peer.hear(messages('tf2_msgs').TFMessage, '/tf', qos.TF)
    placed(images, calibrations, results, astronaut, camera_info(FOCAL_LENGTH))

    def of_last_result():
        header = results[-1].header
        return [frame.transforms for frame in frames if frame.transforms[0].header == header]

    peer.spin_until(of_last_result, 'frames', lambda: images.ask(astronaut, results))
    ((one, other),) = of_last_result()
    (face,) = results[-1].faces
    place = face.pose.position
    assert 0.5 < place.z < 1.5
    assert place.x < 0 and place.y < 0  # left of the middle, and above it
    assert one.child_frame_id == f'left/face_f{face.track_id}'
    assert other.child_frame_id == f'left/gaze_f{face.track_id}'
    for frame in (one, other):
        shift = frame.transform.translation
        assert (shift.x, shift.y, shift.z) == pytest.approx((place.x, place.y, place.z))
    assert one.transform.rotation == face.pose.orientation
    turn = other.transform.rotation
    forward = rotation_from(turn.x, turn.y, turn.z, turn.w)[:, 2]
    assert forward == pytest.approx([face.gaze.x, face.gaze.y, face.gaze.z], abs=1e-6)


def test_a_message_gives_the_overlay_the_head(images, results, astronaut):
    message = images.ask(astronaut, results)
    (face,), (head,) = message.faces, [one.head for one in faces_from_message(message)]
    assert head.gaze.tolist() == [face.gaze.x, face.gaze.y, face.gaze.z]
    assert 203 < head.origin[0] < 247  # between her eyes
    assert stamp_to_ns(message.header.stamp)


def test_a_calibration_of_another_size_is_none(peer, images, results, calibrations, astronaut):
    half = np.ascontiguousarray(astronaut[::2, ::2])
    calibrations.publish(camera_info(FOCAL_LENGTH))
    (face,) = images.ask(half, results).faces
    assert face.has_pose
    assert np.isnan(face.pose.position.z)


@pytest.mark.parametrize('gaze', [(0, 0, -1), (0.6, 0, -0.8), (0, 0.6, -0.8), (0, 1, 0)])
def test_the_axes_of_a_gaze_go_where_it_looks(gaze):
    axes = gaze_axes(np.array(gaze, float))
    assert axes[:, 2] == pytest.approx(gaze)
    assert axes.T @ axes == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.det(axes) == pytest.approx(1)
    assert axes[1, 1] >= -1e-9  # down stays down


@pytest.mark.parametrize(
    ('namespace', 'is_one_of_several', 'given', 'expected'),
    [
        ('robot1', False, '', ''),
        ('robot1/front', True, '', 'robot1/front/'),
        ('', True, '', ''),
        ('front', True, 'left_', 'left_'),
    ],
)
def test_frames_of_several_cameras_differ(peer, namespace, is_one_of_several, given, expected):
    prefix = Parameter('frame_prefix', value=given)
    node = LifecycleNode(
        'frames', namespace=namespace, context=peer.context, parameter_overrides=[prefix]
    )
    declare_parameters(node, EMOTION_PARAMETERS)
    frames = HeadFrames(node, lambda: None, is_one_of_several=is_one_of_several)
    assert frames.prefix == expected
    node.destroy_node()
