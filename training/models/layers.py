"""What several architectures share."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from emotion_perception.labels import NUM_EMOTIONS

CLASSES = NUM_EMOTIONS
COLOURS = 3


def convolution(inputs: int, outputs: int, batch_norm: bool) -> list[nn.Module]:
    """A 3x3 convolution that keeps the size, its optional batch norm, and ReLU."""
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 3, padding=1, bias=not batch_norm)]
    if batch_norm:
        layers.append(nn.BatchNorm2d(outputs))
    return [*layers, nn.ReLU(inplace=True)]


class StridedPointwise(nn.Conv2d):
    """A 1x1 convolution without bias that looks at every `stride`-th pixel, from the first.

    In training it takes these pixels out before it convolves them: on processors with AVX-512 torch
    2.13.0 writes past its buffer when it computes the weights' gradient of a 1x1 convolution with a
    stride in channels-last, and the process dies or goes on with wrong numbers.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, 1, stride, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """float32 `[n, inputs, h, w]` to `[n, outputs, h / stride, w / stride]`, rounded up."""
        if not torch.is_grad_enabled():
            return super().forward(maps)  # one node of an exported graph
        down, across = self.stride
        return F.conv2d(maps[..., ::down, ::across], self.weight, self.bias)


class GreyBlocks(nn.Module):
    """Takes the first of the three equal channels and lays each block of pixels out as channels.

    One plane is all that a grey face has: the convolution behind it does a third of the work, and
    on channels in numbers that processors like. Nothing here is trained. It is written as a
    convolution, which ONNX Runtime computes in int8 like any other.

    Args:
        block: Side of a block in pixels, also the stride.
        padding: Zeros before the first pixel.
        cells: Side of a block in channels: each is the mean of the part of the block that it
            covers, which is one pixel where there are as many of them.
    """

    weight: Tensor

    def __init__(self, block: int, padding: int, cells: int) -> None:
        super().__init__()
        self.block, self.padding = block, padding
        means = area_means(block, cells)
        weight = torch.einsum('ay,bx->abyx', means, means).reshape(-1, 1, block, block)
        self.register_buffer('weight', weight, persistent=False)

    def forward(self, faces: Tensor) -> Tensor:
        """float32 `[n, 3, s, s]` to `[n, cells * cells, t, t]`, row by row within a block.

        `[n, 1, s, s]` is taken as the one plane of three equal ones, which training need not copy.
        """
        return F.conv2d(faces[:, :1], self.weight, stride=self.block, padding=self.padding)


def area_means(pixels: int, cells: int) -> Tensor:
    """Weights of each pixel of a line in the means of equal parts of it.

    Args:
        pixels: Length of the line.
        cells: Number of parts.

    Returns:
        float32 `[cells, pixels]`, each row's sum 1; the identity where both are equal.
    """
    edges = torch.arange(cells + 1) * pixels / cells
    starts = torch.arange(pixels)
    ends = torch.minimum(edges[1:, None], starts + 1)
    return (ends - torch.maximum(edges[:-1, None], starts)).clamp(min=0) * cells / pixels


def shrink(faces: Tensor, side: int | None) -> Tensor:
    """Brings images larger than a small network's native size back to it.

    The runtime enlarges all faces from 48 to 227 pixels bilinearly. Sampled back at the pixel
    centres this returns nearly the image before, so that a network made for small images
    keeps its receptive field and its cost under the runtime's one preprocessing.

    Args:
        faces: float32 `[n, c, s, s]`.
        side: Native size in pixels; None for a network that has none.

    Returns:
        float32 `[n, c, min(s, side), min(s, side)]`.
    """
    if side is None or faces.shape[-1] <= side:
        return faces
    return F.interpolate(faces, size=(side, side), mode='bilinear', align_corners=False)


def initialise(network: nn.Module, last: nn.Module) -> None:
    """He et al. (2015) for ReLU networks; a small last layer starts the loss near ln 7.

    Args:
        network: Its convolutions and linear layers are initialised in place.
        last: The layer that gives the logits, linear or a convolution.
    """
    for module in network.modules():
        if not isinstance(module, nn.Conv2d | nn.Linear):
            continue
        # The hidden layers of VGG16 are far wider at their input than at their output.
        mode: Literal['fan_in', 'fan_out'] = (
            'fan_out' if isinstance(module, nn.Conv2d) else 'fan_in'
        )
        nn.init.kaiming_normal_(module.weight, mode=mode, nonlinearity='relu')
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if isinstance(last, nn.Conv2d | nn.Linear):
        nn.init.normal_(last.weight, std=0.01)


def channels_last(network: nn.Module) -> nn.Module:
    """Lays the filters out as CPU convolutions are fastest; changes no value."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network
