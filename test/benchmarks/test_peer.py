"""The peer's environment and its conversation, with a stand-in for the peer itself."""

import json
import subprocess
import sys

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.peer import comparison, environment
from benchmarks.peer.process import PeerProcess
from benchmarks.settings import Settings

_FER = """
class FER:
    def detect_emotions(self, image):
        return [{'box': (0, 0, 1, 1)}] * int(image[0, 0, 0])

    def _classify_emotions(self, batch):
        assert batch.shape == (1, 64, 64) and -1.0 <= batch.min() <= batch.max() <= 1.0
        return [[0, 0, float(batch.mean()), 0, 0, 0, 0.25]]
"""


@pytest.fixture
def fake_peer(tmp_path, monkeypatch):
    """A package `fer` that the worker finds beside this interpreter's own packages."""
    package = tmp_path / 'site' / 'fer'
    package.mkdir(parents=True)
    (package / '__init__.py').touch()
    (package / 'fer.py').write_text(_FER)
    python = tmp_path / 'python'
    python.write_text(f'#!/bin/sh\nPYTHONPATH={package.parent} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return python


def test_the_worker_responds_to_what_it_is_asked(fake_peer, tmp_path):
    import numpy as np

    np.save(tmp_path / 'frames.npy', np.stack([np.full((4, 4, 3), n, np.uint8) for n in range(4)]))
    np.save(tmp_path / 'faces.npy', np.array([np.zeros((48, 48)), np.full((48, 48), 255)], 'u1'))
    with PeerProcess(fake_peer, tmp_path / 'log') as peer:
        frames = peer.ask('frames', path=str(tmp_path / 'frames.npy'), indices=[3, 0, 2])
        faces = peer.ask('faces', path=str(tmp_path / 'faces.npy'), indices=[0, 1])
        versions = peer.ask('versions')

    assert frames['faces'] == [3, 0, 2]
    assert len(frames['wall']) == len(frames['cpu']) == 3
    assert faces['labels'] == [6, 2]
    assert all(net <= all_ for net, all_ in zip(faces['network'], faces['wall'], strict=True))
    assert 'numpy' in versions


def test_a_peer_that_fails_is_told_with_its_log(fake_peer, tmp_path):
    with (
        PeerProcess(fake_peer, tmp_path / 'log') as peer,
        pytest.raises(BenchmarkError, match=r'ended with an error: see .*log\.'),
    ):
        peer.ask('frames', path=str(tmp_path / 'missing.npy'), indices=[0])

    assert 'missing.npy' in (tmp_path / 'log').read_text()


def test_without_an_index_the_comparison_says_so(tmp_path, monkeypatch):
    def refuse(command, **options):
        raise subprocess.CalledProcessError(
            1, command, stderr='noise\nERROR: No matching distribution found for fer\n'
        )

    monkeypatch.setattr(environment.subprocess, 'run', refuse)

    findings = comparison.run(Settings(tmp_path))

    assert all(bar.holds is None for bar in findings.bars)
    (reason,) = findings.tables[0].rows[0]
    assert 'No matching distribution found for fer' in reason
    assert 'check that pip reaches a package index' in reason


def test_an_environment_that_is_up_to_date_is_kept(tmp_path, monkeypatch):
    folder = tmp_path / 'peer-env'
    commands = []

    def succeed(command, **options):
        commands.append(command)
        if 'venv' in command:
            (folder / 'bin').mkdir(parents=True)
            (folder / 'bin' / 'python').touch()

    monkeypatch.setattr(environment.subprocess, 'run', succeed)

    python = environment.peer_python(folder)
    assert python == folder / 'bin' / 'python'
    built = len(commands)
    assert environment.peer_python(folder) == python
    assert len(commands) == built == 3

    (folder / 'installed').write_text('other requirements')
    environment.peer_python(folder)
    assert len(commands) == 2 * built


def test_the_pinned_requirements_are_complete():
    text = environment.REQUIREMENTS.read_text()

    assert 'tensorflow-cpu==' in text and '--hash=sha256:' in text
    assert '==' in environment.PACKAGE
    assert json.dumps(environment.PACKAGE).count('fer') == 1
