"""Training in two processes: the same run as in one, written and printed once."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from training import checkpoint
from training.dataset import data
from training.dataset.batches import BatchDataset
from training.errors import TrainingError
from training.fit import curves, processes
from training.fit.train import train
from training.recipe_files import read_recipe

ROOT = Path(__file__).parents[2]
# No batch norm, dropout or augmentation: nothing but the order of summation may differ.
EXACT = """
name: exact
seed: 5
model: {batch_norm: false, dropout: 0, fc_ranks: [8, 8]}
augment: {rotation: 0, zoom: 0, shift: 0, flip: false, brightness: 0, contrast: 0}
optim: {lr: 0.004, warmup: 0.1}
train: {batch_size: 14, ema_decay: 0.8, class_weights: true, phases: [{epochs: 3, size: 63}]}
"""
EVERYTHING = """
name: everything
seed: 5
model: {arch: mini_xception, dropout: 0.3}
augment: {erase: 0.5, mixup: 0.4, crop: 0.83}
optim: {lr: 0.05}
train: {batch_size: 14, ema_decay: 0.8, phases: [{epochs: 1, size: 48}, {epochs: 1, size: 56}]}
"""
# The command line, and what the network of each process is at the end.
KEEPER = """
import sys, torch
from training.cli import main
from training.fit.module import Classifier
def keep(self):
    torch.save(self.state_dict(), f'{sys.argv[1]}/rank{self.global_rank}.pt')
Classifier.on_fit_end = keep
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture(scope='module')
def workplace(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('devices')
    (folder / 'exact.yaml').write_text(EXACT)
    (folder / 'everything.yaml').write_text(EVERYTHING)
    (folder / 'keeper.py').write_text(KEEPER)
    return folder


@pytest.fixture(scope='module')
def unbalanced(made_rows, workplace) -> Path:
    """Two classes of Training have ten images, the others four, so that class weights matter."""
    kept = [
        (label, image, usage)
        for number, (label, image, usage) in enumerate(made_rows)
        if usage != 'Training' or label < 2 or number < 28
    ]
    lines = [f'{label},{" ".join(map(str, image.flat))},{usage}' for label, image, usage in kept]
    path = workplace / 'fer2013.csv'
    path.write_text('\n'.join(['emotion,pixels,Usage', *lines]) + '\n')
    return path


@pytest.fixture(scope='module')
def dataset(unbalanced, workplace) -> data.Dataset:
    return data.load(unbalanced, workplace / 'cache')


@pytest.fixture(scope='module')
def two(workplace, unbalanced):
    """Runs the train command with two devices, each of them a process of its own."""

    def run(program: list[str], recipe: str, *words: str) -> subprocess.CompletedProcess:
        places = ['--data', str(unbalanced), '--cache', str(workplace / 'cache'), '--threads', '1']
        places += ['--recipe', str(workplace / f'{recipe}.yaml'), '--run', str(workplace / recipe)]
        inherited = {k: v for k, v in os.environ.items() if k not in ('RANK', 'LOCAL_RANK')}
        path = os.pathsep.join([str(ROOT), str(ROOT / 'src'), os.environ.get('PYTHONPATH', '')])
        hidden = {'CUDA_VISIBLE_DEVICES': '', 'PYTHONPATH': path}
        command = [sys.executable, *program, 'train', *places, '--devices', '2', *words]
        return subprocess.run(
            command, cwd=ROOT, env=inherited | hidden, capture_output=True, text=True, check=False
        )

    return run


def weights(run: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(run / 'last.ckpt').network.state_dict()


@pytest.mark.slow
def test_two_processes_train_what_one_does_and_one_goes_on(two, workplace, dataset):
    recipe = read_recipe(workplace / 'exact.yaml')
    done = two(['-m', 'training'], 'exact', '--stop-after', '2')
    assert done.returncode == 0, done.stderr
    assert done.stderr == ''
    lines = done.stdout.splitlines()
    assert len(lines) == 4 + 2 + 1  # what was read, two epochs, and where the best one is
    assert [line.split(' at ')[0] for line in lines[4:-1]] == ['epoch 1/3', 'epoch 2/3']
    assert lines[-1] == f'best checkpoint: {workplace / "exact/best.ckpt"}'
    kept = {'recipe.yaml', 'data.json', 'history.csv', 'curves.png'}
    kept |= {'last.ckpt', 'previous.ckpt', 'best.ckpt'}
    assert {path.name for path in (workplace / 'exact').iterdir()} == kept

    # A run may change its number of devices.
    train(recipe, dataset, workplace / 'exact', resume=True, progress=False, threads=1)
    train(recipe, dataset, workplace / 'one', progress=False, threads=1)
    for mixed, alone in zip(
        curves.read(workplace / 'exact/history.csv'),
        curves.read(workplace / 'one/history.csv'),
        strict=True,
    ):
        assert (mixed.epoch, mixed.lr) == (alone.epoch, pytest.approx(alone.lr))
        assert mixed.train_loss == pytest.approx(alone.train_loss, abs=1e-5)
        assert mixed.val_loss == pytest.approx(alone.val_loss, abs=1e-5)
        assert mixed.val_acc == pytest.approx(alone.val_acc)
    after = weights(workplace / 'exact')
    for name, value in weights(workplace / 'one').items():
        torch.testing.assert_close(after[name], value, atol=1e-5, rtol=1e-3, msg=name)


@pytest.mark.slow
def test_all_processes_end_alike_with_batch_norm_and_every_augmentation(two, workplace):
    done = two([str(workplace / 'keeper.py'), str(workplace)], 'everything')
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('epoch 2/2') == 1
    first, second = (torch.load(workplace / f'rank{rank}.pt', weights_only=True) for rank in (0, 1))
    assert first.keys() == second.keys()
    assert any('running_var' in name for name in first)
    for name, value in first.items():
        assert torch.isfinite(value).all()
        assert torch.equal(value, second[name]), name


@pytest.mark.parametrize('parts', [1, 2, 3, 6])
def test_parts_together_are_the_single_process(dataset, parts):
    split = dataset['Training']
    epochs = []
    for count in (1, parts):
        dealt = [
            BatchDataset(split, 12, seed=3, epoch_images=30, part=part, parts=count)
            for part in range(count)
        ]
        for batches in dealt:
            batches.epoch = 1
        assert {len(batches) for batches in dealt} == {2}
        epochs.append([torch.cat([images for images, _ in step]) for step in zip(*dealt)])  # noqa: B905
    assert sum(map(len, epochs[1])) == 24
    for whole, shared in zip(*epochs, strict=True):
        assert sorted(map(bytes, whole.numpy())) == sorted(map(bytes, shared.numpy()))


@pytest.mark.parametrize('parts', [1, 2, 4, 5])
def test_validation_meets_every_image_once(dataset, parts):
    split = dataset['PublicTest']
    dealt = [BatchDataset(split, 8, part=part, parts=parts) for part in range(parts)]
    seen = [list(batches) for batches in dealt]
    assert [len(batches) for batches in dealt] == [len(found) for found in seen]
    images = np.concatenate([batch.numpy() for found in seen for batch, _ in found])
    assert sorted(map(bytes, images)) == sorted(map(bytes, np.asarray(split.images)))


def test_every_process_and_step_draws_its_own_numbers():
    draws = {
        tuple(torch.rand(4, generator=torch.Generator().manual_seed(seed)).tolist())
        for rank in range(8)
        for seed in (processes.step_seed(1, step, rank) for step in range(50))
    }
    assert len(draws) == 400
    assert processes.step_seed(2, 7) == 2 * 1_000_003 + 7, 'older runs must resume alike'


@pytest.mark.parametrize(
    ('devices', 'gpus', 'images', 'message'),
    [
        (0, 0, 100, '--devices must be at least 1, not 0'),
        (4, 2, 100, '--devices 4 is more than the 2 GPUs of this machine'),
        (3, 0, 100, 'must be a multiple of --devices 3'),
        (2, 0, 1, 'PublicTest has 1 images'),
    ],
)
def test_devices_that_do_not_fit_are_one_sentence(devices, gpus, images, message, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: gpus)
    with pytest.raises(TrainingError, match=message):
        processes.check(devices, 14, images)


@pytest.mark.parametrize('gpu', [False, True])
def test_batch_norms_see_the_whole_batch_on_gpus_only(gpu, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: gpu)
    options = processes.trainer_options(2)
    assert (options['accelerator'], options['sync_batchnorm']) == ('cuda' if gpu else 'cpu', gpu)
    assert processes.trainer_options(1) == {'accelerator': 'auto', 'devices': 1}
