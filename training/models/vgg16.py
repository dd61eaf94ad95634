"""VGG16 (Simonyan & Zisserman 2015, "Very Deep Convolutional Networks", configuration D)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.layers import CLASSES, convolution, initialise, shrink

GRID = 7
# (channels, number of 3x3 convolutions) before each 2x2 max-pooling
_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))


class Vgg16(nn.Module):
    """Thirteen 3x3 convolutions in five blocks and three fully connected layers.

    With 4,096 hidden units and 7 classes: 134.3 million weights, of which 14.7 million in the
    convolutions.

    Args:
        batch_norm: A batch normalisation after each convolution (Ioffe & Szegedy 2015; not in the
            paper, which trained a shallower network first).
        dropout: Probability after each of the two hidden layers.
        fc_width: Outputs of the two hidden layers.
        side: Larger images are brought to this side in pixels first; None takes them whole.
    """

    def __init__(
        self,
        *,
        batch_norm: bool = True,
        dropout: float = 0.5,
        fc_width: int = 4096,
        side: int | None = None,
    ) -> None:
        super().__init__()
        self.side = side
        layers: list[nn.Module] = []
        inputs = 3
        for width, depth in _BLOCKS:
            for _ in range(depth):
                layers += convolution(inputs, width, batch_norm)
                inputs = width
            # A last odd row counts too: 48 pixels end as 2x2 instead of 1x1.
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(GRID)
        self.classifier = nn.Sequential(
            nn.Linear(inputs * GRID * GRID, fc_width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(fc_width, fc_width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(fc_width, CLASSES),
        )
        initialise(self, self.classifier[-1])

    def forward(self, faces: Tensor) -> Tensor:
        """Class logits.

        Args:
            faces: float32 `[n, 3, s, s]`, normalised, the three channels equal; any s, an
                adaptive pooling brings the maps to 7x7.

        Returns:
            float32 `[n, 7]`, before the softmax, in FER-2013 order.
        """
        maps = self.pool(self.features(shrink(faces, self.side)))
        return self.classifier(torch.flatten(maps, 1))  # type: ignore[no-any-return]
