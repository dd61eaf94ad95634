import cv2
import numpy as np
import pytest

from emotion_perception.detection.network_input import scaled

SIZES = [(480, 352), (480, 256), (160, 120), (320, 240), (640, 480), (700, 500), (1, 1), (33, 480)]


def noise(height=480, width=640, channels=3):
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize('size', SIZES)
@pytest.mark.parametrize('channels', [1, 3])
def test_size_and_type(size, channels):
    result = scaled(noise(channels=channels), size)

    assert result.shape[1::-1] == size
    assert result.dtype == np.uint8
    assert result.ndim == (3 if channels == 3 else 2)


@pytest.mark.parametrize('size', SIZES)
def test_a_target_gets_the_same_pixels_and_keeps_its_surroundings(size):
    image = noise()
    canvas = np.full((size[1] + 7, size[0] + 5, 3), 99, np.uint8)

    scaled(image, size, canvas[: size[1], : size[0]])

    np.testing.assert_array_equal(canvas[: size[1], : size[0]], scaled(image, size))
    assert (canvas[size[1] :] == 99).all()
    assert (canvas[:, size[0] :] == 99).all()


@pytest.mark.parametrize(('width', 'height'), [(640, 480), (641, 481), (1280, 720), (1919, 1079)])
def test_nearly_the_mean_over_the_area(width, height):
    smooth = cv2.GaussianBlur(noise(height, width), (0, 0), 4)
    smooth = cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX)

    expected = cv2.resize(smooth, (480, 256), interpolation=cv2.INTER_AREA).astype(int)

    assert np.abs(scaled(smooth, (480, 256)) - expected).mean() < 2.5


def test_fine_stripes_become_grey_instead_of_beating():
    stripes = np.zeros((480, 640, 3), np.uint8)
    stripes[:, ::2] = 255

    result = scaled(stripes, (160, 120))

    assert np.abs(result.astype(int) - 128).max() <= 1


def test_a_image_of_the_right_size_is_not_copied():
    image = noise()
    assert scaled(image, (640, 480)) is image


def test_the_image_is_not_changed_and_may_be_a_read_only_view():
    image = noise(width=700)[:, 30:670]
    image.flags.writeable = False
    before = image.copy()

    result = scaled(image, (300, 200))

    np.testing.assert_array_equal(image, before)
    np.testing.assert_array_equal(result, scaled(np.ascontiguousarray(image), (300, 200)))
