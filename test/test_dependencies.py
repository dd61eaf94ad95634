"""Requirements: pinned, hashed, and looked at for known holes."""

import importlib.util
import os
import re
import runpy
import subprocess
from pathlib import Path

import pytest
import setuptools
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / 'requirements'
# Read by hand on a machine with ROS, whose own packages have no hashes to give.
BY_HAND = {'ros-machine.txt'}
# Not requirements, but instructions to what makes the lock files.
INSTRUCTIONS = {'overrides.txt', 'training-overrides.txt'}
LOCKED = sorted(
    path.name for path in REQUIREMENTS.glob('*.txt') if path.name not in BY_HAND | INSTRUCTIONS
)


def load_audit():
    spec = importlib.util.spec_from_file_location('audit', REQUIREMENTS / 'audit.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


audit = load_audit()


def entries(name):
    """Each requirement of a lock file with what follows it, up to the next one."""
    text = (REQUIREMENTS / name).read_text(encoding='utf-8')
    lines = [line for line in text.splitlines() if not line.lstrip().startswith('#')]
    return re.split(r'\n(?=[A-Za-z])', '\n'.join(lines).strip())


# --- pinned and hashed ---------------------------------------------------------------------------


@pytest.mark.parametrize('name', LOCKED)
def test_every_locked_requirement_has_a_version_and_hashes(name):
    found = entries(name)
    assert found
    for entry in found:
        assert re.match(r'[A-Za-z0-9._-]+(\[[a-z,-]+\])?==[^ ;]+( ; .+)? \\\n', entry), entry
        assert re.search(r'--hash=sha256:[0-9a-f]{64}', entry), entry


def test_every_list_of_wishes_has_a_lock_file():
    wishes = {path.stem for path in REQUIREMENTS.glob('*.in')} - {
        'colcon',
        'plots',
    }  # parts of others
    assert {f'{name}.txt' for name in wishes} == set(LOCKED)


def versions(name):
    """The versions that a lock file has of each package, by the marker of where they hold."""
    found = {}
    for entry in entries(name):
        wish = entry.partition(' \\\n')[0]
        package, _, version = wish.partition('==')
        found.setdefault(package.partition('[')[0], set()).add(version.split(' ;')[0])
    return found


@pytest.mark.parametrize('name', sorted({*LOCKED} - {'audit.txt', 'bench-peer.txt'}))
def test_what_is_installed_together_is_locked_at_the_same_versions(name):
    """What hangs on the core, or on the tools of the tests, must not move them."""
    held = {**versions('runtime.txt'), **versions('dev.txt')}
    shared = held.keys() & versions(name).keys()
    assert {package: versions(name)[package] - held[package] for package in shared} == {
        package: set() for package in shared
    }


def test_both_distributions_have_their_own_ros_and_the_same_of_all_else():
    jazzy, kilted = (
        {
            package: version
            for package, version in versions(f'ros-{distribution}.txt').items()
            if not package.startswith('ros-')
        }
        for distribution in ('jazzy', 'kilted')
    )
    assert jazzy == kilted


# --- bounds --------------------------------------------------------------------------------------


def bounds(path):
    """The bounds of a list, by package."""
    wishes = [line.partition(' #')[0].strip() for line in path.read_text('utf-8').splitlines()]
    parted = (re.match(r'([A-Za-z][\w-]*)(?:\[.*\])?([<>=!~][^;]*)', wish) for wish in wishes)
    return {found[1].lower(): found[2].strip() for found in parted if found}


# The benchmarks' peer and the audit have environments of their own.
LISTS = [
    path for path in REQUIREMENTS.glob('*.in') if path.stem not in ('bench-peer', 'audit', 'colcon')
]


def test_a_bound_stands_in_one_list_only():
    named = [name for path in LISTS for name in bounds(path) if not name.startswith('ros-')]
    assert len(named) == len(set(named)), sorted(named)
    runtime = bounds(REQUIREMENTS / 'runtime.in')
    overrides = bounds(REQUIREMENTS / 'overrides.txt')
    assert overrides == {name: runtime[name] for name in overrides}


def test_the_package_asks_for_what_the_lists_ask_for(monkeypatch):
    asked = {}
    monkeypatch.setattr(setuptools, 'setup', lambda **facts: asked.update(facts))
    runpy.run_path(str(ROOT / 'setup.py'))
    for name in ('foxglove', 'heic', 'ray', 'web', 'training'):
        text = (REQUIREMENTS / f'{name}.in').read_text(encoding='utf-8').splitlines()
        assert asked['extras_require'][name]
        taken_in = (REQUIREMENTS / 'plots.in').read_text(encoding='utf-8').splitlines()
        assert set(asked['extras_require'][name]) <= {*text, *taken_in}
    assert f'opencv-python-headless{OPENCV}' in asked['install_requires']
    assert 'tqdm>=4.66' in asked['install_requires']
    assert not any(wish.startswith('setuptools') for wish in asked['install_requires'])


OPENCV = bounds(REQUIREMENTS / 'runtime.in')['opencv-python-headless']
# What ros-machine.txt leaves in its place.
UBUNTU_24_04 = {
    'numpy': '1.26.4',
    'opencv-python-headless': '4.6.0',
    'pillow': '10.2.0',
    'pyyaml': '6.0.1',
    'tqdm': '4.66.2',
}


@pytest.mark.parametrize('package', UBUNTU_24_04)
def test_the_bounds_admit_what_a_machine_with_ros_has(package):
    wanted = SpecifierSet(bounds(REQUIREMENTS / 'runtime.in')[package])
    assert wanted.contains(UBUNTU_24_04[package])


def test_what_a_machine_with_ros_gets_from_pip_keeps_the_bounds():
    pinned = versions('ros-machine.txt')
    for package, wanted in bounds(REQUIREMENTS / 'runtime.in').items():
        for version in pinned.get(package, ()):
            assert SpecifierSet(wanted).contains(version), package


@pytest.fixture(scope='module')
def installs():
    """Every `pip install` that make would run in a fresh checkout."""
    extras = ['web-env', 'examples-env', 'ray-env', 'foxglove-env', 'heic-env']
    extras += ['training-env', 'imagenet-env']
    lines = make(*extras, 'bench', 'docs', 'audit', 'demo', 'SHOW=1') + make(
        'env', 'ROS_DISTRO=kilted'
    )
    return [line for line in dict.fromkeys(lines) if 'pip install' in line]


def make(*targets, environment=None):
    """The commands that make would run in a fresh checkout."""
    done = subprocess.run(
        ['make', '--dry-run', '--always-make', *targets],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.replace('\\\n', ' ').splitlines()


def test_each_distribution_has_an_environment_of_its_own():
    jazzy, kilted = make('env'), make('env', 'ROS_DISTRO=kilted')
    assert any('.venv/bin/pip' in line and 'ros-jazzy.txt' in line for line in jazzy)
    assert any('.venv-kilted/bin/pip' in line and 'ros-kilted.txt' in line for line in kilted)
    assert not any('kilted' in line for line in jazzy)


def test_a_sourced_ros_does_not_choose_the_distribution():
    assert make('env', environment={'ROS_DISTRO': 'humble'}) == make('env')


def test_a_distribution_without_a_lock_file_is_refused():
    done = subprocess.run(
        ['make', 'env', 'ROS_DISTRO=humble'], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert 'ROS_DISTRO is one of: jazzy kilted' in done.stderr


@pytest.mark.parametrize('target', ['core', 'web-env', 'examples-env', 'training-env'])
def test_what_needs_no_ros_installs_none(target):
    lines = make(target)
    assert any('requirements/runtime.txt' in line for line in lines)
    assert not any('ros-' in line or 'colcon' in line for line in lines)


@pytest.mark.parametrize('name', LOCKED)
def test_make_installs_only_with_hashes(installs, name):
    if name == 'bench-peer.txt':  # installed by the benchmarks
        return
    own = [command for command in installs if f'-r requirements/{name}' in command]
    assert own
    assert all('--require-hashes' in command for command in own)


def test_without_a_hash_come_only_pytorch_and_the_opencv_with_a_window(installs):
    unhashed = [command for command in installs if '--require-hashes' not in command]
    own = {command.partition('/bin/')[2] for command in unhashed if command.endswith(' -e .')}
    window = [command for command in unhashed if '"opencv-python==' in command]
    (wish,) = [
        command for command in unhashed if command not in window and not command.endswith(' -e .')
    ]
    assert len(own) == len(window) == 1
    assert '^torch==' in wish
    training = (REQUIREMENTS / 'training.in').read_text(encoding='utf-8')
    assert re.search(r'^torch==[0-9.]+$', training, re.M)


# --- known holes ---------------------------------------------------------------------------------


def hole(name='CVE-2000-1', fixed=('2.0',)):
    return {'id': name, 'fix_versions': list(fixed)}


def service(**packages):
    """An advisory service that knows the well-known hole and what it is told."""

    def lookup(file):
        text = Path(file).read_text(encoding='utf-8')
        if text.startswith('pillow==8.0.0'):
            return [{'name': 'pillow', 'version': '8.0.0', 'vulns': [hole()]}]
        name = text.partition('==')[0]
        return [{'name': name, 'version': '1.0', **packages[name]}]

    return lookup


@pytest.fixture
def requirement(tmp_path):
    def write(name):
        path = tmp_path / f'{name}.txt'
        path.write_text(f'{name}==1.0 --hash=sha256:0\n', encoding='utf-8')
        return path

    return write


def test_a_known_hole_fails_and_is_named(requirement, capsys):
    files = [requirement('good'), requirement('bad')]
    lookup = service(good={'vulns': []}, bad={'vulns': [hole('CVE-2026-7', ('1.1',))]})
    assert audit.audit(files, lookup) == 1
    said = capsys.readouterr().out
    assert 'bad 1.0 has CVE-2026-7, mended in 1.1.' in said
    assert '1 packages looked at, 0 known holes.' in said


def test_without_holes_all_is_well(requirement, capsys):
    assert audit.audit([requirement('good')], service(good={'vulns': []})) == 0
    assert 'not audited' not in capsys.readouterr().out


def test_what_the_service_does_not_know_is_said(requirement, capsys):
    lookup = service(ours={'skip_reason': 'not on PyPI'})
    assert audit.audit([requirement('ours')], lookup) == 0
    assert 'unknown to the service: ours' in capsys.readouterr().out


def silent(file):
    """pip-audit behind an index without advisories: everything is fine, it says."""
    return [{'name': 'pillow', 'skip_reason': 'Dependency not found on PyPI'}]


def offline(file):
    raise audit.AuditError('Max retries exceeded')


@pytest.mark.parametrize('lookup', [silent, offline])
def test_without_a_service_it_says_that_nothing_was_audited(requirement, capsys, lookup):
    assert audit.audit([requirement('good')], lookup) == 0
    said = capsys.readouterr().out
    assert said.startswith('not audited: the advisory service cannot be reached')
    assert 'holes.' not in said


def test_a_file_that_cannot_be_read_is_no_clean_audit(requirement, capsys):
    def broken(file):
        if Path(file).read_text(encoding='utf-8').startswith('pillow=='):
            return [{'name': 'pillow', 'version': '8.0.0', 'vulns': [hole()]}]
        raise audit.AuditError('requirement has no hash')

    assert audit.audit([requirement('good')], broken) == 2
    assert 'requirement has no hash' in capsys.readouterr().err


def test_an_result_that_is_no_json_is_an_error_with_its_last_line(requirement, monkeypatch):
    program = 'import sys; print("oops", file=sys.stderr); sys.exit(1)'
    monkeypatch.setattr(audit, '_PIP_AUDIT', (audit.sys.executable, '-c', program))
    with pytest.raises(audit.AuditError, match='oops'):
        audit.look_up(requirement('good'))


def test_the_result_of_pip_audit_is_read(requirement, monkeypatch):
    program = 'print(\'{"dependencies": [{"name": "good", "version": "1.0", "vulns": []}]}\')'
    monkeypatch.setattr(audit, '_PIP_AUDIT', (audit.sys.executable, '-c', program))
    assert audit.look_up(requirement('good'))[0]['vulns'] == []
