"""Batch norms for weights that come without: never there, or folded into them by an export."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from training.weights.transfer import State, layers


@torch.no_grad()
def calibrate(network: nn.Module, shifts: Mapping[str, Tensor], faces: Tensor) -> None:
    """Makes batch norms add a bias and nothing else, for the weights that came without them.

    One pass over images measures the mean and the variance of what arrives at each of them;
    scale and shift then undo the normalisation. With its running statistics the network computes
    what it did without batch norms, exactly; with those of a batch, as in training, nearly.

    Args:
        network: Weights loaded; changed in place, its mode is kept.
        shifts: float32 `[channels]` to add, by name of the batch norm.
        faces: float32 `[n, 3, s, s]` as in training, n at least 2.
    """
    handles = [
        network.get_submodule(name).register_forward_pre_hook(partial(_calibrate, shift))
        for name, shift in shifts.items()
    ]
    training = network.training
    try:
        network.eval()(faces)
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()


def _calibrate(shift: Tensor, norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """A hook before a batch norm: sets it by the first batch that it gets."""
    if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
        raise TypeError(f'{type(norm).__name__} is no batch norm')
    maps = inputs[0]
    channels = [dim for dim in range(maps.ndim) if dim != 1]
    variance, mean = torch.var_mean(maps, channels, correction=0)
    values = {
        'running_mean': mean,
        'running_var': variance,
        'weight': (variance + norm.eps).sqrt(),
        'bias': mean + shift,
    }
    norm.load_state_dict(values, strict=False)


@torch.no_grad()
def resize(network: nn.Module, norms: Collection[str], fresh: State) -> None:
    """Gives the weights before batch norms the size of fresh ones; changes no prediction.

    A batch norm undoes the scale of what it gets, so the size of those weights only decides how far
    a step of a given learning rate turns them (van Laarhoven 2017). Folded together with the norms,
    they can be a fiftieth of a fresh layer's, and the first steps would tear them apart.

    Args:
        network: Changed in place; its batch norms hold the statistics of the present weights.
        norms: Names of the batch norms to look before.
        fresh: Weights as they are initialised, named as in the network.
    """
    state = network.state_dict()  # shares its memory with the network
    for layer in layers(network):
        if layer.norm is None or layer.norm not in norms:
            continue
        *first, last = (f'{name}.weight' for name in layer.weights)
        scale = torch.ones(())
        for half in first:
            factor = _factor(state[half].flatten(), fresh[half].flatten())
            state[half] *= factor
            scale = scale * factor
        rows = _factor(state[last].flatten(1), fresh[last].flatten(1))
        state[last] *= rows.reshape(-1, *[1] * (state[last].ndim - 1))
        scale = scale * rows
        bias = f'{layer.weights[-1]}.bias'
        if bias in state:
            state[bias] *= scale
        _resize_norm(network.get_submodule(layer.norm), scale)


def _resize_norm(norm: nn.Module, scale: Tensor) -> None:
    """Statistics of inputs that are `scale` times as large; the outputs stay, whatever its eps."""
    if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
        return
    values = norm.state_dict()  # shares its memory with the norm
    before = (values['running_var'] + norm.eps).sqrt() * scale
    values['running_mean'] *= scale
    values['running_var'] *= scale.square()
    values['weight'] *= (values['running_var'] + norm.eps).sqrt() / before


def _factor(own: Tensor, fresh: Tensor) -> Tensor:
    """What brings vectors to the mean length of fresh ones; 1 for those without any."""
    lengths = own.norm(dim=-1)
    return torch.where(lengths > 0, fresh.norm(dim=-1).mean() / lengths, 1.0)
