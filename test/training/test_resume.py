"""A run that goes on is the run that began: recipe, data, checkpoints and log."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from emotion_perception.files import resources
from emotion_perception.files.bounded import new_beside
from training import checkpoint
from training.cli import main
from training.fit import curves
from training.fit.checkpoints import BestCheckpoint, epochs_of

RECIPE = """
name: tiny
seed: 5
model: {arch: mini_xception, dropout: 0}
augment: {rotation: 0, zoom: 0, shift: 0, flip: false, brightness: 0, contrast: 0}
optim: {lr: 0.1, warmup: 0.1}
train: {batch_size: 14, ema_decay: 0.8, phases: [{epochs: 3, size: 48}]}
"""


@pytest.fixture(scope='module')
def folder(tmp_path_factory, made_csv) -> Path:
    path = tmp_path_factory.mktemp('resumed')
    (path / 'tiny.yaml').write_text(RECIPE)
    return path


@pytest.fixture(scope='module')
def train(folder, made_csv):
    def run(run: Path, *words: str, data: Path = made_csv) -> int:
        places = ['--data', str(data), '--cache', str(folder / 'cache'), '--no-progress']
        recipe = ['--recipe', str(folder / 'tiny.yaml'), '--run', str(run)]
        return main(['train', *places, '--threads', '1', *recipe, *words])

    return run


@pytest.fixture(scope='module')
def whole(folder, train) -> Path:
    assert train(folder / 'whole') == 0
    return folder / 'whole'


@pytest.fixture(scope='module')
def halfway(folder, train) -> Path:
    assert train(folder / 'halfway', '--stop-after', '2') == 0
    return folder / 'halfway'


@pytest.fixture
def begun(halfway, tmp_path) -> Path:
    """A run that stopped after two of three epochs, to be changed at will."""
    shutil.copytree(halfway, tmp_path / 'run')
    return tmp_path / 'run'


def content(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(run.iterdir())}


def check_ended_as(whole: Path, run: Path) -> None:
    assert [line.epoch for line in curves.read(run / 'history.csv')] == [1, 2, 3]
    assert len((run / 'history.csv').read_text().splitlines()) == 1 + 3
    theirs, ours = (
        checkpoint.load(each / 'last.ckpt').network.state_dict() for each in (whole, run)
    )
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, atol=1e-6, rtol=1e-5, msg=name)


def test_a_changed_recipe_is_refused_by_name_and_nothing_is_written(begun, train, capsys):
    before = content(begun)
    changes = ('--set', 'optim.lr=0.5', '--set', 'train.phases=[{epochs: 9, size: 48}]')
    assert train(begun, '--resume', *changes) == 1
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert 'optim.lr is 0.5 (it was 0.1)' in error
    assert 'train.phases is' in error
    assert 'optim.warmup' not in error
    assert f'--set model.init={begun}' in error
    assert content(begun) == before


@pytest.mark.parametrize('usage', ['Training', 'PublicTest'])
def test_other_data_is_refused_and_the_record_stays(usage, begun, train, made_csv, capsys):
    """One label alone is another: neither the number of images nor their grey values tell."""
    before = content(begun)
    lines = made_csv.read_text().splitlines()
    row = next(number for number, line in enumerate(lines) if line.endswith(usage))
    lines[row] = f'{(int(lines[row][0]) + 1) % 7}{lines[row][1:]}'
    other = begun.parent / 'other.csv'
    other.write_text('\n'.join(lines) + '\n')
    assert train(begun, '--resume', data=other) == 1
    error = capsys.readouterr().err
    assert f'but {usage} is another file or holds other content: leave that as it was' in error
    assert content(begun) == before


def test_an_older_record_is_checked_as_far_as_it_goes(begun, train, capsys):
    facts = json.loads((begun / 'data.json').read_text())
    facts = {'training_images': 71, 'mean': facts['mean'], 'std': facts['std']}
    (begun / 'data.json').write_text(json.dumps(facts))
    assert train(begun, '--resume') == 1
    assert 'training_images is 70 (it was 71)' in capsys.readouterr().err
    (begun / 'data.json').write_text(json.dumps(facts)[:20])
    assert train(begun, '--resume') == 0
    assert 'data.json cannot be read: it is written anew' in capsys.readouterr().out
    assert json.loads((begun / 'data.json').read_text())['training_images'] == 70


def test_what_may_change_is_recorded(begun, train, monkeypatch):
    monkeypatch.setattr(torch, 'set_num_threads', lambda threads: None)
    monkeypatch.setattr(torch, 'get_num_threads', lambda: 3)
    assert train(begun, '--resume', '--threads', '3') == 0
    assert json.loads((begun / 'data.json').read_text())['sessions'] == [
        {'first_epoch': 1, 'devices': 1, 'threads': 1},
        {'first_epoch': 3, 'devices': 1, 'threads': 3},
    ]


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def emptied(path: Path) -> None:
    path.write_bytes(b'')


def with_zeros(path: Path) -> None:
    """As a loss of power leaves it: the right size, but not all of it was on the disk."""
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 4096] = bytes(4096)
    path.write_bytes(raw)


@pytest.mark.parametrize('damage', [cut_off, emptied, with_zeros, Path.unlink])
def test_a_lost_last_checkpoint_costs_one_epoch(damage, begun, train, whole, capsys):
    damage(begun / 'last.ckpt')
    (begun / '.last.ckpt.4711').write_bytes(b'begun')  # by a killed session of an earlier version
    new_beside(begun / 'last.ckpt').write_bytes(b'begun')  # by the session that was killed
    assert epochs_of(begun / 'last.ckpt') is None
    assert train(begun, '--resume') == 0
    said = capsys.readouterr().out
    assert not [path for path in begun.iterdir() if path.name.startswith('.')]
    why = 'is not there' if damage is Path.unlink else 'cannot be read'
    assert f'last.ckpt {why}: going on from previous.ckpt, after epoch 1\n' in said
    check_ended_as(whole, begun)
    assert (epochs_of(begun / 'last.ckpt'), epochs_of(begun / 'previous.ckpt')) == (3, 2)


def test_without_any_whole_checkpoint_the_run_says_so(begun, train, capsys):
    for name in ('last.ckpt', 'previous.ckpt'):
        cut_off(begun / name)
    assert train(begun, '--resume') == 1
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert 'holds no checkpoint that can be read: move it away' in error


def test_a_full_disk_leaves_the_checkpoints_before(begun, train, whole, monkeypatch, capsys):
    def full(path: Path) -> None:
        if path.name.startswith('.last.'):
            raise OSError(28, 'No space left on device')

    with monkeypatch.context() as changed:
        changed.setattr(resources, '_flush', full)
        assert train(begun, '--resume') == 1
    assert 'last.ckpt cannot be written: No space left on device' in capsys.readouterr().err
    assert epochs_of(begun / 'last.ckpt') == 2
    assert not [path for path in begun.iterdir() if path.name.startswith('.')]
    assert train(begun, '--resume') == 0
    check_ended_as(whole, begun)


def test_the_log_of_a_killed_run_has_each_epoch_once(begun, train, whole):
    """Killed after the line of an epoch was written and before its checkpoint was, then again."""
    log = begun / 'history.csv'
    last = log.read_text().splitlines()[-1]
    log.write_text(log.read_text() + last.replace('2,', '3,', 1) + '\n3,48,0.0')
    assert [line.epoch for line in curves.read(log)] == [1, 2, 3]
    assert train(begun, '--resume') == 0
    check_ended_as(whole, begun)


def test_a_log_without_a_checkpoint_does_not_enter_a_new_run(begun, train, whole):
    for name in ('last.ckpt', 'previous.ckpt'):
        (begun / name).unlink()
    assert train(begun) == 0
    check_ended_as(whole, begun)


def test_a_moved_folder_keeps_its_best_score(begun, halfway):
    """Lightning would forget it, and the next epoch replace the best."""
    saved = torch.load(begun / 'last.ckpt', map_location='cpu', weights_only=True)['callbacks']
    states = [s for name, s in saved.items() if "'monitor': 'selection'" in name]
    assert states[0]['dirpath'] == str(halfway)
    moved = BestCheckpoint(begun)
    moved.load_state_dict(states[0])
    assert moved.best_model_score == states[0]['best_model_score']
    assert moved.best_model_path == str(begun / 'best.ckpt')


def test_a_damaged_best_checkpoint_is_made_anew(begun, train, capsys):
    cut_off(begun / 'best.ckpt')
    assert train(begun, '--resume') == 0
    assert 'best.ckpt cannot be read: the best of the epochs' in capsys.readouterr().out
    assert epochs_of(begun / 'best.ckpt') == 3
    cut_off(begun / 'best.ckpt')
    assert train(begun, '--resume') == 1
    assert 'no epoch was trained that makes it anew' in capsys.readouterr().err
