"""Every architecture: its published size, any image size, learning, folding, refusals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from training.config import ModelConfig
from training.errors import TrainingError
from training.models import build
from training.recipe_files import read_recipe
from training.weights.fold import fold_batch_norm

RECIPES = Path(__file__).parents[2] / 'training/recipes'
NAMES = ('small_cnn', 'vgg16', 'resnet9', 'resnet50v2', 'mini_xception', 'efficientnet_lite0')
RECIPE_OF = {
    'alexnet': 'alexnet_from_nothing',
    'efficientnet_lite0': 'teacher_efficientnet_lite0',
    'resnet9': 'teacher_resnet9',
}


def made_image(label: int, rng: np.random.Generator) -> np.ndarray:
    """A class shown by where a bright bar lies."""
    image = rng.integers(40, 90, (48, 48), dtype=np.uint8)
    image[6 * label : 6 * label + 8] += 120
    return image


def small(name: str, **changes) -> torch.nn.Module:
    """The shipped recipe's network, with few fully connected weights and no dropout."""
    config = read_recipe(RECIPES / f'{RECIPE_OF.get(name, name)}.yaml').model
    assert config.arch == name
    if name == 'vgg16':
        changes['fc_width'] = 32
    torch.manual_seed(2)
    return build(replace(config, dropout=0.0, **changes))


@pytest.mark.parametrize(
    ('name', 'weights'),
    [
        # The paper's 138,357,544 less 993 of the 1,000 classes; batch norm adds 2 x 4,224.
        ('vgg16', 138_357_544 - 993 * 4097 + 4_224),
        # torchvision's count of the trunk, 23,508,032; v2 has fewer norms on the wide maps.
        ('resnet50v2', 23_514_695),
        # The authors' Keras code: 56,951 trainable weights, and two more channels in.
        ('mini_xception', 56_951 + 2 * 9 * 8),
        ('small_cnn', 1_148_103),
        # Filters of 9 x (inputs x outputs), two numbers of batch norm a channel, the last layer.
        ('resnet9', 9 * 182_304 + 2 * 1_120 + 7 * 257),
        # The published files' counts, with 7 of the 1,000 classes.
        ('efficientnet_lite0', 4_652_008 - 993 * 1281),
        ('efficientnet_lite1', 5_416_680 - 993 * 1281),
        ('efficientnet_lite2', 6_092_072 - 993 * 1281),
    ],
)
def test_published_number_of_weights(name, weights):
    with torch.device('meta'):
        network = build(ModelConfig(arch=name))
    assert sum(parameter.numel() for parameter in network.parameters()) == weights


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('size', [49, 227])
def test_any_size_gives_seven_scores(name, size):
    network = small(name).eval()
    with torch.inference_mode():
        scores = network(torch.rand(2, 3, size, size))
    assert scores.shape == (2, 7)
    assert scores.dtype == torch.float32


@pytest.mark.parametrize('name', NAMES)
def test_learns_made_faces_in_a_few_steps(name):
    rng = np.random.default_rng(3)
    labels = torch.arange(14) % 7
    grey = np.stack([made_image(int(label), rng) for label in labels]).astype(np.float32)
    faces = torch.from_numpy((grey - 90) / 60)[:, None].expand(-1, 3, -1, -1)
    network = small(name)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.03, momentum=0.9)
    values = []
    for _ in range(6):
        loss = F.cross_entropy(network(faces), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert values[0] == pytest.approx(1.946, abs=0.15), 'the first prediction is a guess'
    assert np.isfinite(values).all()
    assert min(values) < values[0] - 0.1


@pytest.mark.parametrize('name', NAMES)
def test_folded_network_is_the_same_function(name):
    network = small(name)
    faces = torch.rand(4, 3, 48, 48)
    network(faces)  # gives the batch norms statistics other than 0 and 1
    network.eval()
    with torch.inference_mode():
        expected = network(faces)
        torch.testing.assert_close(fold_batch_norm(network)(faces), expected, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize('name', ['small_cnn', 'mini_xception', 'resnet9'])
def test_small_networks_see_their_own_size_under_the_runtimes_preprocessing(name):
    network = small(name).eval()
    rng = np.random.default_rng(3)
    face = torch.from_numpy(made_image(3, rng).astype(np.float32) / 255)[None, None]
    smooth = F.avg_pool2d(face, 3, 1, 1).expand(-1, 3, -1, -1)
    sizes = []
    first = next(m for m in network.modules() if isinstance(m, torch.nn.Conv2d))
    first.register_forward_hook(lambda _, inputs, __: sizes.append(inputs[0].shape[-1]))
    large = F.interpolate(smooth, size=(227, 227), mode='bilinear', align_corners=False)
    with torch.inference_mode():
        network(large)
    own = sizes[-1]
    assert own == {'small_cnn': 48, 'mini_xception': 64, 'resnet9': 48}[name]
    back = F.interpolate(large, size=(48, 48), mode='bilinear', align_corners=False)
    assert (back - smooth).abs().mean() < 0.01


def test_batch_norm_is_a_choice_of_vgg16():
    network = small('vgg16', batch_norm=False)
    assert not any('BatchNorm' in type(module).__name__ for module in network.modules())


@pytest.mark.parametrize(
    ('config', 'option'),
    [
        (ModelConfig(arch='small_cnn', fc_ranks=(8, 8)), 'fc_ranks'),
        (ModelConfig(arch='resnet50v2', batch_norm=False), 'batch_norm'),
        (ModelConfig(arch='mini_xception', fc_width=64), 'fc_width'),
        (ModelConfig(arch='alexnet', fc_width=64), 'fc_width'),
        (ModelConfig(arch='vgg16', widths=(8, 8, 8, 8)), 'widths'),
        (ModelConfig(arch='resnet9', stride=7, grey=True), 'grey'),
    ],
)
def test_an_option_without_effect_is_refused(config, option):
    with pytest.raises(TrainingError, match=rf'no choice of model\.{option}'):
        build(config)
