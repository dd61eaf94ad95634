"""FER+ votes: ten annotators' opinions on every FER-2013 picture (Barsoum et al. 2016)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.dataset.data import SPLITS, Dataset
from training.errors import TrainingError
from training.scoring.metrics import Ints, Share

COLUMNS = (
    'neutral', 'happiness', 'surprise', 'sadness', 'anger',
    'disgust', 'fear', 'contempt', 'unknown', 'NF',
)  # fmt: skip
# Column of each FER-2013 class, in FER-2013 order; contempt, unknown and NF have no class there.
FER2013_COLUMNS = tuple(
    COLUMNS.index(name)
    for name in ('anger', 'disgust', 'fear', 'happiness', 'sadness', 'surprise', 'neutral')
)
NO_MAJORITY = -1
# The FER+ code's eight classes: all columns before `unknown`.
CLASSES = COLUMNS[:8]
_CONTEMPT = COLUMNS.index('contempt')


def read_votes(path: Path) -> NDArray[np.int64]:
    """Reads the votes in the row order of `fer2013.csv`.

    Returns:
        int64 `[rows, 10]`, columns as in `COLUMNS`.

    Raises:
        TrainingError: The file is missing, lacks a column or holds something that is no number.
    """
    try:
        with path.open(encoding='ascii', newline='') as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise TrainingError(f'{path} has no column "{missing[0]}": it is not FER+')
            return np.array([[int(row[name]) for name in COLUMNS] for row in reader], np.int64)
    except OSError as error:
        raise TrainingError(f'FER+ votes {path} cannot be read: {error.strerror}') from error
    except (ValueError, TypeError, OverflowError, csv.Error) as error:
        raise TrainingError(f'{path} holds a vote that is not a number') from error


def majority(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The column that more than half of the votes name, after the FER+ code's own protocol.

    Single votes count as outliers and are dropped first.

    Args:
        votes: int64 `[n, 10]`.

    Returns:
        int64 `[n]`: index into `COLUMNS`, or `NO_MAJORITY`.
    """
    kept = np.where(votes > 1, votes, 0)
    top = kept.argmax(axis=1)
    clear = 2 * kept.max(axis=1) > kept.sum(axis=1)
    return np.where(clear, top, NO_MAJORITY)


def check_rows(votes: NDArray[np.int64], dataset: Dataset) -> None:
    """Makes sure that the votes can be joined to the data by row number.

    Raises:
        TrainingError: They belong to other data, or the data has lost the order of `fer2013.csv`.
    """
    if dataset.source.is_dir():
        raise TrainingError(
            'FER+ votes are in the row order of fer2013.csv, which the picture folders have lost: '
            'give --data the CSV file'
        )
    rows = sum(len(dataset[name]) for name in SPLITS)
    if len(votes) != rows:
        raise TrainingError(
            f'the FER+ file has {len(votes)} rows, the data set {rows}: they do not belong together'
        )


def votes_for(path: Path, dataset: Dataset) -> NDArray[np.int64]:
    """Reads the votes and makes sure that they belong to the data.

    Raises:
        TrainingError: As `read_votes` and `check_rows`.
    """
    votes = read_votes(path)
    check_rows(votes, dataset)
    return votes


@dataclass(frozen=True)
class Crossed:
    """Each of two answers on the labels of the other.

    Attributes:
        usual: The usual answer on the FER+ labels, contempt counted as wrong.
        original: The answer that the votes taught on the original labels.
    """

    usual: Share
    original: Share


@dataclass(frozen=True)
class FerPlusScores:
    """Accuracy on FER+ labels, by the FER+ code's `majority` protocol.

    Attributes:
        hits: int64 `[8]`, right answers by class of `CLASSES`.
        support: int64 `[8]`, rows by class.
        unclear: Rows dropped because no class has more than half of the votes.
        unknown: Rows dropped because the majority says unknown.
        no_face: Rows dropped because the majority says NF, not a face.
        taught: Whether the votes taught the answer that is scored.
        temperature: Divisor of its logits, fitted on PublicTest.
        ece: Calibration error after it on the rows of the seven classes, 0..1; None if unknown.
        crossed: What a wrong choice between two answers costs; None with one answer.
    """

    hits: Ints
    support: Ints
    unclear: int
    unknown: int
    no_face: int
    taught: bool = False
    temperature: float = 1.0
    ece: float | None = None
    crossed: Crossed | None = None

    @property
    def accuracy(self) -> Share:
        """On all eight classes; a network without contempt gets its rows wrong."""
        return Share(int(self.hits.sum()), int(self.support.sum()))

    @property
    def without_contempt(self) -> Share:
        """On the seven classes that FER-2013 has too."""
        contempt = int(self.support[_CONTEMPT])
        return Share(int(self.hits.sum()), int(self.support.sum()) - contempt)

    @property
    def contempt(self) -> int:
        """Rows labelled contempt."""
        return int(self.support[_CONTEMPT])


def labelled(votes: NDArray[np.int64]) -> tuple[Ints, Ints]:
    """The pictures whose majority is one of the seven classes of FER-2013.

    Args:
        votes: int64 `[n, 10]`.

    Returns:
        Their rows, int64 `[k]` rising, and their classes in FER-2013 order, int64 `[k]`.
    """
    matches = majority(votes)[:, None] == np.asarray(FER2013_COLUMNS)
    rows, classes = matches.nonzero()
    return rows, classes


def score(predictions: Ints, votes: NDArray[np.int64]) -> FerPlusScores:
    """Scores the seven-class answers on the FER+ labels.

    Args:
        predictions: int64 `[n]`, 0..6 in FER-2013 order.
        votes: int64 `[n, 10]`, the votes of the same pictures.
    """
    labels = majority(votes)
    called = np.asarray(FER2013_COLUMNS)[predictions]
    kept = (labels >= 0) & (labels < len(CLASSES))
    right = kept & (called == labels)
    return FerPlusScores(
        hits=np.bincount(labels[right], minlength=len(CLASSES)),
        support=np.bincount(labels[kept], minlength=len(CLASSES)),
        unclear=int((labels == NO_MAJORITY).sum()),
        unknown=int((labels == COLUMNS.index('unknown')).sum()),
        no_face=int((labels == COLUMNS.index('NF')).sum()),
    )
