"""The core's lock file on other machines: a wheel of every package, as the index has them today."""

from pathlib import Path

import pytest

pytest.importorskip('packaging')

from package_index import held, reachable, resolve_for

RUNTIME = Path(__file__).parents[1] / 'requirements' / 'runtime.txt'
# JetPack 6 and Ubuntu 22.04; Ubuntu 24.04; Ubuntu 26.04; a Mac.
MACHINES = [
    ('linux', 'aarch64', '3.10'),
    ('linux', 'aarch64', '3.12'),
    ('linux', 'aarch64', '3.14'),
    ('darwin', 'arm64', '3.13'),
]


@pytest.fixture(scope='module')
def index():
    """Skips where no index can be reached."""
    if not reachable(RUNTIME):
        pytest.skip('the package index cannot be reached')


@pytest.mark.slow
@pytest.mark.parametrize('machine', MACHINES, ids='-'.join)
def test_every_package_of_the_core_has_a_wheel(index, tmp_path, machine):
    code, said = resolve_for(held(RUNTIME, *machine), *machine, tmp_path)
    assert code == 0, said


@pytest.mark.parametrize('machine', MACHINES, ids='-'.join)
def test_no_package_is_locked_twice_for_one_machine(machine):
    names = [wish.partition('==')[0] for wish in held(RUNTIME, *machine)]
    assert sorted(set(names)) == sorted(names)
    assert {'numpy', 'onnxruntime', 'opencv-python-headless', 'rosbags'} <= set(names)
