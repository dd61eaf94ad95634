"""The checkpoints of a run: written whole, the one before the last kept, found again."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from training.errors import TrainingError
from training.fit import processes
from training.run_files import BEST, LAST, PREVIOUS
from training.writing import write_bytes


class Found(NamedTuple):
    """A checkpoint that can be gone on from.

    Attributes:
        path: The file.
        epochs: Epochs that it has been trained for.
    """

    path: Path
    epochs: int


def begun(run: Path) -> bool:
    """Whether a folder holds a checkpoint to go on from, whole or not."""
    return any((run / name).is_file() for name in (LAST, PREVIOUS))


def newest(run: Path) -> Found:
    """The newest whole checkpoint of a run; told where it is not the last one.

    Raises:
        TrainingError: None is whole.
    """
    for name in (LAST, PREVIOUS):
        epochs = epochs_of(run / name)
        if epochs is None:
            continue
        if name != LAST and processes.is_first():
            why = 'cannot be read' if (run / LAST).exists() else 'is not there'
            print(f'{run / LAST} {why}: going on from {name}, after epoch {epochs}', flush=True)
        return Found(run / name, epochs)
    raise TrainingError(
        f'{run} holds no checkpoint that can be read: move it away, or give another --run, '
        'and train without --resume'
    )


def epochs_of(path: Path) -> int | None:
    """Epochs that a checkpoint has been trained for; None where it is not there or not whole."""
    try:
        with zipfile.ZipFile(path) as archive:  # PyTorch itself does not look at the checksums
            if archive.testzip() is not None:
                return None
        content = torch.load(path, map_location='cpu', weights_only=True, mmap=True)
        return int(content['epoch']) + 1
    except Exception:  # torch raises a dozen kinds for a damaged file
        return None


class WholeCheckpoints(TorchCheckpointIO):
    """Writes each checkpoint beside its place, and keeps the last one as the one before.

    Lightning's own writes into the folder for temporary files and moves, which between two file
    systems is a copy that a kill cuts off.

    Args:
        resumed: What the run goes on from; a last checkpoint that cannot be read is not kept in
            its place. None for a new run.
    """

    def __init__(self, resumed: Path | None = None) -> None:
        super().__init__()
        self._keep = resumed is None or resumed.name == LAST

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None
    ) -> None:
        """Writes a checkpoint.

        Raises:
            TrainingError: It cannot be written; the earlier one is still there.
        """
        path = Path(path)
        content = io.BytesIO()
        torch.save(checkpoint, content)
        if path.name == LAST:
            if self._keep:
                _keep(path)
            self._keep = True
        write_bytes(path, content.getbuffer())


def _keep(last: Path) -> None:
    """Gives the last checkpoint a second name, so that there is one at every moment."""
    if not last.exists():
        return
    previous = last.with_name(PREVIOUS)
    link = last.with_name(f'.{PREVIOUS}')
    try:
        link.unlink(missing_ok=True)
        os.link(last, link)
        link.replace(previous)
        link.unlink(missing_ok=True)  # renaming does nothing where both are the same file
    except OSError:  # a file system without links
        last.replace(previous)


class BestCheckpoint(ModelCheckpoint):
    """Keeps the best checkpoint; a run that goes on knows its score only if the file is whole.

    Lightning forgets the score of a run folder that was moved, and would put the next epoch, good
    or bad, into the place of the best.

    Args:
        run: The run folder.
    """

    def __init__(self, run: Path) -> None:
        super().__init__(
            run,
            BEST.removesuffix('.ckpt'),
            monitor='selection',
            mode='max',
            enable_version_counter=False,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes over the score of the best epoch so far."""
        best = Path(str(self.dirpath)) / BEST
        if epochs_of(best) is None:
            if processes.is_first():
                print(f'{best} cannot be read: the best of the epochs from here on is kept')
            return
        score = state_dict['best_model_score']
        here = {'dirpath': self.dirpath, 'best_model_path': str(best), 'last_model_path': ''}
        kept = {'kth_best_model_path': str(best), 'best_k_models': {str(best): score}}
        super().load_state_dict({**state_dict, **here, **kept})
