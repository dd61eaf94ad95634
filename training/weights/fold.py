"""Folds batch norms into the layers before them, so that the exported graph has none."""

from __future__ import annotations

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval


def fold_batch_norm(network: nn.Module) -> nn.Module:
    """Replaces each convolution or linear layer and the batch norm behind it by one layer.

    Args:
        network: In evaluation mode; changed in place. Only neighbours within an `nn.Sequential`
            are folded, others stay as they are.

    Returns:
        The same network.
    """
    for name, child in network.named_children():
        if isinstance(child, nn.Sequential):
            setattr(network, name, nn.Sequential(*_folded(list(child))))
        else:
            fold_batch_norm(child)
    return network


def _folded(layers: list[nn.Module]) -> list[nn.Module]:
    result: list[nn.Module] = []
    for layer in layers:
        before = result[-1] if result else None
        if isinstance(layer, nn.BatchNorm2d) and isinstance(before, nn.Conv2d):
            result[-1] = fuse_conv_bn_eval(before, layer)
        elif isinstance(layer, nn.BatchNorm1d) and isinstance(before, nn.Linear):
            result[-1] = fuse_linear_bn_eval(before, layer)
        else:
            result.append(fold_batch_norm(layer))
    return result
