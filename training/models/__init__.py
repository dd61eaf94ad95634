"""Network architectures, made by name from a recipe."""

from __future__ import annotations

from torch import nn

from ..config import ModelConfig
from ..errors import TrainingError
from .alexnet import AlexNet

__all__ = ['AlexNet', 'build']


def build(config: ModelConfig) -> nn.Module:
    """The untrained network of a recipe.

    Raises:
        TrainingError: The recipe names an unknown architecture.
    """
    if config.arch == 'alexnet':
        return AlexNet(
            batch_norm=config.batch_norm, dropout=config.dropout, fc_ranks=config.fc_ranks
        )
    raise TrainingError(f'unknown architecture "{config.arch}" (known: alexnet)')
