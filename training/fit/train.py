"""Runs a recipe: data in, a run folder with checkpoints, log and the recipe's copy out."""

from __future__ import annotations

import logging
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from numpy.typing import NDArray
from torch import Tensor

from training.config import Recipe
from training.dataset import data, targets
from training.dataset.batches import DataModule
from training.errors import TrainingError
from training.fit import checkpoints, curves, processes, record, teachers
from training.fit.averaging import AveragedWeights
from training.fit.checkpoints import BestCheckpoint, Found, WholeCheckpoints
from training.fit.module import Classifier
from training.models import check_size
from training.run_files import BEST, CURVES, HISTORY, LAST, remove_unfinished
from training.teaching import predictions
from training.weights import initial


def train(
    recipe: Recipe,
    dataset: data.Dataset,
    run: Path,
    *,
    threads: int | None = None,
    resume: bool = False,
    progress: bool = True,
    stop_after: int | None = None,
    votes: NDArray[np.int64] | None = None,
    devices: int = 1,
) -> Path:
    """Trains by a recipe and leaves everything in one run folder.

    With several devices Lightning starts the running command once more for each further process;
    all of them come through here, the first one alone writes and prints.

    Args:
        recipe: The run.
        dataset: Read data.
        run: Folder for `recipe.yaml`, `data.json`, `history.csv`, `curves.png`,
            `last.ckpt`, `previous.ckpt` (of the epoch before) and `best.ckpt`.
        threads: CPU threads of each process; None leaves torch's choice.
        resume: Go on from the newest whole checkpoint of the same folder; recipe and data must
            be the same, threads and devices need not.
        progress: Show a progress bar (on a terminal only).
        stop_after: Stop after this epoch (counted from 1) without shortening the schedule.
        votes: FER+ votes, int64 `[rows, 10]`, where the recipe has `data.ferplus`.
        devices: Processes that share every batch: as many GPUs, or as many processes on a machine
            without one.

    Returns:
        Path of the best checkpoint by PublicTest accuracy among those at the last size.

    Raises:
        TrainingError: The folder holds another run, there is nothing to resume, votes, teachers,
            their predictions or starting weights of the recipe are not there, the devices do
            not fit machine or recipe, or a file cannot be written.
    """
    check_run(run, recipe, resume)
    for size in {phase.size for phase in recipe.train.phases}:
        check_size(recipe.model, size)
    processes.check(devices, recipe.train.batch_size, len(dataset['PublicTest']))
    if threads is not None:
        torch.set_num_threads(threads)
    _quieten()
    split = training_split(recipe, dataset)
    soft = targets.with_votes(dataset, split, votes, recipe.data.ferplus, recipe.model.votes)
    teacher = teachers.load(recipe)
    taught = teachers.load_predictions(recipe, dataset, split)
    mean, std = data.grey_statistics(split.images)
    facts = record.facts_of(recipe, split, dataset, (mean, std), soft)
    found = _found(run, facts) if resume else None
    soft = predictions.beside(soft, split, taught)
    lightning.seed_everything(recipe.seed, verbose=False)
    labels = () if taught is None else taught.labels
    module = Classifier(recipe, mean, std, class_weights(recipe, split), teacher, labels)
    init = None if found else _start(module, split)
    if processes.is_first():
        _write_down(run, recipe, facts, init, found, devices)
    callbacks = _callbacks(recipe, run, threads, stop_after)
    checkpoint_io = WholeCheckpoints(found.path if found else None)
    trainer = _trainer(recipe, devices, callbacks, checkpoint_io, progress and sys.stderr.isatty())
    trainer.fit(
        module,
        datamodule=DataModule(recipe, split, dataset['PublicTest'], soft),
        ckpt_path=found.path if found else None,
        weights_only=True,
    )
    return _best(run)


def check_run(run: Path, recipe: Recipe, resume: bool) -> None:
    """Refuses a folder that holds another run, or nothing to go on with.

    Raises:
        TrainingError: It does.
    """
    begun = checkpoints.begun(run)
    if resume and not begun:
        raise TrainingError(f'nothing to resume: there is no {run / LAST}')
    if resume:
        record.check_recipe(run, recipe)
    elif begun:
        raise TrainingError(
            f'{run} already holds a run: add --resume to go on with it, or give another --run'
        )


def _found(run: Path, facts: record.Facts) -> Found:
    """The checkpoint to go on from, of a run on the same data."""
    record.check_facts(run, facts)
    return checkpoints.newest(run)


def _best(run: Path) -> Path:
    """The best checkpoint, which only a damage from outside can have taken."""
    if processes.is_first() and checkpoints.epochs_of(run / BEST) is None:
        raise TrainingError(
            f'{run / BEST} cannot be read and no epoch was trained that makes it anew: export '
            f'{run / LAST}, or train in another folder'
        )
    return run / BEST


def training_split(recipe: Recipe, dataset: data.Dataset) -> data.Split:
    """The Training images a recipe asks for."""
    split = dataset['Training']
    if recipe.data.drop_twins:
        tests = np.concatenate([dataset[name].images for name in data.SPLITS[1:]])
        split = split.select(~data.occur_in(split.images, tests))
    if recipe.data.fold is not None:
        split = split.select(~data.in_fold(split.images, recipe.data.fold))
    if recipe.data.limit is not None:
        split = split.select(np.arange(min(recipe.data.limit, len(split))))
    if len(split) < recipe.train.batch_size:
        raise TrainingError(
            f'{len(split)} Training images do not fill one batch of {recipe.train.batch_size}'
        )
    return split


def class_weights(recipe: Recipe, split: data.Split) -> Tensor | None:
    """Inverse square root of the class frequencies with mean 1, or None."""
    if not recipe.train.class_weights:
        return None
    counts = np.bincount(split.labels, minlength=7).clip(1)
    weights = 1 / np.sqrt(counts)
    return torch.from_numpy(weights / weights.mean()).float()


class _Epochs(lightning.Callback):
    """Tells the batches which epoch it is, prints one line per epoch and logs it."""

    def __init__(self, run: Path) -> None:
        self.run, self.begin = run, 0.0

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self.begin = time.monotonic()
        trainer.train_dataloader.dataset.epoch = trainer.current_epoch

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        # Reading them sums over the processes: all must do it, and only then part.
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if not processes.is_first():
            return
        line = curves.Line(
            epoch=trainer.current_epoch + 1,
            size=pl_module.size,
            lr=trainer.optimizers[0].param_groups[0]['lr'],
            train_loss=metrics['train_loss'],
            val_loss=metrics['val_loss'],
            val_acc=metrics['val_acc'],
            seconds=round(time.monotonic() - self.begin, 1),
        )
        curves.append(self.run / HISTORY, line)
        curves.draw(curves.read(self.run / HISTORY), self.run / CURVES)
        self._print(trainer, line)

    def _print(self, trainer: Any, line: curves.Line) -> None:
        text = (
            f'epoch {line.epoch}/{trainer.max_epochs} at {line.size} px: training loss '
            f'{line.train_loss:.4f}, PublicTest loss {line.val_loss:.4f}, accuracy '
            f'{line.val_acc:.4f}, {line.seconds:.0f} s'
        )
        bar = trainer.progress_bar_callback
        if bar is None:
            print(text, flush=True)
        else:
            bar.print(text)  # a plain print would tear the bar


def _callbacks(
    recipe: Recipe, run: Path, threads: int | None, stop_after: int | None
) -> list[lightning.Callback]:
    best = BestCheckpoint(run)
    last = ModelCheckpoint(run, LAST.removesuffix('.ckpt'), enable_version_counter=False)
    callbacks: list[lightning.Callback] = [processes.SharedStatistics(), _Epochs(run), best, last]
    if recipe.train.ema_decay > 0:
        callbacks.insert(1, AveragedWeights(recipe.train.ema_decay))
    if recipe.train.patience is not None:
        callbacks.append(_Patience(recipe.train.patience))
    if stop_after is not None:
        callbacks.append(_StopAfter(stop_after))
    if threads is not None:
        callbacks.append(_Threads(threads))
    return callbacks


def _trainer(
    recipe: Recipe,
    devices: int,
    callbacks: list[lightning.Callback],
    checkpoint_io: WholeCheckpoints,
    progress: bool,
) -> lightning.Trainer:
    if progress:
        callbacks = [*callbacks, TQDMProgressBar(refresh_rate=10)]
    return lightning.Trainer(
        **processes.trainer_options(devices),
        max_epochs=recipe.train.epochs,
        gradient_clip_val=recipe.optim.clip_norm or None,
        num_sanity_val_steps=0,
        logger=False,
        callbacks=callbacks,
        plugins=[checkpoint_io],
        enable_progress_bar=progress,
        enable_model_summary=False,
    )


class _Patience(EarlyStopping):
    """Lightning's early stopping, but never before the last image size is reached."""

    def __init__(self, epochs: int) -> None:
        super().__init__('selection', patience=epochs, mode='max', check_on_train_epoch_end=True)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if pl_module.size == pl_module.recipe.train.phases[-1].size:
            super().on_train_epoch_end(trainer, pl_module)


class _Threads(lightning.Callback):
    """Sets the threads again, which Lightning divides anew when it starts processes."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        torch.set_num_threads(self.threads)


class _StopAfter(lightning.Callback):
    """Ends a session early; the schedule still spans the whole run."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch + 1 >= self.epochs:
            trainer.should_stop = True


def _start(module: Classifier, split: data.Split) -> dict[str, Any] | None:
    """Loads starting weights, in every process alike, and says what they are."""
    started = initial.start(module, split.images)
    if started is None:
        return None
    if processes.is_first():
        print(started.line(), flush=True)
    return started.document()


def _write_down(
    run: Path,
    recipe: Recipe,
    facts: record.Facts,
    init: dict[str, Any] | None,
    found: Found | None,
    devices: int,
) -> None:
    """Says in the run folder what runs; the log ends where the run goes on."""
    remove_unfinished(run)
    curves.cut(run / HISTORY, found.epochs if found else 0)
    if found is None:
        record.begin(run, recipe, facts, init, devices)
    else:
        record.go_on(run, facts, found.epochs, devices)


def _quieten() -> None:
    """Lightning's hints about workers and hardware say nothing a user of this package can use."""
    for name in ('lightning.pytorch', 'lightning.fabric'):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings('ignore', module='lightning.*')
