"""What several tests of the core share: a real face, a tiny model, a photo, a clip."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

sys.path.insert(0, str(Path(__file__).parents[1] / 'support'))

from tiny_model import make_tiny_model


@pytest.fixture(scope='session')
def tiny_model(tmp_path_factory):
    """Path of a model that takes a millisecond."""
    return make_tiny_model(tmp_path_factory.mktemp('model'))


@pytest.fixture(scope='session')
def portrait():
    """BGR image of 512x512 pixels with one face: about (181, 58), 89x120."""
    image = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    image.flags.writeable = False
    return image


@pytest.fixture(scope='session')
def two_faces(portrait):
    """BGR image with the portrait twice, once at half its size."""
    small = cv2.resize(portrait, (256, 256), interpolation=cv2.INTER_AREA)
    image = np.full((512, 768, 3), 127, np.uint8)
    image[:, :512] = portrait
    image[:256, 512:] = small
    return image


@pytest.fixture
def photo(tmp_path, portrait):
    """The portrait as a file."""
    path = tmp_path / 'photo.png'
    cv2.imwrite(str(path), portrait)
    return path


@pytest.fixture
def frames(tmp_path, portrait):
    """A folder of five frames: a face in all but the third."""
    folder = tmp_path / 'frames'
    folder.mkdir()
    for index in range(5):
        image = np.roll(portrait, 3 * index, axis=1) if index != 2 else np.zeros_like(portrait)
        cv2.imwrite(str(folder / f'{index}.png'), image)
    return folder
