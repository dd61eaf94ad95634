"""mini-Xception (Arriaga et al. 2017, "Real-time Convolutional Neural Networks")."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.layers import CLASSES, StridedPointwise, initialise, shrink

SIDE = 64
STEM = 8
WIDTHS = (16, 32, 64, 128)


class Module(nn.Module):
    """Two depthwise separable convolutions and a pooling, beside a strided 1x1 shortcut.

    Args:
        inputs: Channels in.
        outputs: Channels out; the maps are halved.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.shortcut = nn.Sequential(StridedPointwise(inputs, outputs, 2), nn.BatchNorm2d(outputs))
        self.residual = nn.Sequential(
            *_separable(inputs, outputs),
            nn.ReLU(inplace=True),
            *_separable(outputs, outputs),
            nn.MaxPool2d(3, 2, 1),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """float32 `[n, inputs, h, w]` to `[n, outputs, h / 2, w / 2]`, rounded up."""
        return self.shortcut(maps) + self.residual(maps)  # type: ignore[no-any-return]


class MiniXception(nn.Module):
    """Two 3x3 convolutions, four residual modules, a 3x3 convolution to the classes, pooling.

    No fully connected layer; 57,095 weights (the paper: about 60,000, with one grey channel).
    Always with batch norm.

    Args:
        dropout: Probability, on whole maps, before the last convolution (none in the paper).
    """

    def __init__(self, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_valid(3, STEM), *_valid(STEM, STEM))
        widths = (STEM, *WIDTHS)
        self.blocks = nn.Sequential(
            *(Module(inputs, outputs) for inputs, outputs in zip(widths, WIDTHS, strict=False))
        )
        last = nn.Conv2d(WIDTHS[-1], CLASSES, 3, padding=1)
        self.classifier = nn.Sequential(nn.Dropout2d(dropout), last, nn.AdaptiveAvgPool2d(1))
        initialise(self, last)

    def forward(self, faces: Tensor) -> Tensor:
        """Class logits.

        Args:
            faces: float32 `[n, 3, s, s]`, normalised, the three channels equal; larger ones than
                the 64 pixels of the authors' code are brought back to 64 first.

        Returns:
            float32 `[n, 7]`, before the softmax, in FER-2013 order.
        """
        maps = self.blocks(self.stem(shrink(faces, SIDE)))
        return torch.flatten(self.classifier(maps), 1)


def _valid(inputs: int, outputs: int) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, 3, bias=False)
    return [convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _separable(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
    ]
