from argparse import Namespace

import numpy as np
import pytest
import skimage.data

from emotion_perception.detection import create_detector
from emotion_perception.inference.alignment import align_faces
from emotion_perception.inference.framing import Framing
from emotion_perception.inference.manifest import Manifest, read_manifest, write_manifest
from emotion_perception.inference.onnx_session import ProviderSettings
from training.dataset import data, framing
from training.errors import TrainingError


@pytest.fixture(scope='module')
def centerface():
    return create_detector('centerface', ProviderSettings(('cpu',)))


def framed_images(centerface, wanted, count=24):
    """48x48 images of a real face, framed as `wanted`."""
    astronaut = np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])
    face = centerface.detect(astronaut, 0.5, 24)
    return np.repeat(align_faces(astronaut, face, wanted, 48, 'centerface'), count, axis=0)


def test_measures_the_framing_that_images_have(centerface):
    wanted = Framing(((0.34, 0.38), (0.66, 0.38), (0.5, 0.55), (0.36, 0.7), (0.64, 0.7)))

    measured = framing.measure_framing(framed_images(centerface, wanted), [centerface])

    difference = np.subtract(measured.framing.landmarks, wanted.landmarks)
    assert np.abs(difference).max() < 0.04
    assert measured.share == {'centerface': 1.0}
    assert 'left eye' in framing.report(measured)


def test_measured_framing_is_symmetric(centerface):
    landmarks = np.array(
        framing.measure_framing(
            framed_images(centerface, Framing()), [centerface]
        ).framing.landmarks
    )

    np.testing.assert_allclose(landmarks[:, 0] + landmarks[[1, 0, 2, 4, 3], 0], 1, atol=2e-4)
    np.testing.assert_allclose(landmarks[[0, 3], 1], landmarks[[1, 4], 1])


def test_images_without_faces(centerface):
    with pytest.raises(TrainingError, match='found a face in only 0 of 30 images'):
        framing.measure_framing(np.full((30, 48, 48), 100, np.uint8), [centerface])


def test_sample_is_even_while_classes_last():
    labels = np.repeat([0, 1, 2], [100, 4, 100])

    chosen = framing.sample_evenly(labels, 44)

    assert np.bincount(labels[chosen]).tolist() == [20, 4, 20]
    assert len(set(chosen.tolist())) == 44


def test_sample_of_all():
    assert framing.sample_evenly(np.array([3, 1, 1]), 1000).tolist() == [0, 1, 2]


def test_run_writes_the_manifest(monkeypatch, tmp_path, capsys, centerface):
    images = framed_images(centerface, Framing())
    labels = np.zeros(len(images), np.int64)
    split = data.Split('Training', images, labels, np.arange(len(images)))
    monkeypatch.setattr(data, 'load', lambda *_: {'Training': split})
    monkeypatch.setattr(framing, 'DETECTORS', ('centerface',))
    path = tmp_path / 'model.json'
    write_manifest(Manifest('m', 'm.onnx', '0' * 64), path)

    framing.run(Namespace(data=tmp_path, cache=tmp_path, limit=100, manifest=path))

    stored = read_manifest(path)
    assert stored.name == 'm'
    assert set(stored.framing.boxes) == {'centerface'}
    assert 'found in 100.0%' in capsys.readouterr().out
