"""Every architecture by its shipped recipe: trained, exported as fp32 and int8, in agreement."""

import copy
import dataclasses
import json
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest

from emotion_perception.inference.manifest import read_manifest, read_model_file, sha256_of
from emotion_perception.inference.preprocessing import Preprocessing
from training import checkpoint
from training.config import Recipe
from training.dataset import data
from training.dataset.ferplus import FER2013_COLUMNS
from training.errors import TrainingError
from training.fit.module import Classifier
from training.fit.train import train
from training.models import build
from training.recipe_files import parse
from training.scoring import predict
from training.shipping.export import Exported, export
from training.weights import initial, transfer

# Few fully connected weights, for the time alone.
MODELS = {
    'alexnet': {'arch': 'alexnet', 'fc_ranks': [8, 8]},
    'grey': {'arch': 'alexnet', 'grey': True, 'stride': 7, 'fc_ranks': [8, 8]},
    'votes': {'arch': 'alexnet', 'votes': True, 'fc_ranks': [8, 8]},
    'small_cnn': {'arch': 'small_cnn'},
    'vgg16': {'arch': 'vgg16', 'fc_width': 16},
    'resnet50v2': {'arch': 'resnet50v2'},
    'mini_xception': {'arch': 'mini_xception'},
    'efficientnet_lite0': {'arch': 'efficientnet_lite0'},
    'resnet9': {'arch': 'resnet9'},
}
# What is never shipped and takes longest.
LONGEST = ('vgg16', 'resnet50v2')
# SGD takes unlike steps in unlike networks; Adam moves each weight by about its rate.
CONTENT = {
    'name': 'tiny',
    'augment': {'rotation': 0, 'zoom': 0, 'shift': 0.02, 'flip': False},
    'optim': {'name': 'adam', 'lr': 0.001},
    'train': {'batch_size': 14, 'ema_decay': 0, 'phases': [{'epochs': 2, 'size': 63}]},
}


def made(name: str, count: int, rng: np.random.Generator) -> data.Split:
    labels = np.arange(count) % 7
    images = rng.integers(40, 90, (count, 48, 48), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[6 * label : 6 * label + 8] += 120
    return data.Split(name, images, labels, np.arange(count))


@pytest.fixture(scope='module')
def dataset() -> data.Dataset:
    rng = np.random.default_rng(5)
    sizes = {'Training': 14, 'PublicTest': 7, 'PrivateTest': 7}
    splits, first = {}, 0
    for name, count in sizes.items():
        split = made(name, count, rng)
        splits[name] = data.Split(name, split.images, split.labels, split.rows + first)
        first += count
    return data.Dataset(Path('made'), splits)


@pytest.fixture(
    scope='module',
    params=[
        pytest.param(name, marks=[pytest.mark.slow] if name in LONGEST else []) for name in MODELS
    ],
)
def run(request, dataset, tmp_path_factory) -> Path:
    content = copy.deepcopy(CONTENT) | {'model': MODELS[request.param] | {'dropout': 0}}
    if request.param == 'grey':
        content['train']['phases'][0]['size'] = 131  # its steps are larger
    if request.param == 'votes':
        content['data'] = {'ferplus': 0.5}
    recipe = parse(Recipe, content, 'test')
    folder = tmp_path_factory.mktemp(request.param)
    train(recipe, dataset, folder, progress=False, votes=votes_of(recipe))
    return folder


def votes_of(recipe: Recipe) -> np.ndarray | None:
    """Ten annotators who agree, but see each class as the one before it."""
    if not recipe.model.votes:
        return None
    votes = np.zeros((28, 10), np.int64)
    rows = np.arange(28)
    labels = np.concatenate([np.arange(14), np.arange(7), np.arange(7)]) % 7
    votes[rows, np.array(FER2013_COLUMNS)[labels - 1]] = 10
    return votes


@pytest.fixture(scope='module')
def exported(dataset):
    """Exports a run, once in each precision; its files are for all tests and stay as they are."""

    @cache
    def once(run: Path, fp32: bool) -> Exported:
        model = run / f'{"fp32" if fp32 else "int8"}.onnx'
        votes = votes_of(checkpoint.load(run / 'last.ckpt').recipe)
        return export(run / 'last.ckpt', dataset, model, fp32=fp32, votes=votes)

    return lambda run, fp32=False: once(run, fp32)


def copied(model: Path, copy: Path) -> tuple[Path, Path]:
    """A model and its manifest under another name, to be damaged."""
    shutil.copyfile(model, copy)
    document = json.loads(model.with_suffix('.json').read_text()) | {'file': copy.name}
    copy.with_suffix('.json').write_text(json.dumps(document))
    return copy, copy.with_suffix('.json')


@pytest.mark.parametrize('fp32', [True, False])
def test_every_stage_agrees(run, dataset, exported, fp32):
    done = exported(run, fp32)
    model = done.model
    manifest = read_manifest(model.with_suffix('.json'))
    read_model_file(manifest, model)
    scores = manifest.scores['PublicTest']
    assert done.fp32_difference < 1e-3
    assert done.pytorch == done.fp32
    for share, key in (
        (done.pytorch, 'pytorch_accuracy'),
        (done.fp32, 'fp32_accuracy'),
        (done.shipped, 'accuracy'),
    ):
        assert scores[key]['value'] == pytest.approx(share.value, abs=1e-4)
        assert scores[key]['n'] == 7

    images = dataset['PublicTest'].images
    wanted = all_logits(run / 'last.ckpt', images, manifest.preprocessing)
    given = all_logits(model, images, manifest.preprocessing)
    assert given.shape == (7, 14 if checkpoint.load(run / 'last.ckpt').recipe.model.votes else 7)
    error = np.abs(given - wanted).max()
    if fp32:
        assert error < 1e-3
        assert done.shipped == done.fp32
    else:
        assert error < 0.1 * np.ptp(wanted)
        assert done.agreement.value > 0.5
        weights = sum(p.numel() for p in checkpoint.load(run / 'last.ckpt').network.parameters())
        assert model.stat().st_size < 2 * weights, 'bytes, of which fp32 has four a weight'


def all_logits(model: Path, images: np.ndarray, spec: Preprocessing) -> np.ndarray:
    opened = predict.open_model(model, None)
    return np.hstack(list(predict.predict_logits(opened.run, images, spec, model.suffix).values()))


@pytest.mark.parametrize('run', ['votes'], indirect=True)
def test_two_last_layers_are_calibrated_and_scored_apart(run, dataset, exported):
    done = exported(run)
    manifest = read_manifest(done.model.with_suffix('.json'))
    scores = manifest.scores['PublicTest']['ferplus']
    assert scores['answer'] == 'ferplus'
    assert scores['accuracy_contempt_counted_wrong']['value'] == pytest.approx(
        done.ferplus.value, abs=1e-4
    )
    assert manifest.ferplus_temperature == scores['temperature']
    assert manifest.temperatures.keys() == {'fer2013', 'ferplus'}
    assert manifest.default_labels == 'balanced'
    assert min(manifest.balance.shares) > 0
    assert 0 <= manifest.balance.strength <= 1
    outputs = [output.name for output in onnx.load(done.model).graph.output]
    assert outputs == ['logits', 'ferplus_logits']
    with pytest.raises(TrainingError, match='give --ferplus the path'):
        export(run / 'last.ckpt', dataset, run / 'x.onnx')
    assert not (run / 'x.onnx').exists()


@pytest.mark.parametrize('run', ['grey'], indirect=True)
def test_votes_without_use_are_refused(run, dataset):
    with pytest.raises(TrainingError, match='--ferplus has no effect'):
        export(run / 'last.ckpt', dataset, run / 'x.onnx', votes=np.ones((28, 10), np.int64))


@pytest.mark.parametrize('run', ['grey'], indirect=True)
def test_blocks_of_a_grey_network_take_the_images_as_they_are(run, exported):
    graph = onnx.load(exported(run).model).graph
    (plane,) = [node for node in graph.node if 'input' in node.input]
    assert plane.op_type == 'Slice'
    (blocks,) = [node for node in graph.node if plane.output[0] in node.input]
    assert blocks.op_type == 'Conv'
    (weight,) = [each for each in graph.initializer if each.name == blocks.input[1]]
    assert weight.dims[1] == 1


def test_nothing_to_measure_on_is_one_sentence(dataset, tmp_path):
    empty = dataset['PublicTest'].select(np.array([], int))
    nothing = data.Dataset(Path('made'), dataset.splits | {'PublicTest': empty})
    with pytest.raises(TrainingError, match='made has no PublicTest images'):
        export(tmp_path / 'last.ckpt', nothing, tmp_path / 'x.onnx')


def start_from(
    model: Path, run: Path, images: np.ndarray, **options
) -> tuple[Classifier, initial.Start]:
    """A fresh network of a run's recipe, but for some options, that starts from a file."""
    trained = checkpoint.load(run / 'last.ckpt')
    ours = dataclasses.replace(trained.recipe.model, init=str(model), **options)
    fresh = Classifier(dataclasses.replace(trained.recipe, model=ours), trained.mean, trained.std)
    return fresh, initial.start(fresh, images)


@pytest.mark.parametrize('fp32', [True, False])
def test_training_goes_on_from_an_exported_file(run, dataset, exported, fp32):
    model = exported(run, fp32).model
    fresh, done = start_from(model, run, dataset['Training'].images)
    assert (done.fresh, done.skipped) == ((), ())
    assert (done.source, done.sha256) == (str(model), sha256_of(model))
    images, spec = (
        dataset['PublicTest'].images,
        read_manifest(model.with_suffix('.json')).preprocessing,
    )
    given = predict.predict_logits(
        predict.torch_predictor(fresh.network.eval()), images, spec, 'start'
    )
    wanted = all_logits(model, images, spec)
    # What int8 rounds between the layers is not in the weights.
    tolerance = (0.003 if fp32 else 0.05) * np.ptp(wanted)
    assert np.abs(np.hstack(list(given.values())) - wanted).max() < tolerance


@pytest.mark.parametrize('run', ['votes'], indirect=True)
def test_weights_before_batch_norms_start_as_large_as_fresh_ones(run, dataset, exported):
    """Folded into the weights, batch norms leave them at any size; a step must not be too large."""
    network = start_from(exported(run).model, run, dataset['Training'].images)[0].network
    fresh = build(checkpoint.load(run / 'last.ckpt').recipe.model)
    for layer in transfer.layers(network)[:-1]:
        own, wanted = (
            net.get_submodule(layer.weights[-1]).weight.flatten(1).norm(dim=1)
            for net in (network, fresh)
        )
        assert own.min() > 0.9 * wanted.mean(), layer.name
        assert own.max() < 1.1 * wanted.mean(), layer.name


def _no_recipe(manifest: dict) -> None:
    del manifest['training']['recipe']


def _unknown_option(manifest: dict) -> None:
    manifest['training']['recipe']['model']['depth'] = 3


def _other_width(manifest: dict) -> None:
    manifest['training']['recipe']['model']['fc_ranks'] = [8, 9]


def _other_file(manifest: dict) -> None:
    manifest['sha256'] = '0' * 64


def _other_network(manifest: dict) -> None:
    manifest['training']['recipe']['model'] |= {'arch': 'vgg16', 'grey': False, 'stride': 4}
    manifest['training']['recipe']['model']['fc_ranks'] = None


@pytest.mark.parametrize('run', ['grey'], indirect=True)
@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (_no_recipe, r'changed\.json names no recipe: only files of `export` can be'),
        (_unknown_option, r'the recipe in .*changed\.json: model has an unknown key "depth"'),
        (_other_width, 'does not hold classifier.5.weight as the network of its recipe has it'),
        (_other_file, 'is damaged or was replaced'),
        (_other_network, 'does not hold features.0.weight as the network'),
        (None, r'changed\.json cannot be read'),
    ],
)
def test_an_unusable_file_is_one_sentence(run, dataset, exported, tmp_path, change, message):
    model, manifest = copied(exported(run).model, tmp_path / 'changed.onnx')
    document = json.loads(manifest.read_text())
    if change is None:
        manifest.unlink()
    else:
        change(document)
        manifest.write_text(json.dumps(document))
    with pytest.raises(TrainingError, match=message) as error:
        start_from(model, run, dataset['Training'].images)
    assert str(error.value).startswith('model.init: ')
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('run', ['grey'], indirect=True)
def test_a_file_that_is_none_is_one_sentence(run, dataset, exported, tmp_path):
    model, manifest = copied(exported(run).model, tmp_path / 'none.onnx')
    model.write_bytes(b'no graph')
    document = json.loads(manifest.read_text()) | {'sha256': sha256_of(model)}
    manifest.write_text(json.dumps(document))
    with pytest.raises(TrainingError, match=r'model\.init: .*none\.onnx is no ONNX file') as error:
        start_from(model, run, dataset['Training'].images)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize('run', ['grey'], indirect=True)
def test_another_network_than_the_file_is_refused(run, dataset, exported):
    with pytest.raises(
        TrainingError, match=r'trained with model\.batch_norm True, the recipe says'
    ):
        start_from(exported(run).model, run, dataset['Training'].images, batch_norm=False)
