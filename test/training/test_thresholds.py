"""What calling the less confident faces Uncertain would do."""

import numpy as np
import pytest

from training.dataset import ferplus
from training.scoring import thresholds

CLEAR, SPLIT = 10, 5


def votes_for(column: int, count: int) -> list[int]:
    votes = [0] * 10
    votes[column] = count
    return votes


@pytest.fixture
def votes() -> np.ndarray:
    """Four clear majorities (Happy three times, Sad once) and an image that divides its viewers."""
    happy, sad = (ferplus.COLUMNS.index(name) for name in ('happiness', 'sadness'))
    disputed = votes_for(happy, SPLIT)
    disputed[sad] = SPLIT
    clear = [votes_for(column, CLEAR) for column in (happy, happy, happy, sad)]
    return np.array([*clear, disputed], np.int64)


def logits_of(said: list[tuple[int, float]]) -> np.ndarray:
    """Of each image the class that is said and its probability, the others alike."""
    probabilities = np.array([np.full(7, (1 - share) / 6) for _, share in said])
    for row, (each, share) in enumerate(said):
        probabilities[row, each] = share
    return np.log(probabilities)


def test_what_is_left_unnamed_is_neither_right_nor_wrong(votes):
    logits = logits_of([(3, 0.9), (3, 0.5), (0, 0.4), (4, 0.6), (3, 0.45)])
    all_named, some, few = thresholds.curve(logits, votes, (0.0, 0.49, 0.7))
    assert (all_named.named.hits, all_named.right.hits, all_named.disputed.hits) == (4, 3, 1)
    assert (some.named.hits, some.named.count) == (3, 4)
    assert (some.right.hits, some.right.count) == (3, 3)
    assert (some.disputed.hits, some.disputed.count) == (0, 1)
    assert some.recalls[[3, 4]].tolist() == pytest.approx([2 / 3, 1])
    assert (few.right.hits, few.right.count) == (1, 1)
    assert few.recalls[[3, 4]].tolist() == pytest.approx([1 / 3, 0])


def test_confidence_is_the_largest_probability():
    assert thresholds.confidence(logits_of([(2, 0.8), (6, 0.3)])) == pytest.approx([0.8, 0.3])
    assert not thresholds.confidence(np.full((1, 7), np.nan)) >= 0
