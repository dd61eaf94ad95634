"""The models of a comparison: found, named, and with what their training left on record."""

from __future__ import annotations

import csv
import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emotion_perception.errors import ModelError
from emotion_perception.inference.manifest import Manifest, manifest_path_for, read_manifest
from training import checkpoint
from training.comparison import cost
from training.config import INPUT_SIZE
from training.errors import TrainingError
from training.fit import curves
from training.run_files import BEST, HISTORY
from training.shipping import graph
from training.weights import fold


@dataclass(frozen=True)
class Effort:
    """What a training run took, all of its epochs and not only those before the best.

    Attributes:
        epochs: Epochs trained.
        images: Images seen, counted again in every epoch.
        seconds: Time with validation.
    """

    epochs: int | None = None
    images: int | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Candidate:
    """One model of the comparison.

    Attributes:
        path: The `.ckpt` or `.onnx` file.
        graph: ONNX file to time: the file itself, or a checkpoint's fp32 export.
        name: Name of the recipe.
        network: Architecture, ranks of its fully connected layers, precision, starting weights.
        side: Side in pixels of the input that cost and time are for, the runtime's.
        scored_at: Side of the images that it is scored on: a run that ended on smaller ones
            knows no others.
        cost: Weights and multiply-adds.
        size: Bytes of `graph`.
        effort: What training took, as far as it is on record.
    """

    path: Path
    graph: Path
    name: str
    network: str
    side: int
    scored_at: int
    cost: cost.Cost
    size: int
    effort: Effort


def find(models: Sequence[Path], baseline: Path | None) -> tuple[list[Path], Path]:
    """The files that are meant, each once, and the one all are compared with.

    Args:
        models: Run folders, `.ckpt` or `.onnx` files.
        baseline: One of the same kind, put first where it is not among them; None for the first.

    Raises:
        TrainingError: One is missing, of another kind or given twice.
    """
    paths = [_file(model) for model in models]
    first = _file(baseline) if baseline is not None else paths[0]
    counts = Counter(path.resolve() for path in paths)
    for path in paths:
        if counts[path.resolve()] > 1:
            raise TrainingError(f'{path} is given twice: name each model once')
    for path in paths:
        if path.resolve() == first.resolve():
            return paths, path
    return [first, *paths], first


def _file(model: Path) -> Path:
    if model.is_dir():
        if not (model / BEST).is_file():
            raise TrainingError(f'{model} has no {BEST}: give the folder of a training run')
        return model / BEST
    if not model.is_file():
        raise TrainingError(f'no model at {model}: give a run folder, a .ckpt or an .onnx file')
    if model.suffix not in ('.ckpt', '.onnx'):
        raise TrainingError(f'{model} is neither a run folder nor a .ckpt nor an .onnx file')
    return model


def read(path: Path, export_to: Path) -> Candidate:
    """Counts a model; a checkpoint is exported as fp32 for the timing.

    Args:
        path: A `.ckpt` or an `.onnx` file.
        export_to: Where to write the export of a checkpoint.

    Raises:
        TrainingError: The file or what belongs beside it is missing or damaged.
    """
    return _read_checkpoint(path, export_to) if path.suffix == '.ckpt' else _read_onnx(path)


def _read_checkpoint(path: Path, target: Path) -> Candidate:
    trained = checkpoint.load(path)
    recipe = dataclasses.asdict(trained.recipe)
    effort = _logged_effort(path.parent / HISTORY, recipe, trained.training_images)
    counted = cost.of_network(trained.network, INPUT_SIZE)  # before the batch norm is folded away
    plain = target.with_suffix('.plain.onnx')
    graph.to_onnx(fold.fold_batch_norm(trained.network), plain)
    graph.write_shipped(plain, target)
    plain.unlink()
    return Candidate(
        path=path,
        graph=target,
        name=trained.recipe.name,
        network=_network(recipe['model'], 'fp32'),
        side=INPUT_SIZE,
        scored_at=trained.size,
        cost=counted,
        size=target.stat().st_size,
        effort=effort,
    )


def _read_onnx(path: Path) -> Candidate:
    try:
        manifest = read_manifest(manifest_path_for(path))
    except ModelError as error:
        raise TrainingError(str(error)) from error
    side = manifest.preprocessing.input_size
    recipe = manifest.training.get('recipe')
    model = recipe.get('model') if isinstance(recipe, dict) else None
    return Candidate(
        path=path,
        graph=path,
        name=manifest.name,
        network=_network(model or {}, manifest.training.get('precision')),
        side=side,
        scored_at=side,
        cost=cost.of_file(path, side),
        size=path.stat().st_size,
        effort=_manifest_effort(manifest),
    )


def _network(model: Mapping[str, Any], precision: str | None) -> str:
    ranks = [*(model.get('conv_ranks') or ()), *(model.get('fc_ranks') or ())]
    words = [model.get('arch'), '/'.join(str(rank or 'whole') for rank in ranks), precision]
    # Weights that were not random at the start are part of what a score is worth.
    if model.get('init'):
        words += ['from', Path(model['init']).name]
    return ' '.join(word for word in words if word) or '-'


def _logged_effort(history: Path, recipe: Mapping[str, Any], images: int) -> Effort:
    if not history.is_file():
        return Effort()
    try:
        lines = curves.read(history)
        epochs, seconds = lines[-1].epoch, sum(line.seconds for line in lines)
    except (OSError, ValueError, TypeError, KeyError, IndexError, csv.Error) as error:
        raise TrainingError(
            f'{history} is damaged: mend it, or remove it to compare without the time of training'
        ) from error
    return Effort(epochs, epochs * _epoch_images(recipe, images), seconds)


def _manifest_effort(manifest: Manifest) -> Effort:
    """A manifest's facts of training are free-form: what is not there stays unknown."""
    facts = manifest.training
    epochs, images = facts.get('epochs_trained'), facts.get('training_images')
    if not isinstance(epochs, int):
        return Effort()
    try:
        return Effort(epochs, epochs * _epoch_images(facts['recipe'], images), facts.get('seconds'))
    except (KeyError, TypeError):
        return Effort(epochs, None, facts.get('seconds'))


def _epoch_images(recipe: Mapping[str, Any], training_images: Any) -> int:
    """Images of one epoch: whole batches only, as `batches.BatchDataset` yields them."""
    train = recipe['train']
    images: int = train.get('epoch_images') or training_images
    return images - images % int(train['batch_size'])


def unique_names(candidates: Sequence[Candidate]) -> list[str]:
    """Names of recipes, with the folder or file where two are alike.

    Args:
        candidates: Models, each another file.
    """
    return _distinct(
        _distinct(
            [candidate.name for candidate in candidates],
            [display_name(candidate.path) for candidate in candidates],
        ),
        [str(number) for number in range(1, len(candidates) + 1)],
    )


def _distinct(names: Sequence[str], marks: Sequence[str]) -> list[str]:
    counts = Counter(names)
    return [
        f'{name} ({mark})' if counts[name] > 1 else name
        for name, mark in zip(names, marks, strict=True)
    ]


def display_name(path: Path) -> str:
    """A file as people know it: the run folder for its best checkpoint, else folder and file."""
    folder = path.resolve().parent.name
    return folder if path.name == BEST else f'{folder}/{path.name}'
