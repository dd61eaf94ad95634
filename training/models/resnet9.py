"""A nine-layer residual network of whole convolutions for 48x48 faces."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.heads import LabelSetNetwork
from training.models.layers import CLASSES, convolution, initialise, shrink

SIDE = 48
WIDTHS = (32, 64, 128, 256)


class Residual(nn.Module):
    """Two 3x3 convolutions whose result is added to their input.

    Args:
        width: Channels in and out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *convolution(width, width, True), *convolution(width, width, True)
        )

    def forward(self, maps: Tensor) -> Tensor:
        """float32 `[n, width, h, w]` to the same shape."""
        return maps + self.layers(maps)  # type: ignore[no-any-return]


class ResNet9(LabelSetNetwork):
    """Eight 3x3 convolutions, average pooling and a last layer.

    After the second, fifth and sixth convolution the maps are halved: 48, 24, 12 and 6 pixels; the
    third and fourth, the seventh and eighth are a residual block each. With 32 to 256 channels it
    is half as wide as Page's network for CIFAR-10 (2018), which learnt faster per second than all
    before it: 1.6 million weights, 213 million multiply-adds, none of them depthwise, so that
    bfloat16 pays.
    Always with batch norm.

    Args:
        widths: Output channels of the four stages.
        dropout: Probability before the last layer.
        votes: A second last layer beside the first, for `both_logits`.
    """

    def __init__(
        self,
        *,
        widths: tuple[int, int, int, int] = WIDTHS,
        dropout: float = 0.2,
        votes: bool = False,
    ) -> None:
        super().__init__()
        first, second, third, fourth = widths
        self.features = nn.Sequential(
            *convolution(1, first, True),
            *convolution(first, second, True),
            nn.MaxPool2d(2),
            Residual(second),
            *convolution(second, third, True),
            nn.MaxPool2d(2),
            *convolution(third, fourth, True),
            nn.MaxPool2d(2),
            Residual(fourth),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        last = nn.Linear(fourth, CLASSES)
        self.classifier = nn.Sequential(nn.Dropout(dropout), last)
        self.votes = nn.Linear(fourth, CLASSES) if votes else None
        initialise(self, last)
        if self.votes is not None:
            nn.init.normal_(self.votes.weight, std=0.01)

    def flat_features(self, faces: Tensor) -> Tensor:
        """float32 `[n, 3, s, s]`, s at least 8, to `[n, widths[3]]`; larger ones are made 48."""
        maps = self.features(shrink(faces[:, :1], SIDE))
        return torch.flatten(self.pool(maps), 1)
