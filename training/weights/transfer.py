"""Carries weights from one network into another of the same architecture, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from training.errors import TrainingError
from training.models.alexnet import MAPS
from training.models.heads import VOTES
from training.weights.factorise import (
    Factors,
    factorise,
    factorise_convolution,
    fold_grid,
    grey_blocks,
    product,
)

State = dict[str, Tensor]
_NORM_PARTS = ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked')


@dataclass(frozen=True)
class Layer:
    """A convolution or a fully connected layer.

    Attributes:
        weights: Names of its modules: one, or the two thin halves of a factorised layer.
        norm: Name of the next batch norm, if it comes before any other layer.
    """

    weights: tuple[str, ...]
    norm: str | None = None

    @property
    def name(self) -> str:
        """Name of its first module."""
        return self.weights[0]


@dataclass
class Carried:
    """What one network's weights are in another.

    Attributes:
        values: Named as in the other network.
        shifts: float32 `[channels]` by name of a batch norm that the weights come without: what
            stood behind the layer in its place, a bias (or zero).
        factors: Layers that were factorised on the way, by their name in the other network.
        skipped: Layers that do not fit, by their name in the first network.
    """

    values: State = field(default_factory=dict)
    shifts: State = field(default_factory=dict)
    factors: dict[str, Factors] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def layers(network: nn.Module) -> list[Layer]:
    """All layers in the order of their definition, which is that of the computation.

    (A shortcut's convolution stands where the architecture defines it; two networks of one
    architecture agree on that, whatever their options.)
    """
    found: list[Layer] = []
    half: str | None = None
    for name, module in network.named_modules():
        if name == VOTES:
            continue  # no layer more, but another last one: `carry` knows it
        if isinstance(module, nn.Conv2d | nn.Linear) and half is not None:
            found.append(Layer((half, name)))
            half = None
        elif _is_first_half(module):
            half = name
        elif isinstance(module, nn.Conv2d | nn.Linear):
            found.append(Layer((name,)))
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) and found:
            found[-1] = replace(found[-1], norm=name)
    return found


def _is_first_half(module: nn.Module) -> bool:
    if isinstance(module, nn.Conv2d):
        height, width = module.kernel_size
        return height > width  # a vertical convolution always has its horizontal one behind it
    return isinstance(module, nn.Linear) and module.bias is None


def check(state: State, network: nn.Module, what: str) -> None:
    """Refuses weights that are not those of a network; what is more than that may stay.

    Args:
        state: Named as in the network.
        network: On any device; its last layer is not looked for.
        what: The file and what it should hold, for the message.

    Raises:
        TrainingError: A tensor is missing or has another shape.
    """
    last = layers(network)[-1].name
    for name, value in network.state_dict().items():
        if name.startswith(f'{last}.') or name.endswith('.num_batches_tracked'):
            continue
        if name not in state:
            raise TrainingError(f'model.init: {what}: it lacks {name}')
        if state[name].shape != value.shape:
            raise TrainingError(
                f'model.init: {what}: {name} has the shape {_shape(state[name])}, '
                f'not {_shape(value)}'
            )


def _shape(value: Tensor) -> str:
    return 'x'.join(map(str, value.shape)) or 'scalar'


def absorb_biases(state: State, network: nn.Module) -> State:
    """Moves the biases of convolutions into the batch norms behind them; exact in every mode.

    A batch norm takes the mean away and with it any constant, so (x + b) - mean = x - (mean - b).

    Args:
        state: Weights with biases that the network has no use for.
        network: Names the layers; has no such biases.

    Returns:
        A new state.
    """
    result = dict(state)
    wanted = network.state_dict()
    for layer in layers(network):
        name = f'{layer.weights[-1]}.bias'
        if layer.norm is not None and name in result and name not in wanted:
            mean = f'{layer.norm}.running_mean'
            result[mean] = result[mean] - result.pop(name)
    return result


def renormalise(
    state: State,
    network: nn.Module,
    trained: tuple[Sequence[float], Sequence[float]],
    given: tuple[float, float],
) -> State:
    """Folds another normalisation of the images into the first convolution.

    A network trained on (g - M_c) / S_c per channel gets (g - m) / s of a grey g: the filters of
    channel c times s / S_c, and the sum of all their weights times (m - M_c) / S_c as a bias (or
    out of the mean of the batch norm that follows), give the same logits. Exact but for the zero
    padding of the first convolution: beyond the image's edge lies the grey m instead of M_c.

    Args:
        state: Named as in the network.
        network: Names the layers.
        trained: Mean and standard deviation of the weights' own images, three channels each.
        given: Grey mean and standard deviation of the present images.

    Returns:
        A new state.
    """
    first = layers(network)[0]
    filters = state[f'{first.name}.weight']
    # The channels of a grey network are pixels of one plane.
    channels = slice(None) if filters.shape[1] == len(trained[0]) else slice(1)
    own_mean, own_std = (torch.tensor(values)[None, channels, None, None] for values in trained)
    mean, std = given
    offset = (filters * (mean - own_mean) / own_std).sum(dim=(1, 2, 3))
    result = {**state, f'{first.name}.weight': filters * std / own_std}
    bias = f'{first.name}.bias'
    if bias in state:
        result[bias] = state[bias] + offset
    elif first.norm is not None:
        running = f'{first.norm}.running_mean'
        result[running] = state[running] - offset
    return result


def carry(state: State, source: nn.Module, target: nn.Module) -> Carried:
    """Renames weights for another network of the same architecture, factorising where it does.

    Args:
        state: Named as in `source`; layers without weights there are left out.
        source: Names the layers; its own values are not looked at.
        target: May have other ranks, no biases before batch norms, or batch norms where the
            source has none.
    """
    result = Carried()
    shapes = {name: value.shape for name, value in target.state_dict().items()}
    for old, new in zip(layers(source), layers(target), strict=True):
        if f'{old.name}.weight' not in state:
            continue
        weights = _weights(state, old, new, shapes, result)
        if weights is None:
            result.skipped.append(old.name)
            continue
        result.values.update(weights)
        _carry_bias_and_norm(state, old, new, shapes, result)
    _carry_votes(state, layers(target)[-1].name, shapes, result)
    return result


def _carry_votes(
    state: State, last: str, shapes: Mapping[str, torch.Size], result: Carried
) -> None:
    """The votes' own layer starts from the source's, or else as a copy of the last layer."""
    for part in ('weight', 'bias'):
        name = f'{VOTES}.{part}'
        value = state.get(name, result.values.get(f'{last}.{part}'))
        if name in shapes and value is not None:
            result.values[name] = value.clone()


def _weights(
    state: State, old: Layer, new: Layer, shapes: Mapping[str, torch.Size], result: Carried
) -> State | None:
    """The weights of one layer under their new names, or None where they do not fit."""
    values = [state[f'{name}.weight'] for name in old.weights]
    names = [f'{name}.weight' for name in new.weights]
    wanted = [shapes[name] for name in names]
    if len(wanted[0]) == 2 and values[0].ndim == 2:
        values[0] = fold_grid(values[0], MAPS, wanted[0][1])
    if [value.shape for value in values] == wanted:
        return dict(zip(names, values, strict=True))
    dense = values[0] if len(values) == 1 else product(*values)
    if len(names) == 2:
        if dense.shape != _product_shape(*wanted):
            return None
        split = factorise if dense.ndim == 2 else factorise_convolution
        factors = split(dense, wanted[0][0])
        result.factors[new.name] = factors
        return dict(zip(names, (factors.first, factors.second), strict=True))
    if dense.ndim == 4 and dense.shape[1] == 3:
        dense = grey_blocks(dense, math.isqrt(wanted[0][1]))
    return {names[0]: dense} if dense.shape == wanted[0] else None


def _product_shape(first: torch.Size, second: torch.Size) -> tuple[int, ...]:
    if len(first) == 2:
        return second[0], first[1]
    return second[0], first[1], first[2], second[3]


def _carry_bias_and_norm(
    state: State, old: Layer, new: Layer, shapes: Mapping[str, torch.Size], result: Carried
) -> None:
    bias = state.get(f'{old.weights[-1]}.bias')
    name = f'{new.weights[-1]}.bias'
    if bias is not None and name in shapes:
        result.values[name] = bias
        bias = None
    if new.norm is None:
        return
    if old.norm is None:
        channels = shapes[f'{new.norm}.weight']
        result.shifts[new.norm] = torch.zeros(channels) if bias is None else bias
        return
    for part in _NORM_PARTS:
        if f'{old.norm}.{part}' in state:
            result.values[f'{new.norm}.{part}'] = state[f'{old.norm}.{part}']
