"""Losses for hard and soft targets, and for distillation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from emotion_perception.labels import NUM_EMOTIONS


def one_hot(targets: Tensor) -> Tensor:
    """int64 `[n]` to float32 `[n, 7]`; soft targets stay as they are."""
    if targets.is_floating_point():
        return targets
    return F.one_hot(targets, NUM_EMOTIONS).float()


def cross_entropy(
    logits: Tensor, targets: Tensor, weight: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """Mean cross-entropy; for one-hot targets the same as for their labels.

    torch divides by the summed class weights of the images for labels, but by their number for
    probabilities: with class weights, the loss (and the step) would change with the kind of target.

    Args:
        logits: float32 `[n, 7]`, before the softmax.
        targets: int64 `[n]` labels or float32 `[n, 7]` probabilities.
        weight: float32 `[7]`, or None for equal class weights.
        smoothing: Share of the target given to all classes alike.

    Returns:
        float32 scalar.
    """
    if not targets.is_floating_point():
        return F.cross_entropy(logits, targets, weight=weight, label_smoothing=smoothing)
    if weight is None:
        return F.cross_entropy(logits, targets, label_smoothing=smoothing)
    wanted = (1 - smoothing) * targets + smoothing / NUM_EMOTIONS
    losses = -(wanted * weight * F.log_softmax(logits, dim=1)).sum()
    return losses / (targets * weight).sum()


def distillation(logits: Tensor, taught: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergence from the teachers at a temperature (Hinton et al. 2015).

    Args:
        logits: float32 `[n, 7]` of the student, before the softmax.
        taught: float32 `[n, 7]`, the teachers' probabilities at the same temperature.
        temperature: Its square scales the loss, so that the gradients keep their size.

    Returns:
        float32 scalar.
    """
    student = torch.log_softmax(logits / temperature, dim=1)
    return F.kl_div(student, taught, reduction='batchmean') * temperature**2
