"""Message packages that may be absent, and a client that talks to nodes in other processes."""

import ctypes
import importlib
import os
import sys
from pathlib import Path

import pytest
import stand_in_messages

sys.path.insert(0, str(Path(__file__).parent))

from peer import Peer

# Of this package: what holds on to the messages once it is imported.
_USERS = (
    'emotion_bringup.interop.crop_topics',
    'emotion_bringup.interop.detections',
    'emotion_bringup.interop.face_topics',
    'emotion_bringup.interop.humans',
    'emotion_bringup.nodes.expression',
    'emotion_bringup.nodes.humans_bridge',
)


@pytest.fixture(scope='session')
def _prefix():
    """Where the stand-ins are; None where both real packages are installed."""
    missing = stand_in_messages.missing_packages()
    if not missing:
        return None
    if not stand_in_messages.can_build():
        pytest.skip(stand_in_messages.MISSING_TOOLS)
    return stand_in_messages.build(missing)


@pytest.fixture(scope='session')
def with_messages(_prefix):
    """Environment in which a child process finds both packages."""
    if _prefix is None:
        return {}
    sources = str(Path(__file__).parents[3] / 'src')
    changes = stand_in_messages.environment(_prefix)
    return {**changes, 'PYTHONPATH': os.pathsep.join((sources, changes['PYTHONPATH']))}


@pytest.fixture(scope='module')
def messages(_prefix):
    """Imports messages in this process; for other tests the packages stay absent."""

    def load(package):
        return importlib.import_module(f'{package}.msg')

    if _prefix is None:
        yield load
        return
    # This process was started without their LD_LIBRARY_PATH; what is loaded is found by name.
    for library in (_prefix / 'lib').glob('*.so'):
        ctypes.CDLL(str(library))
    folder = str(stand_in_messages.module_folder(_prefix))
    sys.path.insert(0, folder)
    yield load
    sys.path.remove(folder)
    for name in [name for name in sys.modules if _is_optional(name)]:
        del sys.modules[name]


@pytest.fixture(scope='module')
def peer():
    """A client for a whole module."""
    client = Peer()
    yield client
    client.close()


def _is_optional(module):
    return module in _USERS or module.partition('.')[0] in stand_in_messages.PACKAGES
