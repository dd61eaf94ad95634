"""requirements/ros-machine.txt: what pip adds to a ROS installation, and nothing else."""

import re
from pathlib import Path

import pytest

pytest.importorskip('packaging')

from package_index import held, reachable, resolve_for, wishes

ROOT = Path(__file__).parents[1]
PINNED = ROOT / 'requirements' / 'ros-machine.txt'
LOCKED = ROOT / 'requirements' / 'runtime.txt'
# Jazzy and Kilted have 3.12, Lyrical and Rolling 3.14; who builds ROS on Ubuntu 22.04 has 3.10.
MACHINES = [
    ('linux', machine, python)
    for machine in ('x86_64', 'aarch64')
    for python in ('3.10', '3.12', '3.14')
]
# What the distribution has built its own packages for; pip must not put another before it.
OF_THE_DISTRIBUTION = {
    'numpy',
    'opencv-python-headless',
    'pillow',
    'pyyaml',
    'tqdm',
}
# The tool that installs this package from a checkout.
THEIRS = {'setuptools'}


def names(path):
    return {wish.name for wish in wishes(path) if 'win32' not in str(wish.marker)}


def test_versions_are_those_of_the_lock_file():
    locked = {str(wish) for wish in wishes(LOCKED)}
    assert {wish.name for wish in wishes(PINNED) if str(wish) not in locked} == set()


def test_it_is_complete_but_for_what_the_distribution_has():
    assert not names(PINNED) & OF_THE_DISTRIBUTION
    assert names(LOCKED) <= names(PINNED) | OF_THE_DISTRIBUTION | THEIRS


@pytest.mark.parametrize('page', ['README.md', 'docs/ros.md', 'requirements/ros-machine.txt'])
def test_it_is_installed_without_what_the_packages_ask_for(page):
    text = (ROOT / page).read_text(encoding='utf-8')
    commands = re.findall(r'pip install (.*)-r \S*requirements/ros-machine\.txt', text)
    assert commands
    assert set(commands) == {'--no-deps '}


@pytest.fixture(scope='module')
def index():
    """Skips where no index can be reached."""
    if not reachable(LOCKED):
        pytest.skip('the package index cannot be reached')


@pytest.mark.slow
@pytest.mark.parametrize('machine', MACHINES, ids='-'.join)
def test_every_package_has_a_wheel(index, tmp_path, machine):
    code, said = resolve_for(held(PINNED, *machine), *machine, tmp_path)
    assert code == 0, said
