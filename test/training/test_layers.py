"""Layers that stand in for torch's own: the same numbers, in training as in an exported graph."""

import subprocess
import sys
from pathlib import Path

import onnx
import pytest
import torch
from torch import nn

from training.config import ModelConfig
from training.models import ARCHITECTURES, build
from training.models.layers import StridedPointwise
from training.shipping.graph import to_onnx

# The shape that kills a process whose processor has AVX-512: the first shortcut of mini_xception.
CHILD = """
import torch
from torch.nn import functional as F
from training.models.layers import StridedPointwise

torch.manual_seed(0)
torch.set_num_threads(1)
layer = StridedPointwise(8, 16, 2).to(memory_format=torch.channels_last)
maps, wanted = (
    torch.randn(16, channels, side, side).contiguous(memory_format=torch.channels_last)
    for channels, side in ((8, 60), (16, 30))
)
layer(maps).backward(wanted)
gradient = torch.einsum('nohw,nihw->oi', wanted, maps[:, :, ::2, ::2])
torch.testing.assert_close(layer.weight.grad[..., 0, 0], gradient, atol=1e-2, rtol=1e-4)
"""


def test_a_strided_1x1_convolution_trains_on_every_processor():
    done = subprocess.run(
        [sys.executable, '-c', CHILD],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, '')


@pytest.mark.parametrize(('stride', 'side'), [(1, 5), (2, 6), (2, 7), (3, 10)])
@pytest.mark.parametrize('learning', [True, False])
def test_a_strided_1x1_convolution_gives_the_numbers_of_torchs_own(stride, side, learning):
    ours, theirs = StridedPointwise(3, 4, stride), nn.Conv2d(3, 4, 1, stride, bias=False)
    theirs.load_state_dict(ours.state_dict())
    maps = [torch.randn(2, 3, side, side, requires_grad=True) for _ in range(1)] * 2
    with torch.set_grad_enabled(learning):
        given, wanted = (layer(x) for layer, x in zip((ours, theirs), maps, strict=True))
    torch.testing.assert_close(given, wanted)
    if learning:
        loss = torch.randn_like(given)
        found = torch.autograd.grad(given, (maps[0], ours.weight), loss)
        expected = torch.autograd.grad(wanted, (maps[0], theirs.weight), loss)
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize('name', ARCHITECTURES)
def test_no_network_has_torchs_own(name):
    with torch.device('meta'):
        network = build(ModelConfig(arch=name))
    strided = [
        module
        for module in network.modules()
        if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) != module.stride
    ]
    assert all(isinstance(module, StridedPointwise) for module in strided)


def test_the_exported_graph_keeps_the_stride(tmp_path):
    to_onnx(build(ModelConfig(arch='mini_xception')).eval(), tmp_path / 'made.onnx')
    nodes = onnx.load(tmp_path / 'made.onnx').graph.node
    assert 'Slice' not in {node.op_type for node in nodes}
