"""A small custom network for 48x48 faces: three VGG-like blocks and global pooling."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.layers import CLASSES, convolution, initialise, shrink

SIDE = 48
WIDTHS = (64, 128, 256)


class SmallCnn(nn.Module):
    """Six 3x3 convolutions of 64, 64, 128, 128, 256 and 256 channels, 1.15 million weights.

    After each pair the maps are halved: 48, 24, 12 and 6 pixels. The plain baseline of this field:
    the building block is that of Simonyan & Zisserman (2015), the global average pooling in place
    of fully connected layers that of Lin et al. (2014, "Network in Network").

    Args:
        batch_norm: A batch normalisation after each convolution.
        dropout: Probability before the last layer; half of it (on whole maps) after each block.
    """

    def __init__(self, *, batch_norm: bool = True, dropout: float = 0.5) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        for width in WIDTHS:
            layers += convolution(inputs, width, batch_norm)
            layers += convolution(width, width, batch_norm)
            layers += [nn.MaxPool2d(2), nn.Dropout2d(dropout / 2)]
            inputs = width
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(inputs, CLASSES))
        initialise(self, self.classifier[-1])

    def forward(self, faces: Tensor) -> Tensor:
        """Class logits.

        Args:
            faces: float32 `[n, 3, s, s]`, normalised, the three channels equal, s at least 8;
                larger ones than 48 are brought back to 48 first.

        Returns:
            float32 `[n, 7]`, before the softmax, in FER-2013 order.
        """
        maps = self.pool(self.features(shrink(faces, SIDE)))
        return self.classifier(torch.flatten(maps, 1))  # type: ignore[no-any-return]
