"""Starting weights: ImageNet's, or those of an earlier run, instead of random ones.

The recipe's `model.init` says which:

- `imagenet`: the published weights of the architecture, from the hub or an installed package;
- a `.pth` file: the same file, downloaded by hand;
- a run folder (its `best.ckpt`) or a `.ckpt`: all weights of that run, averaged where it averages;
- an exported `.onnx` file with its manifest, such as the shipped one.

Where the recipe's AlexNet has `conv_ranks` or `fc_ranks` and the source full layers, these are
factorised: a recipe that starts from a run of the full network is SVD compression with fine-tuning.
Where it is `grey` and the source is not, the filters of the three channels are summed. Where its
`stride` is another, its maps are too: smaller ones stand for those of the source enlarged, larger
ones for their means. Where it has `votes` and the source has not, the second last layer starts as
the first.

ImageNet's last layer with its 1,000 classes stays behind; ours starts fresh. The published AlexNet
has no batch norms; where the recipe asks for them they start as the published biases
(`norms.calibrate`): the network begins as the very function that was published, and is trained
with the learning rates that batch norms allow.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from emotion_perception.inference.manifest import sha256_of
from emotion_perception.inference.preprocessing import correct_exposure
from training import checkpoint
from training.config import EXPOSURE, FC_WIDTH, STRIDE, ModelConfig, Recipe
from training.dataset import augment
from training.errors import TrainingError
from training.models import build
from training.run_files import checkpoint_of, read_facts
from training.weights import imagenet, norms, shipped, transfer
from training.weights.transfer import Carried, State

IMAGENET = 'imagenet'
CALIBRATION_IMAGES = 256
# What two networks may differ in and still share their weights.
_FREE = ('dropout', 'stride', 'conv_ranks', 'fc_ranks', 'votes', 'side', 'init')


@dataclass(frozen=True)
class Start:
    """What a run started from.

    Attributes:
        source: Address or path of the file.
        sha256: Of the file.
        loaded: Layers with weights from there, by their name in the network.
        factorised: Share of the squared norm kept, 0..1, by name of a factorised layer.
        calibrated: Batch norms set by training images, the source having none.
        fresh: Layers that stay random.
        skipped: Layers of the source that do not fit.
    """

    source: str
    sha256: str
    loaded: tuple[str, ...]
    factorised: dict[str, float]
    calibrated: tuple[str, ...]
    fresh: tuple[str, ...]
    skipped: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """For a JSON file."""
        return json.loads(json.dumps(dataclasses.asdict(self)))  # type: ignore[no-any-return]

    def line(self) -> str:
        """One line for the console."""
        parts = [f'{len(self.loaded)} layers loaded']
        parts += [
            f'{name} factorised (keeps {kept:.1%} of its squared norm)'
            for name, kept in self.factorised.items()
        ]
        if self.calibrated:
            parts.append(f'{len(self.calibrated)} batch norms calibrated')
        for what, names in (('fresh', self.fresh), ('skipped', self.skipped)):
            if names:
                parts.append(f'{what}: {" ".join(names)}')
        return f'start from {self.source}: ' + ', '.join(parts)


class Untrained(Protocol):
    """A network that is about to train; `fit.module.Classifier` has one."""

    recipe: Recipe
    network: nn.Module
    mean: float
    std: float


@dataclass(frozen=True)
class _Source:
    """Weights to start from, named as in a network whose values do not matter."""

    path: Path
    name: str
    state: State
    network: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    left: tuple[str, ...] = ()


def start(module: Untrained, images: NDArray[np.uint8]) -> Start | None:
    """Loads the recipe's starting weights into a module that is about to train.

    Args:
        module: Its network is changed in place.
        images: uint8 `[n, 48, 48]`, Training images to calibrate batch norms with.

    Returns:
        What was loaded; None where the recipe has no `model.init` (nothing is changed then).

    Raises:
        TrainingError: The source is missing, damaged, cannot be fetched, or is another network.
    """
    config = module.recipe.model
    if config.init is None:
        return None
    source = _source(config, config.init)
    grey = (module.mean, module.std)
    state = source.state
    if source.mean != (module.mean,) * 3 or source.std != (module.std,) * 3:
        state = transfer.renormalise(state, source.network, (source.mean, source.std), grey)
    carried = transfer.carry(state, source.network, module.network)
    fresh = copy.deepcopy(module.network.state_dict()) if carried.shifts else {}
    module.network.load_state_dict(carried.values, strict=False)
    if carried.shifts:
        norms.calibrate(module.network, carried.shifts, _faces(module, images))
        norms.resize(module.network, carried.shifts, fresh)
    return _summary(source, carried, module.network)


def recorded(run: Path) -> dict[str, Any] | None:
    """What an earlier session of a run started from, as it wrote it down."""
    init = (read_facts(run) or {}).get('init')
    return init if isinstance(init, dict) else None


def _source(config: ModelConfig, init: str) -> _Source:
    if init == IMAGENET:
        published = imagenet.published(config)
        content, path = imagenet.obtain(published)
        return _from_published(config, published, content, path, published.url)
    path = checkpoint_of(Path(init))
    if path.suffix == '.ckpt':
        return _from_run(config, path)
    if not path.is_file():
        raise TrainingError(
            f'model.init: there is no {init}: give "{IMAGENET}", a .pth file, a run folder, or an '
            'exported .onnx file'
        )
    if path.suffix == '.onnx':
        return _from_shipped(config, path)
    published = imagenet.published(config)
    return _from_published(config, published, imagenet.read(path), path, init)


def _from_published(
    config: ModelConfig, published: imagenet.Published, content: Any, path: Path, name: str
) -> _Source:
    """The published network is ours with the publisher's options."""
    state = imagenet.translate(content, published, path)
    options = dataclasses.replace(
        config,
        batch_norm=published.batch_norm,
        grey=False,
        stride=STRIDE,
        conv_ranks=None,
        widths=None,
        fc_ranks=None,
        votes=False,
        fc_width=FC_WIDTH,
    )
    with torch.device('meta'):
        network = build(options)
    transfer.check(state, network, f'{path} is not {published.architecture}')
    state = transfer.absorb_biases(state, network)
    return _Source(path, name, state, network, published.mean, published.std, (published.last,))


def _from_run(config: ModelConfig, path: Path) -> _Source:
    trained = checkpoint.load(path)
    _check_same(config, trained.recipe.model, path)
    mean, std = (trained.mean,) * 3, (trained.std,) * 3
    return _Source(path, str(path), trained.network.state_dict(), trained.network, mean, std)


def _from_shipped(config: ModelConfig, path: Path) -> _Source:
    found = shipped.read(path)
    _check_same(config, found.model, path)
    mean, std = (found.mean,) * 3, (found.std,) * 3
    return _Source(path, str(path), found.state, found.network, mean, std)


def _check_same(config: ModelConfig, trained: ModelConfig, path: Path) -> None:
    for field in dataclasses.fields(ModelConfig):
        theirs, ours = (getattr(c, field.name) for c in (trained, config))
        # The colours that a grey network has summed do not come back.
        free = field.name in _FREE or (field.name == 'grey' and ours)
        if not free and theirs != ours:
            raise TrainingError(
                f'model.init: {path} was trained with model.{field.name} {theirs}, the recipe says '
                f'{ours}: a run can start only from the same network'
            )


def _faces(module: Untrained, images: NDArray[np.uint8]) -> Tensor:
    """Training images spread over the file, as the network first gets them."""
    count = min(CALIBRATION_IMAGES, len(images))
    spread = np.linspace(0, len(images) - 1, count).astype(int)
    chosen = correct_exposure(np.asarray(images[spread]), EXPOSURE)
    faces = augment.resize(
        augment.to_unit(torch.from_numpy(chosen)), module.recipe.train.size_at(0)
    )
    return ((faces - module.mean) / module.std).expand(-1, 3, -1, -1)


def _summary(source: _Source, carried: Carried, network: nn.Module) -> Start:
    found = transfer.layers(network)
    loaded = [layer.name for layer in found if f'{layer.name}.weight' in carried.values]
    return Start(
        source=source.name,
        sha256=sha256_of(source.path),
        loaded=tuple(loaded),
        factorised={name: round(f.energy, 4) for name, f in carried.factors.items()},
        calibrated=tuple(carried.shifts),
        fresh=tuple(layer.name for layer in found if layer.name not in loaded),
        skipped=(*carried.skipped, *source.left),
    )
