"""Shapes and sizes of the networks, and that folding batch norms changes nothing."""

import pytest
import torch

from training.config import ModelConfig
from training.errors import TrainingError
from training.models import build, planes
from training.models.layers import GreyBlocks, area_means, shrink
from training.weights.fold import fold_batch_norm


@pytest.mark.parametrize(
    ('config', 'millions'),
    [
        # 2.47 M in the convolutions; 9216x4096 + 4096x4096 + 4096x7 in the full layers.
        (ModelConfig(batch_norm=False), 57.0),
        (ModelConfig(fc_ranks=(128, 64)), 4.75),
        (ModelConfig(conv_ranks=(64, 128, 128, 128), fc_ranks=(128, 64)), 3.05),
        # Three of the convolutions whole: only the second, of 307,200 weights, is thinner.
        (ModelConfig(conv_ranks=(64, None, None, None), fc_ranks=(128, 64)), 4.52),
    ],
)
def test_alexnet_has_the_known_number_of_weights(config, millions):
    network = build(config)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.06)


@pytest.mark.parametrize('size', [64, 99, 131, 227])
@pytest.mark.parametrize('grey', [False, True])
@pytest.mark.parametrize('conv_ranks', [None, (4, 5, 6, 7), (4, None, None, 7)])
def test_any_training_size_gives_seven_scores(size, conv_ranks, grey):
    network = build(ModelConfig(grey=grey, conv_ranks=conv_ranks, fc_ranks=(8, 8))).eval()
    assert network(torch.rand(2, 3, size, size)).shape == (2, 7)


@pytest.mark.parametrize('grey', [False, True])
def test_227_pixels_arrive_as_six_by_six_without_pooling(grey):
    network = build(ModelConfig(grey=grey, fc_ranks=(8, 8))).eval()
    assert network.features(torch.rand(1, 3, 227, 227)).shape == (1, 256, 6, 6)


def test_widths_are_those_of_the_first_four_convolutions():
    network = build(ModelConfig(widths=(8, 12, 16, 20), fc_ranks=(8, 8))).eval()
    filters = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [f.out_channels for f in filters] == [8, 12, 16, 20, 256]
    assert network(torch.rand(2, 3, 99, 99)).shape == (2, 7)


def test_usual_widths_that_earlier_versions_wrote_down_are_the_usual_ones():
    """As in all manifests and run folders from before resnet9 had a choice."""
    for arch in ('alexnet', 'small_cnn'):
        written = ModelConfig(arch=arch, widths=(64, 192, 384, 256))
        assert written == ModelConfig(arch=arch)
        build(written)


def test_widths_are_those_of_the_four_stages():
    network = build(ModelConfig(arch='resnet9', widths=(4, 8, 12, 16), votes=True)).eval()
    filters = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [f.out_channels for f in filters] == [4, 8, 8, 8, 12, 16, 16, 16]
    assert network(torch.rand(2, 3, 48, 48)).shape == (2, 7)


def test_larger_steps_end_in_smaller_maps_without_pooling():
    network = build(ModelConfig(grey=True, stride=7, fc_ranks=(8, 8))).eval()
    assert network.features(torch.rand(1, 3, 227, 227)).shape == (1, 256, 3, 3)
    assert network(torch.rand(2, 3, 131, 131)).shape == (2, 7)


def test_cells_are_means_of_equal_parts_of_a_block():
    assert torch.equal(area_means(4, 4), torch.eye(4))
    expected = [[4, 3, 0, 0, 0, 0, 0], [0, 1, 4, 2, 0, 0, 0]]
    expected += [row[::-1] for row in expected[::-1]]
    torch.testing.assert_close(area_means(7, 4), torch.tensor(expected) / 7)
    halves = GreyBlocks(7, 0, 2)(torch.arange(49.0).reshape(1, 1, 7, 7).expand(-1, 3, -1, -1))
    assert halves.flatten().tolist() == pytest.approx([10.29, 13.71, 34.29, 37.71], abs=0.01)
    assert halves.mean().item() == pytest.approx(24)


@pytest.mark.parametrize('grey', [False, True])
def test_the_planes_of_training_give_what_the_three_of_the_runtime_give(grey):
    config = ModelConfig(grey=grey, fc_ranks=(8, 8))
    network, faces = build(config).eval(), torch.rand(2, 1, 227, 227)
    with torch.inference_mode():
        usual = network(faces.expand(-1, 3, -1, -1))
        torch.testing.assert_close(network(planes(faces, config)), usual)


def test_only_a_grey_network_takes_larger_steps():
    with pytest.raises(TrainingError, match=r'model\.stride: only a grey network'):
        ModelConfig(stride=7)


@pytest.mark.parametrize('arch', ['vgg16', 'resnet50v2'])
def test_a_network_with_a_side_sees_a_small_image_in_a_large_one(arch):
    width = {'fc_width': 8} if arch == 'vgg16' else {}
    network = build(ModelConfig(arch=arch, side=48, **width)).eval()
    small = torch.rand(1, 3, 48, 48)
    large = torch.nn.functional.interpolate(small, size=(227, 227), mode='bilinear')
    whole = build(ModelConfig(arch=arch, **width)).eval()
    whole.load_state_dict(network.state_dict())
    with torch.inference_mode():
        torch.testing.assert_close(network(large), whole(shrink(large, 48)))
        torch.testing.assert_close(network(small), whole(small))
        assert not torch.allclose(network(large), whole(large))


def test_first_loss_is_that_of_a_guess():
    network = build(ModelConfig(fc_ranks=(8, 8)))
    scores = network(torch.rand(8, 3, 63, 63))
    loss = torch.nn.functional.cross_entropy(scores, torch.arange(8) % 7)
    assert loss.item() == pytest.approx(1.946, abs=0.2)


@pytest.mark.parametrize('conv_ranks', [None, (8, 8, 8, 8)])
def test_folded_network_is_the_same_function(conv_ranks):
    torch.manual_seed(0)
    network = build(ModelConfig(conv_ranks=conv_ranks, fc_ranks=(8, 8)))
    faces = torch.rand(6, 3, 63, 63)
    network(faces)  # gives the batch norms statistics other than 0 and 1
    expected = network.eval()(faces)
    folded = fold_batch_norm(network)
    assert not any('BatchNorm' in type(module).__name__ for module in folded.modules())
    torch.testing.assert_close(folded(faces), expected, atol=1e-5, rtol=1e-4)


def test_unknown_architecture():
    with pytest.raises(TrainingError, match='unknown architecture "lenet"'):
        build(ModelConfig(arch='lenet'))
