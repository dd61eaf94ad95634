"""One child process for all fuzz tests, and the table of what they tried."""

import cv2
import pytest
from fuzzing import COUNTS, Child
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


def pytest_terminal_summary(terminalreporter):
    if COUNTS:
        terminalreporter.section('fuzzing: examples tried, processed, refused, crashed')
    for name, counts in sorted(COUNTS.items()):
        tried, processed, refused = (counts[key] for key in ('tried', 'processed', 'refused'))
        crashed = tried - processed - refused
        terminalreporter.write_line(f'{name:<24}{tried:>7}{processed:>7}{refused:>7}{crashed:>7}')
