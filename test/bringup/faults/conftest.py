"""Every fault test meets real node processes, in a DDS domain apart from the other tests'."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import cv2
import numpy as np
import pytest
from stage import Stage


@pytest.fixture(scope='module')
def stage(tmp_path_factory, model_path):
    """Ends what it started, and fails when a process that was not killed has crashed."""
    stage = Stage(tmp_path_factory.mktemp('stage'), model_path)
    yield stage
    stage.close()


@pytest.fixture(scope='session')
def small():
    """64x48, nobody in it."""
    return np.full((48, 64, 3), 128, np.uint8)


@pytest.fixture(scope='session')
def portrait(astronaut):
    """256x256, one face."""
    return cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope='session')
def clip(tmp_path_factory, portrait):
    """A folder of images with one face that moves a little."""
    folder = tmp_path_factory.mktemp('clip')
    for number in range(4):
        cv2.imwrite(str(folder / f'{number}.png'), np.roll(portrait, 2 * number, axis=1))
    return folder
