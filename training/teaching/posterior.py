"""What a label most likely is, told by a network and by ten annotators together."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from emotion_perception.labels import NUM_EMOTIONS

_VOTES = 10
_RIDGE = 1e-4
_STEPS = 300
_LEAST = 1e-6


def with_votes(
    predicted: NDArray[np.float64], votes: NDArray[np.int64], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The original labels' probabilities, given a prediction and the FER+ votes of each image.

    Multinomial logistic regression of the labels on the logarithms of the prediction, the shares
    of the votes and their square roots, with bias. A label of FER-2013 is one person's: as a
    target such a probability has less noise than the label, and knows what no image tells.

    Args:
        predicted: float64 `[n, 7]`, probabilities by networks that did not learn these labels: of
            others the regression would only believe the network.
        votes: int64 `[n, 10]` of the same images.
        labels: int64 `[n]`, 0..6.

    Returns:
        float64 `[n, 7]`; each row sums to 1.
    """
    shares = votes / _VOTES
    columns = np.hstack(
        [np.log(predicted.clip(_LEAST)), shares, np.sqrt(shares), np.ones((len(votes), 1))]
    )
    inputs, wanted = torch.from_numpy(columns), torch.tensor(labels)
    weights = torch.zeros(inputs.shape[1], NUM_EMOTIONS, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=_STEPS, line_search_fn='strong_wolfe')

    def loss() -> float:
        optimiser.zero_grad()
        value = F.cross_entropy(inputs @ weights, wanted) + _RIDGE * weights.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return float(value.detach())

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return (inputs @ weights).softmax(dim=1).numpy()
