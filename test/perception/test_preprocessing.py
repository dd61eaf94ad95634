import cv2
import numpy as np
import pytest

from emotion_perception.inference.preprocessing import (
    Exposure,
    Preprocessing,
    correct_exposure,
    preprocess_faces,
)

SPEC = Preprocessing(face_size=48, input_size=227, mean=0.51, std=0.26)


def random_faces(count, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (count, 48, 48), np.uint8)


def bilinear(plane, size):
    """The definition in words: half-pixel centres, edges clamped, in double precision."""
    length = len(plane)
    position = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
    low = np.minimum(position.astype(int), length - 2)
    weight = position - low
    matrix = np.zeros((size, length))
    matrix[np.arange(size), low] = 1 - weight
    matrix[np.arange(size), low + 1] += weight
    return matrix @ plane @ matrix.T


def test_shape_and_type():
    batch = preprocess_faces(random_faces(3), SPEC)
    assert batch.shape == (3, 3, 227, 227)
    assert batch.dtype == np.float32
    assert batch.flags.c_contiguous


def test_no_faces():
    assert preprocess_faces(random_faces(0), SPEC).shape == (0, 3, 227, 227)


def test_three_equal_planes():
    batch = preprocess_faces(random_faces(2), SPEC)
    np.testing.assert_array_equal(batch[:, 0], batch[:, 1])
    np.testing.assert_array_equal(batch[:, 0], batch[:, 2])


@pytest.mark.parametrize('value', [0, 1, 128, 255])
def test_values_are_normalised_by_mean_and_deviation(value):
    faces = np.full((1, 48, 48), value, np.uint8)
    expected = (value / 255 - 0.51) / 0.26
    np.testing.assert_allclose(preprocess_faces(faces, SPEC), expected, atol=1e-5)


def test_the_resize_is_bilinear_with_clamped_edges():
    (face,) = random_faces(1)
    expected = bilinear((face / 255 - SPEC.mean) / SPEC.std, 227)
    # OpenCV computes its weights in single precision.
    np.testing.assert_allclose(preprocess_faces(face[None], SPEC)[0, 0], expected, atol=1e-4)


def test_normalising_before_the_resize_changes_nothing():
    faces = random_faces(2)
    batch = preprocess_faces(faces, SPEC)
    for face, planes in zip(faces, batch, strict=True):
        enlarged = cv2.resize(face.astype(np.float32) / 255, (227, 227))
        np.testing.assert_allclose(planes[0], (enlarged - SPEC.mean) / SPEC.std, atol=1e-5)


def test_faces_do_not_depend_on_their_neighbours():
    faces = random_faces(4)
    batch = preprocess_faces(faces, SPEC)
    for number in range(4):
        single = preprocess_faces(faces[number : number + 1], SPEC)
        np.testing.assert_array_equal(batch[number], single[0])


def test_the_input_is_not_changed():
    faces = random_faces(1)
    before = faces.copy()
    preprocess_faces(faces, SPEC)
    np.testing.assert_array_equal(faces, before)


def test_read_only_and_strided_faces_are_taken():
    faces = random_faces(2)[:, ::-1]
    faces.flags.writeable = False
    expected = preprocess_faces(np.ascontiguousarray(faces), SPEC)
    np.testing.assert_array_equal(preprocess_faces(faces, SPEC), expected)


def lit(brightness, contrast=1.0):
    """Three faces of a mean of about 128 and a deviation of about 43, with other light on them."""
    smooth = [cv2.GaussianBlur(face, (0, 0), 2) for face in random_faces(3)]
    faces = 128 + (np.float32(smooth) - 128) * (43 / np.std(smooth)) * contrast
    return np.clip(np.rint(faces * brightness), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(('brightness', 'contrast'), [(0.3, 1), (0.1, 1), (1, 0.3), (1.5, 0.3)])
def test_dark_and_flat_faces_look_as_well_lit_ones(brightness, contrast):
    corrected = correct_exposure(lit(brightness, contrast), Exposure())
    assert corrected.dtype == np.uint8
    assert corrected.mean(axis=(1, 2)) == pytest.approx(128, abs=1)
    assert corrected.std(axis=(1, 2)) == pytest.approx(55, abs=2)
    # Nothing but the light is changed: what was brighter still is.
    for before, after in zip(lit(brightness, contrast), corrected, strict=True):
        assert np.corrcoef(before.ravel(), after.ravel())[0, 1] > 0.99


@pytest.mark.parametrize('brightness', [0.7, 1, 1.2])
def test_well_lit_faces_stay_as_they_are(brightness):
    faces = lit(brightness)
    assert correct_exposure(faces, Exposure()) is faces


def test_only_the_underexposed_face_of_a_batch_is_corrected():
    faces = np.stack([lit(1)[0], lit(0.1)[0]])
    before = faces.copy()
    corrected = correct_exposure(faces, Exposure())
    np.testing.assert_array_equal(corrected[0], faces[0])
    np.testing.assert_array_equal(corrected[1:], correct_exposure(faces[1:], Exposure()))
    np.testing.assert_array_equal(faces, before)


@pytest.mark.parametrize('value', [0, 20, 128, 255])
def test_a_plain_face_becomes_middle_grey(value):
    assert (correct_exposure(np.full((1, 48, 48), value, np.uint8), Exposure()) == 128).all()


def test_the_models_preprocessing_says_whether_faces_are_corrected():
    spec = Preprocessing(mean=0.5, std=0.25, exposure=Exposure())
    plain = Preprocessing(mean=0.5, std=0.25)
    faces = lit(0.2)
    corrected = correct_exposure(faces, Exposure())
    np.testing.assert_array_equal(preprocess_faces(faces, spec), preprocess_faces(corrected, plain))
    assert correct_exposure(faces, None) is faces
    assert preprocess_faces(random_faces(0), spec).shape == (0, 3, 227, 227)
