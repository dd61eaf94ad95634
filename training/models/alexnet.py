"""AlexNet for 227x227 faces (Krizhevsky 2012, with the channel widths of the 2014 variant)."""

from __future__ import annotations

from itertools import chain, repeat
from typing import Literal

import torch
from torch import Tensor, nn

from training.config import ALEXNET_WIDTHS, INPUT_SIZE, STRIDE, ConvRanks
from training.models.heads import LabelSetNetwork
from training.models.layers import CLASSES, COLOURS, GreyBlocks

HIDDEN = 4096
MAPS = 256  # of the fifth convolution
_PADDING = 2
# (kernel, stride, padding, max-pool afterwards)
_CONVOLUTIONS = (
    (11, STRIDE, _PADDING, True),
    (5, 1, 2, True),
    (3, 1, 1, False),
    (3, 1, 1, False),
    (3, 1, 1, True),
)


class AlexNet(LabelSetNetwork):
    """Five convolutions and three fully connected layers of 4096, 4096 and 7 outputs.

    Args:
        batch_norm: A batch normalisation after each convolution and hidden layer.
        dropout: Probability before each of the first two fully connected layers.
        grey: The first convolution sees one grey plane in place of three equal ones, in blocks of
            4x4 pixels (`layers.GreyBlocks`): the same predictions for a fifth of its time.
        stride: Step of the first convolution in pixels, 4 as published. Larger ones, for `grey`
            only, see blocks of so many pixels by their 4x4 means: faces enlarged from 48 pixels
            lose nothing by 7, and all behind it has a third of the work.
        conv_ranks: Ranks of the second to fifth convolution, each then a vertical convolution to
            so many channels followed by a horizontal one (Tai et al. 2016); None for the full
            ones, as is each convolution without a rank. Together with `fc_ranks` they take most of
            the multiply-adds away.
        widths: Output channels of the first to fourth convolution; the fifth has 256.
        fc_ranks: Ranks of the first two fully connected layers, each then the product of two thin
            matrices (what SVD compression gives); None for the full layers.
        votes: A second last layer beside the first, for `both_logits`.
    """

    def __init__(
        self,
        *,
        batch_norm: bool = True,
        dropout: float = 0.5,
        grey: bool = False,
        stride: int = STRIDE,
        conv_ranks: ConvRanks | None = None,
        widths: tuple[int, int, int, int] = ALEXNET_WIDTHS,
        fc_ranks: tuple[int, int] | None = None,
        votes: bool = False,
    ) -> None:
        super().__init__()
        self.features = _features(batch_norm, grey, stride, conv_ranks, widths)
        self.grid = _grid(grey, stride)
        # For smaller images than the runtime's 227 pixels, which arrive at this size.
        self.pool = nn.AdaptiveAvgPool2d(self.grid)
        first, second = fc_ranks or (None, None)
        self.classifier = nn.Sequential(
            nn.Dropout(dropout),
            *_hidden(MAPS * self.grid**2, first, batch_norm),
            nn.Dropout(dropout),
            *_hidden(HIDDEN, second, batch_norm),
            nn.Linear(HIDDEN, CLASSES),
        )
        self.votes = nn.Linear(HIDDEN, CLASSES) if votes else None
        self.apply(_initialise)
        _calm_last_layer(self.classifier)
        if self.votes is not None:
            _calm_output(self.votes)

    def flat_features(self, faces: Tensor) -> Tensor:
        """float32 `[n, 3, s, s]`, s 227 at runtime and maybe smaller in training, to `[n, c]`."""
        maps = self.features(faces)
        if maps.shape[-2:] != (self.grid, self.grid):
            maps = self.pool(maps)
        return torch.flatten(maps, 1)


def _grid(grey: bool, stride: int) -> int:
    """Side of the last maps of an image of 227 pixels: 6 with AlexNet's stride of 4, 3 with 7."""
    with torch.device('meta'):  # shapes only, nothing is computed
        features = _features(False, grey, stride, None, ALEXNET_WIDTHS)
        maps = features(torch.empty(1, 3, INPUT_SIZE, INPUT_SIZE))
    return int(maps.shape[-1])


def _features(
    batch_norm: bool,
    grey: bool,
    stride: int,
    ranks: ConvRanks | None,
    widths: tuple[int, int, int, int],
) -> nn.Sequential:
    layers: list[nn.Module] = []
    shapes, inputs = list(_CONVOLUTIONS), COLOURS
    if grey:
        _, _, padding, pool = shapes[0]
        layers.append(GreyBlocks(stride, padding, STRIDE))
        # Three blocks are 12 cells: the 11 pixels of AlexNet and one more.
        shapes[0], inputs = (3, 1, 0, pool), STRIDE * STRIDE
    # The first convolution stays whole: its three input channels leave little to take away.
    each_rank = chain([None], ranks or repeat(None))
    for (kernel, step, padding, pool), outputs, rank in zip(
        shapes, (*widths, MAPS), each_rank, strict=False
    ):
        if rank is None:
            layers.append(nn.Conv2d(inputs, outputs, kernel, step, padding, bias=not batch_norm))
        else:
            layers += separable(inputs, outputs, kernel, rank, bias=not batch_norm)
        if batch_norm:
            layers.append(nn.BatchNorm2d(outputs))
        layers.append(nn.ReLU(inplace=True))
        if pool:
            layers.append(nn.MaxPool2d(3, 2))
        inputs = outputs
    return nn.Sequential(*layers)


def separable(inputs: int, outputs: int, kernel: int, rank: int, bias: bool) -> list[nn.Module]:
    """A vertical and a horizontal convolution of stride 1 in place of a square one of that rank."""
    padding = kernel // 2
    return [
        nn.Conv2d(inputs, rank, (kernel, 1), padding=(padding, 0), bias=False),
        nn.Conv2d(rank, outputs, (1, kernel), padding=(0, padding), bias=bias),
    ]


def _hidden(inputs: int, rank: int | None, batch_norm: bool) -> list[nn.Module]:
    layers: list[nn.Module] = (
        [nn.Linear(inputs, HIDDEN)]
        if rank is None
        else [nn.Linear(inputs, rank, bias=False), nn.Linear(rank, HIDDEN)]
    )
    if batch_norm:
        # 9,216 positive inputs make a plain linear layer diverge at learning rates that the
        # normalised convolutions like.
        layers.append(nn.BatchNorm1d(HIDDEN))
    return [*layers, nn.ReLU(inplace=True)]


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        height, width = module.kernel_size
        # No ReLU behind the vertical half of a factorised convolution, hence no gain.
        kind: Literal['linear', 'relu'] = 'linear' if height > width else 'relu'
        nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity=kind)
    elif isinstance(module, nn.Linear):
        # The thin half of a factorised layer has no ReLU behind it, hence no gain.
        gain: Literal['linear', 'relu'] = 'linear' if module.bias is None else 'relu'
        nn.init.kaiming_normal_(module.weight, nonlinearity=gain)
    if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def _calm_last_layer(classifier: nn.Sequential) -> None:
    """Starts the loss at ln 7 and keeps the first steps stable.

    The curvature of the last layer grows with the squared length of its 4,096 inputs: with unit
    scale behind the batch norm, the usual learning rates of SGD diverge (measured).
    """
    output = classifier[-1]
    if isinstance(output, nn.Linear):
        _calm_output(output)
    norms = [module for module in classifier if isinstance(module, nn.BatchNorm1d)]
    for norm in norms[-1:]:
        nn.init.constant_(norm.weight, 0.2)


def _calm_output(output: nn.Linear) -> None:
    nn.init.normal_(output.weight, std=0.01)
