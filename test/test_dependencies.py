"""Requirements: pinned, hashed, and looked at for known holes."""

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

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
    combined = {'ros', 'dev'}  # in lock.txt, together with runtime.in
    wishes = {path.stem for path in REQUIREMENTS.glob('*.in')} - combined
    assert {f'{name}.txt' for name in wishes} | {'lock.txt'} == set(LOCKED)


@pytest.fixture(scope='module')
def installs():
    """Every `pip install` that make would run in a fresh checkout."""
    extras = ['web-env', 'examples-env', 'ray-env', 'foxglove-env', 'training-env', 'imagenet-env']
    targets = ['env', *extras, 'bench', 'audit', 'demo', 'SHOW=1']
    done = subprocess.run(
        ['make', '--dry-run', '--always-make', *targets],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    commands = done.stdout.replace('\\\n', ' ').splitlines()
    return [command for command in commands if 'pip install' in command]


@pytest.mark.parametrize('name', LOCKED)
def test_make_installs_only_with_hashes(installs, name):
    # runtime.txt is for who wants the core alone, bench-peer.txt is installed by the benchmarks.
    if name in {'runtime.txt', 'bench-peer.txt'}:
        return
    own = [command for command in installs if f'-r requirements/{name}' in command]
    assert own
    assert all('--require-hashes' in command for command in own)


def test_versions_for_a_machine_with_ros_are_pinned():
    text = (REQUIREMENTS / 'ros-machine.txt').read_text(encoding='utf-8')
    lines = [line for line in text.splitlines() if line and not line.startswith('#')]
    assert lines
    assert all(re.fullmatch(r'[a-z0-9-]+==[0-9.]+', line) for line in lines)


def test_without_a_hash_come_only_pytorch_and_the_opencv_with_a_window(installs):
    unhashed = [command for command in installs if '--require-hashes' not in command]
    own = [command for command in unhashed if command.endswith(' -e .')]
    window = [command for command in unhashed if '"opencv-python==' in command]
    (wish,) = [command for command in unhashed if command not in (*own, *window)]
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


def test_an_answer_that_is_no_json_is_an_error_with_its_last_line(requirement, monkeypatch):
    program = 'import sys; print("oops", file=sys.stderr); sys.exit(1)'
    monkeypatch.setattr(audit, '_PIP_AUDIT', (audit.sys.executable, '-c', program))
    with pytest.raises(audit.AuditError, match='oops'):
        audit.look_up(requirement('good'))


def test_the_answer_of_pip_audit_is_read(requirement, monkeypatch):
    program = 'print(\'{"dependencies": [{"name": "good", "version": "1.0", "vulns": []}]}\')'
    monkeypatch.setattr(audit, '_PIP_AUDIT', (audit.sys.executable, '-c', program))
    assert audit.look_up(requirement('good'))[0]['vulns'] == []
