"""Accuracy of both on the same labelled images: PublicTest of FER-2013, which a user brings."""

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.errors import BenchmarkError
from benchmarks.peer.environment import PACKAGE, peer_python
from benchmarks.peer.process import PeerProcess
from benchmarks.schema import Cell, Findings, Table
from benchmarks.settings import Settings
from emotion_perception.files.resources import default_model_path
from emotion_perception.inference.classifier import EmotionClassifier
from emotion_perception.inference.onnx_session import ProviderSettings
from emotion_perception.labels import FER2013

# PrivateTest is read once for each model, by `training evaluate --final`.
_SPLIT = 'PublicTest'
_BATCH = 64

Labels = npt.NDArray[np.int64]
Images = npt.NDArray[np.uint8]


def run(settings: Settings) -> Findings:
    """Classifies the split with both; without data, says how to give it."""
    if settings.data is None:
        reason = 'Give FER-2013 with --data fer2013.csv.'
        return Findings((Table('Accuracy', ('not measured',), ((reason,),)),))
    images, labels = _read_split(settings.data, settings.out / 'fer2013')
    rows: list[tuple[Cell, ...]] = [_row('ours', _ours(images, settings), labels)]
    try:
        rows.append(_row(PACKAGE.replace('==', ' '), _theirs(images, settings), labels))
    except BenchmarkError as error:
        rows.append((str(error), None, None))
    table = Table(
        f'Accuracy on FER-2013 {_SPLIT}, original labels, single crop, n = {len(labels)}',
        ('who', 'accuracy (%)', '+/- (95 %)'),
        tuple(rows),
        'Both see the 48x48 images themselves, enlarged to the size of their network.',
    )
    return Findings((table,))


def _row(name: str, predictions: Labels, labels: Labels) -> tuple[Cell, ...]:
    share = float(np.mean(predictions == labels))
    # Half the normal approximation of the binomial interval.
    margin = 1.96 * float(np.sqrt(share * (1 - share) / len(labels)))
    return name, 100 * share, 100 * margin


def _ours(images: Images, settings: Settings) -> Labels:
    providers = ProviderSettings(num_threads=settings.threads)
    classifier = EmotionClassifier(default_model_path(), providers, FER2013)
    batches = (
        np.ascontiguousarray(images[start : start + _BATCH])
        for start in range(0, len(images), _BATCH)
    )
    return np.concatenate([classifier.classify(batch).argmax(axis=1) for batch in batches])


def _theirs(images: Images, settings: Settings) -> Labels:
    python = peer_python(settings.out / 'peer-env')
    with (
        tempfile.TemporaryDirectory() as folder,
        PeerProcess(python, settings.out / 'peer.log') as peer,
    ):
        path = Path(folder) / 'faces.npy'
        np.save(path, images)
        response = peer.ask('faces', path=str(path), indices=list(range(len(images))))
    return np.asarray(response['labels'], np.int64)


def _read_split(path: Path, cache: Path) -> tuple[Images, Labels]:
    from training.dataset.data import load
    from training.errors import TrainingError

    try:
        split = load(path, cache)[_SPLIT]
    except TrainingError as error:
        raise BenchmarkError(str(error)) from error
    return split.images, split.labels
