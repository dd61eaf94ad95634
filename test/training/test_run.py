"""The real commands on made data: learning, resuming after a kill, scoring, exporting."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from emotion_perception.inference.manifest import read_manifest, read_model_file
from training import checkpoint
from training.cli import main
from training.config import DataConfig, Recipe
from training.dataset import data
from training.dataset.batches import order
from training.fit import curves
from training.fit.train import training_split

RECIPE = """
name: tiny
seed: 5
model: {dropout: 0.1, fc_ranks: [8, 8]}
augment: {rotation: 0, zoom: 0, shift: 0.02, flip: true, brightness: 0.05, contrast: 0}
optim: {lr: 0.02, warmup: 0.1}
train: {batch_size: 14, ema_decay: 0.8, phases: [{epochs: 3, size: 63}, {epochs: 1, size: 67}]}
"""


@pytest.fixture(scope='module')
def workplace(tmp_path_factory, made_csv) -> Path:
    folder = tmp_path_factory.mktemp('runs')
    (folder / 'tiny.yaml').write_text(RECIPE)
    return folder


@pytest.fixture(scope='module')
def command(workplace, made_csv):
    def run(name: str, *words: str) -> int:
        places = ['--data', str(made_csv), '--cache', str(workplace / 'cache')]
        return main([name, *places, '--threads', '1', *words])

    return run


@pytest.fixture(scope='module')
def trained(workplace, command) -> Path:
    words = ['--recipe', str(workplace / 'tiny.yaml'), '--run', str(workplace / 'whole')]
    assert command('train', *words, '--no-progress') == 0
    return workplace / 'whole'


def losses(run: Path) -> list[float]:
    return [line.train_loss for line in curves.read(run / 'history.csv')]


def test_loss_falls(trained):
    values = losses(trained)
    assert len(values) == 4
    assert values[-1] < values[0] - 0.3
    assert (trained / 'curves.png').stat().st_size > 1000


def test_resumed_run_ends_with_the_same_weights(trained, workplace, command):
    words = ['--recipe', str(workplace / 'tiny.yaml'), '--run', str(workplace / 'halves')]
    assert command('train', *words, '--no-progress', '--stop-after', '2') == 0
    halfway = checkpoint.load(workplace / 'halves/last.ckpt')
    assert halfway.epoch == 2
    assert command('train', *words, '--no-progress', '--resume') == 0
    whole = checkpoint.load(trained / 'last.ckpt').network.state_dict()
    halves = checkpoint.load(workplace / 'halves/last.ckpt').network.state_dict()
    assert [line.epoch for line in curves.read(workplace / 'halves/history.csv')] == [1, 2, 3, 4]
    for name, value in whole.items():
        torch.testing.assert_close(halves[name], value, atol=1e-6, rtol=1e-5, msg=name)


def test_a_second_run_in_the_same_folder_is_refused(trained, workplace, command, capsys):
    words = ['--recipe', str(workplace / 'tiny.yaml'), '--run', str(trained)]
    assert command('train', *words) == 1
    assert 'already holds a run: add --resume' in capsys.readouterr().err
    words[-1] = str(workplace / 'nowhere')
    assert command('train', *words, '--resume') == 1
    assert 'nothing to resume' in capsys.readouterr().err


def test_export_agrees_and_the_runtime_reads_it(trained, workplace, command, capsys):
    import onnxruntime

    model = workplace / 'models/emotion_alexnet.onnx'
    words = ['--checkpoint', str(trained / 'last.ckpt'), '--out', str(model)]
    assert command('export', *words) == 0
    manifest = read_manifest(model.with_suffix('.json'))
    read_model_file(manifest, model)
    assert manifest.scores['PublicTest']['fp32_agreement']['value'] >= 0.85
    assert manifest.training['recipe']['name'] == 'tiny'
    assert manifest.training['fp32_onnx_max_logit_difference'] < 1e-3
    session = onnxruntime.InferenceSession(str(model), providers=['CPUExecutionProvider'])
    assert session.get_inputs()[0].name == 'input'
    assert session.get_inputs()[0].shape[1:] == [3, 227, 227]
    for count in (1, 3):
        faces = np.zeros((count, 3, 227, 227), np.float32)
        assert session.run(['logits'], {'input': faces})[0].shape == (count, 7)

    path = model.with_suffix('.json')
    document = json.loads(path.read_text())
    document['framing']['landmarks'][0] = [0.25, 0.5]
    document['framing']['measured_on'] = 100
    path.write_text(json.dumps(document))
    capsys.readouterr()
    assert command('export', *words, '--fp32') == 0
    again = json.loads(path.read_text())
    assert again['framing'] == document['framing'], 'a measured framing must survive an export'
    assert again['training']['precision'] == 'fp32'
    assert again['scores']['PublicTest']['fp32_agreement']['value'] == 1


def test_an_export_ships_only_by_name(trained, workplace, command, tmp_path, monkeypatch, capsys):
    shipped = tmp_path / 'models/emotion_alexnet.onnx'
    shipped.parent.mkdir()
    shipped.write_bytes(b'the shipped model')
    monkeypatch.chdir(tmp_path)
    assert command('export', '--checkpoint', str(trained / 'last.ckpt')) == 0
    assert [path.name for path in shipped.parent.iterdir()] == [shipped.name]
    assert shipped.read_bytes() == b'the shipped model'
    said = capsys.readouterr().out
    assert 'out/train/export/emotion.onnx: ' in said
    assert '--out models/emotion_alexnet.onnx replaces it' in said
    made = tmp_path / 'out/train/export/emotion.onnx'
    read_model_file(read_manifest(made.with_suffix('.json')), made)


def test_evaluate_reads_private_test_only_on_demand(trained, workplace, command, capsys):
    model, out = trained / 'last.ckpt', workplace / 'report'
    assert command('evaluate', '--model', str(model), '--out', str(out)) == 0
    # Its images are counted in the table of what was read, and nothing else is told of it.
    assert not re.search(r'PrivateTest(?! +\d)', capsys.readouterr().out)
    assert not (trained / 'private_test_readings.jsonl').exists()
    assert command('evaluate', '--model', str(model), '--out', str(out), '--final') == 0
    assert 'PrivateTest: accuracy' in capsys.readouterr().out
    reading = json.loads((trained / 'private_test_readings.jsonl').read_text())
    assert (reading['accuracy']['n'], reading['twin_free_accuracy']['n']) == (21, 20)
    scores = json.loads((out / 'scores.json').read_text())
    assert set(scores['splits']) == {'PublicTest', 'PrivateTest'}
    assert (out / 'confusion-PrivateTest.png').stat().st_size > 1000
    assert 'accuracy on rows without a twin' in (out / 'report.md').read_text()


@pytest.mark.parametrize(
    ('name', 'content', 'message'),
    [
        ('x.ckpt', None, 'no checkpoint at'),
        ('x.pth', b'', 'neither a .ckpt nor an .onnx'),
        ('x.onnx', b'broken', 'x.json cannot be read'),
    ],
)
def test_unusable_models_are_one_sentence(name, content, message, workplace, command, capsys):
    path = workplace / name
    if content is not None:
        path.write_bytes(content)
    assert command('evaluate', '--model', str(path)) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith('error: ')
    assert message in error


def test_every_switch_of_a_recipe_trains(workplace, command):
    run = workplace / 'switches'
    words = ['--recipe', str(workplace / 'tiny.yaml'), '--run', str(run), '--no-progress']
    switches = (
        'data.drop_twins=true',
        'data.limit=56',
        'optim.name=adam',
        'optim.lr=0.001',
        'optim.clip_norm=0',
        'train.class_weights=true',
        'train.ema_decay=0',
        'train.phases=[{epochs: 1, size: 63}]',
        'augment={erase: 0.5}',
        'model={fc_ranks: [8, 8], batch_norm: false}',
    )
    for switch in switches:
        words += ['--set', switch]
    assert command('train', *words) == 0
    assert np.isfinite(losses(run)).all()
    assert checkpoint.load(run / 'best.ckpt').training_images == 56


def test_dropping_twins_leaves_no_test_image_in_training(made_csv, tmp_path):
    dataset = data.load(made_csv, tmp_path)
    recipe = Recipe('x', data=DataConfig(drop_twins=True))
    split = training_split(recipe, dataset)
    assert len(split) == 69
    assert not data.occur_in(dataset['PrivateTest'].images, split.images).any()


def test_damaged_checkpoint(trained, command, capsys):
    (trained / 'cut.ckpt').write_bytes((trained / 'last.ckpt').read_bytes()[:5000])
    assert command('evaluate', '--model', str(trained / 'cut.ckpt')) == 1
    assert 'damaged' in capsys.readouterr().err


def test_order_is_a_seamless_stream_of_permutations():
    stream = np.concatenate([order(10, start, 4, seed=1) for start in range(0, 40, 4)])
    for begin in range(0, 40, 10):
        assert sorted(stream[begin : begin + 10]) == list(range(10))
    assert not np.array_equal(stream[:10], stream[10:20])
    np.testing.assert_array_equal(stream, order(10, 0, 40, seed=1))
