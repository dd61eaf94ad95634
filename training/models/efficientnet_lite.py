"""EfficientNet-Lite 0 to 2 (Tan & Le 2019, in Google's variant of 2020 for small processors).

Compared with EfficientNet-B0 to B2 there is no squeeze-and-excitation, ReLU6 takes the place of
swish, and stem and head are the same at every scale.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.models.heads import LabelSetNetwork
from training.models.layers import CLASSES, COLOURS, initialise, shrink

STEM = 32
HEAD = 1280
# As published: TensorFlow's 0.99 and 0.001.
_MOMENTUM = 0.01
_EPSILON = 1e-3
_DIVISOR = 8
# (blocks, kernel, stride of the first, expansion, channels) at scale 0
_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
# (factor on the channels, factor on the number of blocks) by scale
_SCALES = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2))
SCALES = tuple(range(len(_SCALES)))


class SamePadded(nn.Conv2d):
    """A convolution that pads as TensorFlow does, to `ceil(s / stride)` outputs; no bias yet.

    With stride 2 an even side gets one more zero behind the last pixel than before the first.
    """

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, maps: Tensor) -> Tensor:
        """float32 `[n, inputs, h, w]` to `[n, outputs, h / stride, w / stride]`, rounded up."""
        (top, bottom), (left, right) = (
            same_padding(maps.shape[axis], self.kernel_size[axis], self.stride[axis])
            for axis in (-2, -1)
        )
        padding = (top, left)
        if (top, left) != (bottom, right):
            maps, padding = F.pad(maps, (left, right, top, bottom)), (0, 0)
        return F.conv2d(maps, self.weight, self.bias, self.stride, padding, 1, self.groups)


def same_padding(side: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's zeros before the first and behind the last pixel of a line of pixels."""
    total = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
    return total // 2, total - total // 2


class Block(nn.Module):
    """An inverted bottleneck: a wide 1x1 convolution, a depthwise one, a narrow 1x1 one.

    Its input is added to its output where both have the same shape.

    Args:
        inputs: Channels in.
        outputs: Channels out.
        kernel: Side of the depthwise convolution.
        stride: Of the same; 2 halves the maps.
        expansion: Channels between, as a multiple of `inputs`; 1 leaves the first convolution out.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        self.outputs, wide = outputs, inputs * expansion
        self.expand = _normalised(SamePadded(inputs, wide, 1)) if expansion > 1 else nn.Sequential()
        self.depthwise = _normalised(SamePadded(wide, wide, kernel, stride, groups=wide))
        self.project = _normalised(SamePadded(wide, outputs, 1))[:2]
        self.skips = stride == 1 and inputs == outputs

    def forward(self, maps: Tensor) -> Tensor:
        """float32 `[n, inputs, h, w]` to `[n, outputs, h / stride, w / stride]`, rounded up."""
        result = self.project(self.depthwise(self.expand(maps)))
        return result + maps if self.skips else result  # type: ignore[no-any-return]


class EfficientNetLite(LabelSetNetwork):
    """A 3x3 stem, 16 to 23 inverted bottlenecks, a 1x1 head of 1,280 channels, average pooling.

    3.4, 4.1 and 4.8 million weights. Always with batch norm.

    Args:
        scale: 0, 1 or 2.
        dropout: Probability before the last layer (0.2, 0.2 and 0.3 as published).
        side: Larger images are brought to this side in pixels first; None takes them whole.
        votes: A second last layer beside the first, for `both_logits`.
    """

    def __init__(
        self,
        scale: int = 0,
        *,
        dropout: float = 0.2,
        side: int | None = None,
        votes: bool = False,
    ) -> None:
        super().__init__()
        self.side = side
        self.stem = _normalised(SamePadded(COLOURS, STEM, 3, 2))
        blocks = _blocks(*_SCALES[scale])
        self.blocks = nn.Sequential(*blocks)
        self.head = _normalised(SamePadded(blocks[-1].outputs, HEAD, 1))
        self.pool = nn.AdaptiveAvgPool2d(1)
        last = nn.Linear(HEAD, CLASSES)
        self.classifier = nn.Sequential(nn.Dropout(dropout), last)
        self.votes = nn.Linear(HEAD, CLASSES) if votes else None
        initialise(self, last)
        if self.votes is not None:
            nn.init.normal_(self.votes.weight, std=0.01)

    def flat_features(self, faces: Tensor) -> Tensor:
        """float32 `[n, 3, s, s]` of any s to `[n, 1280]`; the last maps are 32 times smaller."""
        maps = self.head(self.blocks(self.stem(shrink(faces, self.side))))
        return torch.flatten(self.pool(maps), 1)


def _normalised(convolution: SamePadded) -> nn.Sequential:
    norm = nn.BatchNorm2d(convolution.out_channels, _EPSILON, _MOMENTUM)
    return nn.Sequential(convolution, norm, nn.ReLU6(inplace=True))


def _blocks(width: float, depth: float) -> list[Block]:
    """The blocks of a scale; the first and the last stage keep their single block."""
    blocks: list[Block] = []
    inputs = STEM
    for count, kernel, stride, expansion, channels in _STAGES:
        outputs = _scaled(channels, width)
        for index in range(1 if count == 1 else math.ceil(count * depth)):
            blocks.append(Block(inputs, outputs, kernel, stride if index == 0 else 1, expansion))
            inputs = outputs
    return blocks


def _scaled(channels: int, factor: float) -> int:
    """Rounded to a multiple of eight, never more than a tenth down."""
    wanted = channels * factor
    rounded = max(_DIVISOR, int(wanted + _DIVISOR / 2) // _DIVISOR * _DIVISOR)
    return rounded if rounded >= 0.9 * wanted else rounded + _DIVISOR
