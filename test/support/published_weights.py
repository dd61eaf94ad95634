"""Made weights under the publishers' names, and what the published networks compute from them.

The networks are written down once more here, as functions of the state dict: a test that compares
with them knows nothing of the project's own architectures.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]
TORCHVISION = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
# (index in `features`, output and input channels, kernel, stride, padding, pooling behind it)
ALEXNET = (
    (0, 64, 3, 11, 4, 2, True),
    (3, 192, 64, 5, 1, 2, True),
    (6, 384, 192, 3, 1, 1, False),
    (8, 256, 384, 3, 1, 1, False),
    (10, 256, 256, 3, 1, 1, True),
)
# (kernel, stride, expansion, output channels) of each block of efficientnet-lite0
LITE0 = (
    (3, 1, 1, 16),
    *((3, 2, 6, 24), (3, 1, 6, 24)),
    *((5, 2, 6, 40), (5, 1, 6, 40)),
    *((3, 2, 6, 80), (3, 1, 6, 80), (3, 1, 6, 80)),
    *((5, 1, 6, 112), (5, 1, 6, 112), (5, 1, 6, 112)),
    *((5, 2, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192), (5, 1, 6, 192)),
    (3, 1, 6, 320),
)
VGG = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)


class Maker:
    """Random tensors of a useful scale."""

    def __init__(self) -> None:
        self.generator = torch.Generator().manual_seed(4)
        self.state: State = {}

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator)

    def layer(self, name: str, *shape: int, bias: bool = True) -> None:
        fan_in = torch.Size(shape[1:]).numel()
        self.state[f'{name}.weight'] = self.normal(*shape) * (2 / fan_in) ** 0.5
        if bias:
            self.state[f'{name}.bias'] = self.normal(shape[0]) * 0.3

    def norm(self, name: str, channels: int) -> None:
        self.state[f'{name}.weight'] = 1 + 0.2 * self.normal(channels)
        self.state[f'{name}.bias'] = 0.2 * self.normal(channels)
        self.state[f'{name}.running_mean'] = 0.3 * self.normal(channels)
        self.state[f'{name}.running_var'] = 1 + 0.5 * torch.rand(channels, generator=self.generator)


def alexnet(hidden: int = 4096) -> State:
    """torchvision's alexnet, 61.1 million weights with its 4,096 hidden units."""
    maker = Maker()
    for index, outputs, inputs, kernel, *_ in ALEXNET:
        maker.layer(f'features.{index}', outputs, inputs, kernel, kernel)
    maker.layer('classifier.1', hidden, 9216)
    maker.layer('classifier.4', hidden, hidden)
    maker.layer('classifier.6', 1000, hidden)
    return maker.state


def vgg16(batch_norm: bool, hidden: int = 4096) -> State:
    """torchvision's vgg16 or vgg16_bn; of the fully connected layers only the shapes are real."""
    maker = Maker()
    inputs, index = 3, 0
    for outputs in VGG:
        if not outputs:
            index += 1
            continue
        maker.layer(f'features.{index}', outputs, inputs, 3, 3)
        if batch_norm:
            maker.norm(f'features.{index + 1}', outputs)
        index += 3 if batch_norm else 2
        inputs = outputs
    shapes = {0: (hidden, 25088), 3: (hidden, hidden), 6: (1000, hidden)}
    for index, shape in shapes.items():
        # One number seen 103 million times needs no memory.
        maker.state[f'classifier.{index}.weight'] = torch.zeros(()).expand(shape)
        maker.state[f'classifier.{index}.bias'] = torch.zeros(shape[0])
    return maker.state


def resnetv2_50() -> State:
    """timm's resnetv2_50."""
    maker = Maker()
    maker.layer('stem.conv', 64, 3, 7, 7, bias=False)
    inputs = 64
    for stage, depth in enumerate((3, 4, 6, 3)):
        width = 64 * 2**stage
        for block in range(depth):
            name = f'stages.{stage}.blocks.{block}'
            if block == 0:
                maker.layer(f'{name}.downsample.conv', 4 * width, inputs, 1, 1, bias=False)
            maker.norm(f'{name}.norm1', inputs)
            maker.layer(f'{name}.conv1', width, inputs, 1, 1, bias=False)
            maker.norm(f'{name}.norm2', width)
            maker.layer(f'{name}.conv2', width, width, 3, 3, bias=False)
            maker.norm(f'{name}.norm3', width)
            maker.layer(f'{name}.conv3', 4 * width, width, 1, 1, bias=False)
            inputs = 4 * width
    maker.norm('norm', inputs)
    maker.layer('head.fc', 1000, inputs, 1, 1)
    return maker.state


def efficientnet_lite0() -> State:
    """efficientnet_lite_pytorch's efficientnet-lite0."""
    maker = Maker()
    maker.layer('_conv_stem', 32, 3, 3, 3, bias=False)
    maker.norm('_bn0', 32)
    inputs = 32
    for index, (kernel, _, expansion, outputs) in enumerate(LITE0):
        name, wide = f'_blocks.{index}', inputs * expansion
        if expansion > 1:
            maker.layer(f'{name}._expand_conv', wide, inputs, 1, 1, bias=False)
            maker.norm(f'{name}._bn0', wide)
        maker.layer(f'{name}._depthwise_conv', wide, 1, kernel, kernel, bias=False)
        maker.norm(f'{name}._bn1', wide)
        maker.layer(f'{name}._project_conv', outputs, wide, 1, 1, bias=False)
        maker.norm(f'{name}._bn2', outputs)
        inputs = outputs
    maker.layer('_conv_head', 1280, inputs, 1, 1, bias=False)
    maker.norm('_bn1', 1280)
    maker.layer('_fc', 1000, 1280)
    return maker.state


def colour(
    grey: Tensor, edge: float, padding: int | tuple[int, ...], statistics=TORCHVISION
) -> Tensor:
    """What the published network sees of grey images in 0..1 with an edge of one grey."""
    mean, std = (torch.tensor(values)[None, :, None, None] for values in statistics)
    sides = (padding,) * 4 if isinstance(padding, int) else padding
    padded = F.pad(grey, sides, value=edge)
    return (padded.expand(-1, 3, -1, -1) - mean) / std


def alexnet_features(state: State, grey: Tensor, edge: float) -> Tensor:
    """The 4,096 numbers before the last layer."""
    maps = colour(grey, edge, 2)
    for index, *_, stride, padding, pool in ALEXNET:
        weight, bias = state[f'features.{index}.weight'], state[f'features.{index}.bias']
        maps = F.relu(F.conv2d(maps, weight, bias, stride, padding if index else 0))
        maps = F.max_pool2d(maps, 3, 2) if pool else maps
    values = F.adaptive_avg_pool2d(maps, 6).flatten(1)
    for index in (1, 4):
        weight, bias = state[f'classifier.{index}.weight'], state[f'classifier.{index}.bias']
        values = F.relu(F.linear(values, weight, bias))
    return values


def vgg16_maps(state: State, grey: Tensor, edge: float, batch_norm: bool) -> Tensor:
    """The maps before the fully connected layers, at a multiple of 32 pixels."""
    maps, index = colour(grey, edge, 1), 0
    for outputs in VGG:
        if not outputs:
            maps = F.max_pool2d(maps, 2)
            index += 1
            continue
        weight, bias = state[f'features.{index}.weight'], state[f'features.{index}.bias']
        maps = F.conv2d(maps, weight, bias, padding=1 if index else 0)
        if batch_norm:
            maps = norm(state, f'features.{index + 1}', maps)
        maps = F.relu(maps)
        index += 3 if batch_norm else 2
    return maps


def norm(state: State, name: str, maps: Tensor, eps: float = 1e-5) -> Tensor:
    """A batch norm with its running statistics."""
    parts = (state[f'{name}.{part}'] for part in ('running_mean', 'running_var', 'weight', 'bias'))
    return F.batch_norm(maps, *parts, eps=eps)


def resnetv2_50_features(state: State, grey: Tensor, edge: float) -> Tensor:
    """The 2,048 numbers before the last layer."""
    maps = F.conv2d(colour(grey, edge, 3, HALF), state['stem.conv.weight'], stride=2)
    maps = F.max_pool2d(maps, 3, 2, 1)
    for stage, depth in enumerate((3, 4, 6, 3)):
        for block in range(depth):
            name = f'stages.{stage}.blocks.{block}'
            stride = 2 if stage and not block else 1
            active = F.relu(norm(state, f'{name}.norm1', maps))
            shortcut = maps
            if not block:
                weight = state[f'{name}.downsample.conv.weight']
                shortcut = F.conv2d(active, weight, stride=stride)
            inner = F.conv2d(active, state[f'{name}.conv1.weight'])
            inner = F.relu(norm(state, f'{name}.norm2', inner))
            inner = F.conv2d(inner, state[f'{name}.conv2.weight'], stride=stride, padding=1)
            inner = F.relu(norm(state, f'{name}.norm3', inner))
            maps = shortcut + F.conv2d(inner, state[f'{name}.conv3.weight'])
    return F.relu(norm(state, 'norm', maps)).mean(dim=(2, 3))


def efficientnet_lite0_features(state: State, grey: Tensor, edge: float) -> Tensor:
    """The 1,280 numbers before the last layer, at a multiple of 32 pixels.

    There TensorFlow's padding of a stride of 2 has one more zero behind than before.
    """

    def step(prefix: str, layer: str, number: int, maps: Tensor, stride: int = 1) -> Tensor:
        weight = state[f'{prefix}{layer}.weight']
        before = (weight.shape[-1] - stride) // 2
        behind = weight.shape[-1] - stride - before
        maps = F.pad(maps, [before, behind] * 2)
        groups = maps.shape[1] // weight.shape[1]
        maps = F.conv2d(maps, weight, stride=stride, groups=groups)
        return norm(state, f'{prefix}_bn{number}', maps, eps=1e-3)

    # The grey edge stands in for the stem's own zeros: it gets its pixels already padded.
    stem = F.conv2d(colour(grey, edge, (0, 1, 0, 1)), state['_conv_stem.weight'], stride=2)
    maps = F.relu6(norm(state, '_bn0', stem, eps=1e-3))
    for index, (_, stride, expansion, _) in enumerate(LITE0):
        name, inner = f'_blocks.{index}.', maps
        if expansion > 1:
            inner = F.relu6(step(name, '_expand_conv', 0, inner))
        inner = F.relu6(step(name, '_depthwise_conv', 1, inner, stride))
        inner = step(name, '_project_conv', 2, inner)
        maps = maps + inner if maps.shape == inner.shape else inner
    return F.relu6(step('', '_conv_head', 1, maps)).mean(dim=(2, 3))
