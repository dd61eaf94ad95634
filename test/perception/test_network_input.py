import cv2
import numpy as np
import pytest

from emotion_perception.detection.network_input import NetworkInput, round_up, scaled


def noise(height, width):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize('size', [(480, 352), (470, 260), (1, 1), (32, 500)])
def test_as_opencv_makes_a_blob(size):
    image = noise(480, 640)
    width, height = size
    canvas = np.zeros((round_up(height), round_up(width), 3), np.uint8)
    canvas[:height, :width] = scaled(image, size)

    blob = NetworkInput().fill(image, size)

    np.testing.assert_array_equal(blob, cv2.dnn.blobFromImage(canvas, swapRB=True))
    assert blob.dtype == np.float32
    assert blob.flags.c_contiguous


def test_nothing_of_an_earlier_image_stays():
    used = NetworkInput()
    used.fill(np.full((256, 480, 3), 255, np.uint8), (480, 256))
    image = noise(250, 470)

    expected = NetworkInput().fill(image, (470, 250))

    np.testing.assert_array_equal(used.fill(image, (470, 250)), expected)


def test_the_buffer_is_kept_while_the_size_stays():
    made = NetworkInput()
    assert made.fill(noise(90, 90), (60, 60)) is made.fill(noise(99, 99), (64, 50))
    assert made.fill(noise(90, 90), (65, 60)).shape == (1, 3, 64, 96)


@pytest.mark.parametrize(('length', 'expected'), [(1, 32), (32, 32), (33, 64)])
def test_round_up(length, expected):
    assert round_up(length) == expected
