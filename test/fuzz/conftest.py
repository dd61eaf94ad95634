"""One child process for all fuzz tests, and what they tried."""

import cv2
import pytest
from fuzz_counts import COUNTS
from fuzzing import Child
from skimage import data
from tiny_model import make_tiny_model


@pytest.fixture(scope='session')
def child():
    """Runs targets where a crash does no harm."""
    process = Child()
    yield process
    process.close()


@pytest.fixture(scope='session')
def image():
    """BGR image of 64x48 pixels."""
    return cv2.cvtColor(cv2.resize(data.astronaut(), (64, 48)), cv2.COLOR_RGB2BGR)


@pytest.fixture(scope='session')
def tiny_model(tmp_path_factory):
    """Path of a model that takes a millisecond."""
    return make_tiny_model(tmp_path_factory.mktemp('model'))


def pytest_sessionfinish(session):
    """A worker of pytest-xdist hands over what it has tried; test/conftest.py tells it."""
    if hasattr(session.config, 'workeroutput'):
        session.config.workeroutput['fuzzing'] = {
            name: dict(counts) for name, counts in COUNTS.items()
        }
