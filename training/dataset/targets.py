"""What a network is taught: hard labels, FER+ votes, and mixtures of both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.dataset import ferplus
from training.dataset.data import Dataset, Split
from training.errors import TrainingError

Targets = NDArray[np.float32]


def with_votes(
    dataset: Dataset,
    split: Split,
    votes: NDArray[np.int64] | None,
    weight: float,
    apart: bool = False,
) -> Targets | None:
    """The soft targets of a split, as `data.ferplus` asks for them.

    Args:
        dataset: The whole data set, to check that the votes belong to it.
        split: A part of it.
        votes: int64 `[rows, 10]` from `ferplus.read_votes`, or None when none were given.
        weight: Share of the votes, 0..1.
        apart: Give labels and votes each their own seven columns (`model.votes`), unmixed.

    Returns:
        float32 `[n, 7]`, or `[n, 14]` with labels and votes apart, or None for weight 0 (the hard
        labels alone).

    Raises:
        TrainingError: Votes and weight do not go together, or the votes are of other data.
    """
    if votes is None:
        if weight > 0:
            raise TrainingError(
                f'the recipe has data.ferplus {weight}: give --ferplus the path of fer2013new.csv'
            )
        return None
    if weight == 0:
        raise TrainingError('--ferplus has no effect: set data.ferplus above 0 in the recipe')
    ferplus.check_rows(votes, dataset)
    own = votes[split.rows]
    if apart:
        return np.hstack([soft(own, split.labels, share) for share in (0, 1)])
    return soft(own, split.labels, weight)


def soft(votes: NDArray[np.int64], labels: NDArray[np.int64], weight: float) -> Targets:
    """Mixes the distribution of the votes with the hard label.

    As in the FER+ code (Barsoum et al. 2016), single votes are outliers and do not count.
    Contempt, unknown and "no face" have no FER-2013 class: where nothing else is left, the hard
    label stands alone.

    Args:
        votes: int64 `[n, 10]`, columns as in `ferplus.COLUMNS`.
        labels: int64 `[n]`, 0..6.
        weight: Share of the votes, 0..1.

    Returns:
        float32 `[n, 7]`; each row sums to 1.
    """
    hard = np.eye(len(ferplus.FER2013_COLUMNS))[labels]
    kept = np.where(votes > 1, votes, 0)[:, ferplus.FER2013_COLUMNS]
    total = kept.sum(axis=1, keepdims=True)
    distribution = np.where(total > 0, kept / total.clip(1), hard)
    return (weight * distribution + (1 - weight) * hard).astype(np.float32)
