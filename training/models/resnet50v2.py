"""ResNet50v2 (He et al. 2016, "Identity Mappings in Deep Residual Networks")."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.layers import CLASSES, StridedPointwise, initialise, shrink

EXPANSION = 4
# (inner channels, number of blocks, stride of the first)
_STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))


class Bottleneck(nn.Module):
    """Full pre-activation: batch norm and ReLU before each of the 1x1, 3x3, 1x1 convolutions.

    Where the shape changes, the shortcut is a 1x1 convolution of the activated input; elsewhere
    it is the identity, with nothing after the addition (figure 4e of the paper). The 3x3
    convolution carries the stride.

    Args:
        inputs: Channels in.
        width: Channels of the 3x3 convolution; four times as many come out.
        stride: 2 halves the maps.
    """

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.activate = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(inplace=True))
        self.residual = nn.Sequential(
            nn.Conv2d(inputs, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, outputs, 1, bias=False),
        )
        self.project = (
            StridedPointwise(inputs, outputs, stride) if stride != 1 or inputs != outputs else None
        )

    def forward(self, maps: Tensor) -> Tensor:
        """float32 `[n, inputs, h, w]` to `[n, 4 * width, h / stride, w / stride]`."""
        active = self.activate(maps)
        shortcut = maps if self.project is None else self.project(active)
        return shortcut + self.residual(active)  # type: ignore[no-any-return]


class ResNet50V2(nn.Module):
    """A 7x7 stem, 3 + 4 + 6 + 3 bottlenecks of 256 to 2,048 channels, global average pooling.

    23.5 million weights. Always with batch norm.

    Args:
        dropout: Probability before the last layer (none in the paper).
        side: Larger images are brought to this side in pixels first; None takes them whole.
    """

    def __init__(self, *, dropout: float = 0.0, side: int | None = None) -> None:
        super().__init__()
        self.side = side
        # No norm or ReLU here: the first block begins with its own.
        self.stem = nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.MaxPool2d(3, 2, 1))
        blocks: list[nn.Module] = []
        inputs = 64
        for width, depth, stride in _STAGES:
            for index in range(depth):
                blocks.append(Bottleneck(inputs, width, stride if index == 0 else 1))
                inputs = EXPANSION * width
        self.blocks = nn.Sequential(*blocks)
        self.activate = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(inplace=True))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(inputs, CLASSES))
        initialise(self, self.classifier[-1])

    def forward(self, faces: Tensor) -> Tensor:
        """Class logits.

        Args:
            faces: float32 `[n, 3, s, s]`, normalised, the three channels equal; any s (the maps
                are 32 times smaller at the end: 8x8 for 227 pixels, 2x2 for 48).

        Returns:
            float32 `[n, 7]`, before the softmax, in FER-2013 order.
        """
        maps = self.pool(self.activate(self.blocks(self.stem(shrink(faces, self.side)))))
        return self.classifier(torch.flatten(maps, 1))  # type: ignore[no-any-return]
