"""Typed recipes: what a YAML file in `training/recipes/` may say, and nothing else."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from emotion_perception.inference.preprocessing import Exposure
from training.errors import TrainingError

FC_WIDTH = 4096
STRIDE = 4
ALEXNET_WIDTHS = (64, 192, 384, 256)  # of its first to fourth convolution, as published in 2014
INPUT_SIZE = 227
# Training and exported models correct underexposed faces alike.
EXPOSURE = Exposure()
ConvRanks = tuple[int | None, int | None, int | None, int | None]


@dataclass(frozen=True)
class DataConfig:
    """Which images and labels to train on.

    Attributes:
        drop_twins: Leave out Training images that also occur in PublicTest or PrivateTest.
        limit: Use only the first so many Training images; None for all.
        ferplus: Share of the FER+ votes in the training targets, 0..1; the rest is the original
            label. With `model.votes` each has a last layer of its own, and this is the share of
            that of the votes in the loss. The file of the votes comes from the command line
            (`--ferplus`).
        fold: `[k, n]` leaves out the k-th of n parts of Training (k from 1), chosen by the
            images' content, so that equal images fall into one part: what this run then predicts
            for that part (`teach`), it has not learnt by heart. None for all of Training.
    """

    drop_twins: bool = False
    limit: int | None = None
    ferplus: float = 0.0
    fold: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        _within('data.ferplus', self.ferplus, 0, 1)
        if self.fold is not None and not (self.fold[1] >= 2 and 1 <= self.fold[0] <= self.fold[1]):
            raise TrainingError(f'data.fold must be [k, n] with k from 1 to n, not {self.fold}')


@dataclass(frozen=True)
class ModelConfig:
    """Which network to train.

    Attributes:
        arch: `alexnet`, `small_cnn`, `vgg16`, `resnet9`, `resnet50v2`, `mini_xception`, or
            `efficientnet_lite0` to `efficientnet_lite2`.
        batch_norm: Batch normalisation after each convolution; resnet9, resnet50v2, mini_xception
            and efficientnet_lite cannot do without.
        dropout: Dropout probability before the fully connected layers (before the last layer
            where there is but one).
        grey: Whether the first convolution sees one grey plane in place of three equal ones, in
            blocks of 4x4 pixels; faster, and starting from a run without it changes no
            prediction.
            alexnet only.
        stride: Step of the first convolution in pixels: 4 as published, up to 8 where it is
            `grey`; alexnet only.
        conv_ranks: Ranks of the second to fifth convolution, each then a vertical one followed by
            a horizontal one, or None for full ones (all of them, or one in its place in the list);
            alexnet only.
        widths: Output channels of alexnet's first to fourth convolution (its fifth has 256), or of
            resnet9's four stages; None for the usual ones; these two only.
        fc_ranks: Ranks of factorised fully connected layers, or None for full ones; alexnet only.
        votes: A second last layer, taught by the FER+ votes while the first is taught by the
            original labels: no single one can follow both. alexnet, resnet9 and efficientnet_lite
            only.
        fc_width: Outputs of the hidden fully connected layers; vgg16 only.
        side: Larger images are brought to this side in pixels first, or None for all of the
            image; vgg16, resnet50v2 and efficientnet_lite only (small_cnn, mini_xception and
            resnet9 have sides of their own).
        init: Starting weights: `imagenet` (the published ones, from the hub or out of an installed
            package), a `.pth` file of the same, or a run folder, `.ckpt` or exported `.onnx` file
            of the same network, relative to the working directory; full layers are factorised
            where `conv_ranks` and `fc_ranks` ask for it. None for random weights.
    """

    arch: str = 'alexnet'
    batch_norm: bool = True
    dropout: float = 0.5
    grey: bool = False
    stride: int = STRIDE
    conv_ranks: ConvRanks | None = None
    widths: tuple[int, int, int, int] | None = None
    fc_ranks: tuple[int, int] | None = None
    votes: bool = False
    fc_width: int = FC_WIDTH
    side: int | None = None
    init: str | None = None

    def __post_init__(self) -> None:
        _within('model.dropout', self.dropout, 0, 1)
        _within('model.fc_width', self.fc_width, 1)
        if self.side is not None:
            _within('model.side', self.side, 32)
        _within('model.stride', self.stride, STRIDE, 2 * STRIDE)
        if self.stride != STRIDE and not self.grey:
            raise TrainingError('model.stride: only a grey network takes larger steps: grey: true')
        if self.widths == ALEXNET_WIDTHS and self.arch != 'resnet9':
            # Written down by versions that had no other default, whatever the network.
            object.__setattr__(self, 'widths', None)


@dataclass(frozen=True)
class AugmentConfig:
    """Ranges of the random changes; zero (false, or a crop of 1) switches one off.

    Attributes:
        rotation: Largest angle in degrees.
        zoom: Largest relative change of size.
        shift: Largest shift as a part of the width.
        flip: Mirror every second image.
        brightness: Largest change of the mean, as a part of the grey range.
        contrast: Largest relative change of contrast.
        noise: Largest standard deviation of a sensor's noise, as a part of the grey range; each
            image draws its own from zero on.
        erase: Share of images that lose a rectangle (Zhong et al. 2020).
        mixup: Blend each image and its target with another of the batch, by a weight from
            Beta(mixup, mixup) (Zhang et al. 2018; 0.2 is mild, 1 strong).
        crop: Smallest side of a random square crop as a part of the image's width, above 0;
            1 switches it off. 0.83 goes down to the field's 40 of 48 pixels.
    """

    rotation: float = 12.0
    zoom: float = 0.15
    shift: float = 0.15
    flip: bool = True
    brightness: float = 0.15
    contrast: float = 0.2
    noise: float = 0.0
    erase: float = 0.0
    mixup: float = 0.0
    crop: float = 1.0

    def __post_init__(self) -> None:
        _within('augment.noise', self.noise, 0, 1)
        _within('augment.erase', self.erase, 0, 1)
        _within('augment.mixup', self.mixup, 0)
        if not 0 < self.crop <= 1:
            raise TrainingError(
                f'augment.crop must be above 0 and at most 1 (1 switches it off), not {self.crop}'
            )


@dataclass(frozen=True)
class OptimConfig:
    """How the weights move.

    Attributes:
        name: `sgd` (with Nesterov momentum), `adam` (Kingma & Ba 2015, weight decay in the
            gradient) or `adamw` (Loshchilov & Hutter 2019, decoupled weight decay).
        lr: Highest learning rate; a phase may begin anew at its own.
        momentum: Momentum of SGD.
        weight_decay: Applied to weight matrices only, not to biases and batch norm.
        schedule: `cosine` over the whole run, or over each of its cycles (`Phase.lr`); or
            `plateau`: a cut whenever the accuracy on PublicTest stops to rise.
        warmup: Share of the run, or of a cycle, over which the learning rate rises (cosine only).
        final_lr: The cosine ends at this part of `lr`.
        plateau_factor: What one cut multiplies the learning rate by.
        plateau_patience: Epochs without a gain that are waited for before a cut.
        clip_norm: Longest gradient (0 switches clipping off).
    """

    name: Literal['sgd', 'adam', 'adamw'] = 'sgd'
    lr: float = 0.02
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: Literal['cosine', 'plateau'] = 'cosine'
    warmup: float = 0.05
    final_lr: float = 0.01
    plateau_factor: float = 0.5
    plateau_patience: int = 3
    clip_norm: float = 5.0

    def __post_init__(self) -> None:
        _within('optim.plateau_factor', self.plateau_factor, 0.001, 0.999)
        _within('optim.plateau_patience', self.plateau_patience, 0)


@dataclass(frozen=True)
class Phase:
    """A stretch of the run at one image size.

    Attributes:
        epochs: Number of epochs (of `TrainConfig.epoch_images` images).
        size: Side in pixels the images are warped to.
        mixup: In place of `AugmentConfig.mixup`; 0 lets a run end on unblended images.
        lr: Begins a new cycle of the learning rate, at most this high: a warm restart (Loshchilov &
            Hutter 2017). It spans this phase and those behind it that have none.
    """

    epochs: int
    size: int
    mixup: float | None = None
    lr: float | None = None

    def __post_init__(self) -> None:
        if self.mixup is not None:
            _within('train.phases: mixup', self.mixup, 0)
        if self.lr is not None and self.lr <= 0:
            raise TrainingError(f'train.phases: lr must be above 0, not {self.lr}')


@dataclass(frozen=True)
class TrainConfig:
    """The run itself.

    Attributes:
        phases: Progressive resizing: cheap small images first, the runtime's 227 last.
        batch_size: Images per step, in all processes together.
        epoch_images: Images between two validations and checkpoints; None for all.
        label_smoothing: Share of the target given to all classes alike.
        class_weights: Weigh classes by the inverse square root of their frequency.
        ema_decay: Decay of the averaged weights per step; 0 switches averaging off.
        patience: Stop early after so many epochs at the last size without a better accuracy on
            PublicTest; None trains to the end.
        precision: `fp32`, or `bf16`: the network (not the loss, the weights or the augmentation)
            runs in bfloat16 by autocast, on a CPU as on a GPU.
    """

    phases: tuple[Phase, ...] = (Phase(1, INPUT_SIZE),)
    batch_size: int = 64
    epoch_images: int | None = None
    label_smoothing: float = 0.1
    class_weights: bool = False
    ema_decay: float = 0.998
    patience: int | None = None
    precision: Literal['fp32', 'bf16'] = 'fp32'

    def __post_init__(self) -> None:
        if self.patience is not None:
            _within('train.patience', self.patience, 1)

    @property
    def epochs(self) -> int:
        """Length of the run."""
        return sum(phase.epochs for phase in self.phases)

    def phase_at(self, epoch: int) -> Phase:
        """The phase of an epoch, counted from 0."""
        for phase in self.phases:
            if epoch < phase.epochs:
                return phase
            epoch -= phase.epochs
        return self.phases[-1]

    def size_at(self, epoch: int) -> int:
        """Side of the training images in an epoch, counted from 0."""
        return self.phase_at(epoch).size

    def begins_at(self, epoch: int) -> bool:
        """Whether a size or a cycle of the learning rate begins at an epoch, counted from 0."""
        if epoch == 0:
            return True
        last, phase = self.phase_at(epoch - 1), self.phase_at(epoch)
        return phase is not last and (phase.lr is not None or phase.size != last.size)

    def cycle_at(self, epochs: float) -> tuple[float | None, float]:
        """The cycle of the learning rate that a run is in.

        Args:
            epochs: Done so far; may be a part of one.

        Returns:
            The cycle's highest learning rate, None for `OptimConfig.lr`, and the finished part of
            its work, 0..1, when each epoch costs its images' area: the few costly epochs at the
            last size still get a useful share of the schedule.
        """
        cycles = _cycles(self.phases)
        for cycle in cycles[:-1]:
            length = sum(phase.epochs for phase in cycle)
            if epochs < length:
                return cycle[0].lr, _progress(cycle, epochs)
            epochs -= length
        return cycles[-1][0].lr, _progress(cycles[-1], epochs)


def _cycles(phases: tuple[Phase, ...]) -> list[list[Phase]]:
    """The phases by cycle of the learning rate."""
    cycles: list[list[Phase]] = []
    for phase in phases:
        if phase.lr is not None or not cycles:
            cycles.append([])
        cycles[-1].append(phase)
    return cycles


def _progress(phases: list[Phase], epochs: float) -> float:
    done = total = 0.0
    for phase in phases:
        done += min(max(epochs, 0.0), phase.epochs) * phase.size**2
        total += phase.epochs * phase.size**2
        epochs -= phase.epochs
    return done / total


@dataclass(frozen=True)
class DistillConfig:
    """Learning from trained networks (Hinton et al. 2015).

    Attributes:
        teachers: Run folders (their `best.ckpt` is taken), checkpoints or exported `.onnx` files,
            relative to the working directory, whose probabilities for the augmented images
            themselves teach.
        answers: Files of `teach`, relative to the working directory, whose predictions for each
            image teach, however the image is warped. Every teacher and every file counts alike.
        temperature: Softens the probabilities of teachers and student.
        weight: Share of the teachers' part in the loss of each last layer that they all have, 0..1;
            the rest is cross-entropy with the targets.
    """

    teachers: tuple[str, ...] | None = None
    answers: tuple[str, ...] | None = None
    temperature: float = 4.0
    weight: float = 0.5

    def __post_init__(self) -> None:
        _within('distill.temperature', self.temperature, 0.01)
        _within('distill.weight', self.weight, 0, 1)


def _within(key: str, value: float, low: float, high: float = math.inf) -> None:
    if not low <= value <= high:
        limits = f'at least {low}' if high == math.inf else f'between {low} and {high}'
        raise TrainingError(f'{key} must be {limits}, not {value}')


@dataclass(frozen=True)
class Recipe:
    """One reproducible training run."""

    name: str
    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    distill: DistillConfig = field(default_factory=DistillConfig)

    def __post_init__(self) -> None:
        if self.model.votes and not 0 < self.data.ferplus < 1:
            raise TrainingError(
                'model.votes trains two last layers: data.ferplus, the share of the second in the '
                f'loss, must lie between 0 and 1, not {self.data.ferplus}'
            )
        if self.optim.schedule == 'plateau' and any(phase.lr for phase in self.train.phases):
            raise TrainingError(
                'train.phases: lr begins a new cosine: optim.schedule must be cosine for it'
            )

    def mixup_at(self, epoch: int) -> float:
        """Strength of mixup in an epoch, counted from 0."""
        own = self.train.phase_at(epoch).mixup
        return self.augment.mixup if own is None else own
