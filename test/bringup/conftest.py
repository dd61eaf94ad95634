"""Isolation of the ROS tests, and images and a model for them."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / 'support')]

from domains import isolate

isolate()

import cv2
import numpy as np
import pytest
import skimage.data
from tiny_model import make_tiny_model


@pytest.fixture(scope='session', autouse=True)
def _private_cache(tmp_path_factory):
    """Prepared detector graphs go to a folder of this run, for child processes too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('XDG_CACHE_HOME', str(tmp_path_factory.mktemp('cache')))
        yield


@pytest.fixture(scope='session')
def model_path(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp('model'))


@pytest.fixture(scope='session')
def astronaut():
    """512x512, one face at ASTRONAUT_BOX."""
    return np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])


@pytest.fixture(scope='session')
def two_faces(astronaut):
    """The portrait and a smaller copy of it side by side."""
    small = cv2.resize(astronaut, (384, 384), interpolation=cv2.INTER_AREA)
    return np.hstack([astronaut, np.pad(small, ((0, 128), (0, 0), (0, 0)))])


@pytest.fixture(scope='session')
def grey():
    return np.full((240, 320, 3), 128, np.uint8)
