"""Network architectures, made by name from a recipe."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from training.config import ALEXNET_WIDTHS, FC_WIDTH, STRIDE, ModelConfig
from training.errors import TrainingError
from training.models import resnet9
from training.models.alexnet import AlexNet
from training.models.efficientnet_lite import SCALES, EfficientNetLite
from training.models.heads import logits_by_label_set
from training.models.layers import COLOURS, channels_last
from training.models.mini_xception import MiniXception
from training.models.resnet9 import ResNet9
from training.models.resnet50v2 import ResNet50V2
from training.models.small_cnn import SmallCnn
from training.models.vgg16 import Vgg16

__all__ = [
    'ARCHITECTURES',
    'AlexNet',
    'EfficientNetLite',
    'MiniXception',
    'ResNet9',
    'ResNet50V2',
    'SmallCnn',
    'Vgg16',
    'build',
    'channels_last',
    'check_size',
    'logits_by_label_set',
    'planes',
]


def build(config: ModelConfig) -> nn.Module:
    """The untrained network of a recipe.

    Raises:
        TrainingError: The recipe names an unknown architecture, or an option it has not.
    """
    if config.arch not in ARCHITECTURES:
        raise TrainingError(
            f'unknown architecture "{config.arch}" (known: {", ".join(ARCHITECTURES)})'
        )
    return ARCHITECTURES[config.arch](config)


def planes(grey: Tensor, config: ModelConfig) -> Tensor:
    """Grey images as a network in training takes them.

    Args:
        grey: float32 `[n, 1, s, s]`, normalised.
        config: The network.

    Returns:
        float32 `[n, 3, s, s]`, three equal planes; of a grey network `[n, 1, s, s]`, which would
        only put them together again.
    """
    if config.grey:
        return grey
    # Channels-last is the fastest layout on a CPU (measured).
    return grey.expand(-1, COLOURS, -1, -1).contiguous(memory_format=torch.channels_last)


def check_size(config: ModelConfig, size: int) -> None:
    """Refuses images too small for the network's strides and poolings.

    Args:
        config: The network.
        size: Side of the images in pixels.

    Raises:
        TrainingError: The network cannot take images of that size.
    """
    with torch.device('meta'):  # shapes only, nothing is computed
        network, faces = build(config).eval(), torch.empty(1, 3, size, size)
        try:
            network(faces)
        except RuntimeError as error:
            raise TrainingError(
                f'{config.arch} cannot take images of {size} pixels: use larger train.phases'
            ) from error


_ALEXNET = ('grey', 'stride', 'conv_ranks', 'fc_ranks', 'widths', 'votes')


def _alexnet(config: ModelConfig) -> nn.Module:
    _refuse(config, 'fc_width', 'side')
    return AlexNet(
        batch_norm=config.batch_norm,
        dropout=config.dropout,
        grey=config.grey,
        stride=config.stride,
        conv_ranks=config.conv_ranks,
        widths=config.widths or ALEXNET_WIDTHS,
        fc_ranks=config.fc_ranks,
        votes=config.votes,
    )


def _small_cnn(config: ModelConfig) -> nn.Module:
    _refuse(config, *_ALEXNET, 'fc_width', 'side')
    return SmallCnn(batch_norm=config.batch_norm, dropout=config.dropout)


def _vgg16(config: ModelConfig) -> nn.Module:
    _refuse(config, *_ALEXNET)
    return Vgg16(
        batch_norm=config.batch_norm,
        dropout=config.dropout,
        fc_width=config.fc_width,
        side=config.side,
    )


def _resnet50v2(config: ModelConfig) -> nn.Module:
    _refuse(config, *_ALEXNET, 'fc_width', 'batch_norm')
    return ResNet50V2(dropout=config.dropout, side=config.side)


def _efficientnet_lite(scale: int, config: ModelConfig) -> nn.Module:
    _refuse(config, *_ALEXNET[:-1], 'fc_width', 'batch_norm')
    return EfficientNetLite(scale, dropout=config.dropout, side=config.side, votes=config.votes)


def _resnet9(config: ModelConfig) -> nn.Module:
    _refuse(config, *_ALEXNET[:-2], 'fc_width', 'side', 'batch_norm')
    return ResNet9(
        widths=config.widths or resnet9.WIDTHS, dropout=config.dropout, votes=config.votes
    )


def _mini_xception(config: ModelConfig) -> nn.Module:
    _refuse(config, *_ALEXNET, 'fc_width', 'side', 'batch_norm')
    return MiniXception(dropout=config.dropout)


def _refuse(config: ModelConfig, *options: str) -> None:
    """An option without effect would make a recipe say something that is not so."""
    usual = {
        'grey': False,
        'stride': STRIDE,
        'conv_ranks': None,
        'widths': None,
        'fc_ranks': None,
        'votes': False,
        'fc_width': FC_WIDTH,
        'side': None,
        'batch_norm': True,
    }
    for option in options:
        if getattr(config, option) != usual[option]:
            raise TrainingError(
                f'architecture {config.arch} has no choice of model.{option}: '
                'remove it from the recipe'
            )


ARCHITECTURES: dict[str, Callable[[ModelConfig], nn.Module]] = {
    'alexnet': _alexnet,
    'small_cnn': _small_cnn,
    'vgg16': _vgg16,
    'resnet50v2': _resnet50v2,
    'mini_xception': _mini_xception,
    'resnet9': _resnet9,
    **{f'efficientnet_lite{scale}': partial(_efficientnet_lite, scale) for scale in SCALES},
}
