"""The core's lock file on other machines: a wheel of every package, as the index has them today."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('packaging')

from packaging.requirements import Requirement

RUNTIME = Path(__file__).parents[1] / 'requirements' / 'runtime.txt'
# The tags that pip takes on such a machine, newest first.
TAGS = {
    ('linux', 'aarch64'): [f'manylinux_2_{minor}_aarch64' for minor in (28, 27, 24, 17)],
    ('darwin', 'arm64'): [f'macosx_{major}_0_arm64' for major in range(14, 10, -1)],
}
# JetPack 6 and Ubuntu 22.04; Ubuntu 24.04; Ubuntu 26.04; a Mac.
MACHINES = [
    ('linux', 'aarch64', '3.10'),
    ('linux', 'aarch64', '3.12'),
    ('linux', 'aarch64', '3.14'),
    ('darwin', 'arm64', '3.13'),
]


def resolve(requirements, *options):
    """Asks pip, which downloads at most descriptions; returns its exit code and what it said."""
    command = [sys.executable, '-m', 'pip', 'install', '--dry-run', '--quiet', '--no-deps']
    command += ['--disable-pip-version-check', '--ignore-installed', '--only-binary=:all:']
    # pip holds this against the Python that it runs on, as it does with markers.
    command += ['--ignore-requires-python']
    done = subprocess.run(
        [*command, *options, *requirements], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def locked_for(system, machine, python):
    """The requirements of the lock file that hold on such a machine.

    pip evaluates markers for the Python that it runs on, whatever it is asked about.
    """
    environment = {
        'sys_platform': system,
        'platform_system': {'linux': 'Linux', 'darwin': 'Darwin'}[system],
        'platform_machine': machine,
        'python_version': python,
        'python_full_version': f'{python}.0',
        'platform_python_implementation': 'CPython',
        'implementation_name': 'cpython',
    }
    lines = RUNTIME.read_text(encoding='utf-8').splitlines()
    wishes = [Requirement(line.rstrip('\\ ')) for line in lines if line and line[0].isalpha()]
    held = [wish for wish in wishes if not wish.marker or wish.marker.evaluate(environment)]
    return [f'{wish.name}{wish.specifier}' for wish in held]


@pytest.fixture(scope='module')
def index():
    """Skips where no index can be reached."""
    (probe,) = [wish for wish in locked_for('linux', 'x86_64', '3.12') if wish.startswith('tqdm=')]
    code, _ = resolve([probe], '--retries', '0')
    if code:
        pytest.skip('the package index cannot be reached')


@pytest.mark.parametrize('machine', MACHINES, ids='-'.join)
def test_every_package_of_the_core_has_a_wheel(index, tmp_path, machine):
    system, processor, python = machine
    platforms = [f'--platform={tag}' for tag in TAGS[system, processor]]
    code, said = resolve(
        locked_for(*machine), f'--python-version={python}', f'--target={tmp_path}', *platforms
    )
    assert code == 0, said


@pytest.mark.parametrize('machine', MACHINES, ids='-'.join)
def test_no_package_is_locked_twice_for_one_machine(machine):
    names = [wish.partition('==')[0] for wish in locked_for(*machine)]
    assert sorted(set(names)) == sorted(names)
    assert {'numpy', 'onnxruntime', 'opencv-python-headless', 'rosbags'} <= set(names)
