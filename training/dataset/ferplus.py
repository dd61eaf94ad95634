"""FER+ votes: ten annotators' opinions on every FER-2013 image (Barsoum et al. 2016)."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.dataset.data import SPLITS, Dataset
from training.errors import TrainingError

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
            'FER+ votes are in the row order of fer2013.csv, which the image folders have lost: '
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


def labelled(votes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The images whose majority is one of the seven classes of FER-2013.

    Args:
        votes: int64 `[n, 10]`.

    Returns:
        Their rows, int64 `[k]` rising, and their classes in FER-2013 order, int64 `[k]`.
    """
    matches = majority(votes)[:, None] == np.asarray(FER2013_COLUMNS)
    rows, classes = matches.nonzero()
    return rows, classes
