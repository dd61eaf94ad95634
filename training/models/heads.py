"""Networks whose last layer may stand there twice, once for each label set."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from emotion_perception.labels import FER2013, FERPLUS

VOTES = 'votes'  # name of the second last layer


class LabelSetNetwork(nn.Module, ABC):
    """A network with one last layer for each label set that it is taught.

    Attributes:
        classifier: Ends in the last layer for the original labels.
        votes: A second last layer beside it, for the FER+ labels, or None.
    """

    classifier: nn.Sequential
    votes: nn.Linear | None

    @abstractmethod
    def flat_features(self, faces: Tensor) -> Tensor:
        """What the classifier gets, float32 `[n, c]`, for faces as in `forward`."""

    def forward(self, faces: Tensor) -> Tensor:
        """Logits in the original labels.

        Args:
            faces: float32 `[n, 3, s, s]`, normalised, the three channels equal; s as each
                architecture says.

        Returns:
            float32 `[n, 7]`, before the softmax, in FER-2013 order.
        """
        logits: Tensor = self.classifier(self.flat_features(faces))
        return logits

    def both_logits(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        """Logits in the original labels, and in those of the FER+ annotators.

        Args:
            faces: As in `forward`.

        Returns:
            Two of float32 `[n, 7]`; the first is what `forward` gives.

        Raises:
            TypeError: The network was built without `votes`.
        """
        if self.votes is None:
            raise TypeError('this network has one last layer only: build it with votes=True')
        hidden = self.classifier[:-1](self.flat_features(faces))
        return self.classifier[-1](hidden), self.votes(hidden)


def logits_by_label_set(network: nn.Module, faces: Tensor) -> dict[str, Tensor]:
    """All logits of a network of any architecture.

    Args:
        network: The network.
        faces: float32 `[n, 3, s, s]`, or what `planes` makes for it.

    Returns:
        float32 `[n, 7]` by label set: FER2013, and FERPLUS of a network with `votes`.
    """
    if isinstance(network, LabelSetNetwork) and network.votes is not None:
        original, ferplus = network.both_logits(faces)
        return {FER2013: original, FERPLUS: ferplus}
    return {FER2013: network(faces)}
