"""Augments and resizes whole batches of face images with one affine warp each."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from training.config import AugmentConfig


def resize(images: Tensor, size: int) -> Tensor:
    """The runtime's resize: bilinear, half-pixel centres, edges clamped, no antialiasing.

    Args:
        images: float32 `[n, 1, h, w]`.
        size: Side of the result in pixels.

    Returns:
        float32 `[n, 1, size, size]`.
    """
    return F.interpolate(
        images, size=(size, size), mode='bilinear', align_corners=False, antialias=False
    )


def to_unit(images: Tensor) -> Tensor:
    """uint8 `[n, 48, 48]` to float32 `[n, 1, 48, 48]` in 0..1."""
    return images.unsqueeze(1).float().div_(255)


def random_affine(count: int, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """One random map from result to source coordinates per image.

    In the order in which an image undergoes them: shift, rotation with zoom, flip, crop. The crop
    comes last, as in the field's code: it lies within the frame of the changed image, so it never
    shows more of the clamped border than there was without it.

    Args:
        count: Number of images n.
        config: Ranges; a zero range switches its part off.
        generator: Source of randomness, so that a resumed run draws the same numbers.

    Returns:
        float32 `[n, 2, 3]` as `torch.nn.functional.affine_grid` takes it.
    """

    def uniform(limit: float) -> Tensor:
        return (torch.rand(count, generator=generator) * 2 - 1) * limit

    angle = uniform(math.radians(config.rotation))
    zoom = torch.exp(uniform(math.log1p(config.zoom)))
    # Normalised coordinates span 2, so a shift by a part of the width is twice that part.
    shift_x, shift_y = uniform(2 * config.shift), uniform(2 * config.shift)
    flip = torch.rand(count, generator=generator) < 0.5
    mirror = torch.where(flip, -1.0, 1.0) if config.flip else torch.ones(count)
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    top = torch.stack([cos * mirror, -sin, shift_x], dim=1)
    bottom = torch.stack([sin * mirror, cos, shift_y], dim=1)
    whole = torch.stack([top, bottom], dim=1)
    if config.crop == 1:
        return whole  # nothing drawn: recipes older than the crop see what they saw
    return _within_crop(whole, config.crop, generator)


def _within_crop(affine: Tensor, smallest: float, generator: torch.Generator) -> Tensor:
    """Composes maps with random square crops of their results.

    Args:
        affine: float32 `[n, 2, 3]`.
        smallest: The side is uniform from this part of the width to the whole, the position
            uniform among those inside the frame.
        generator: Source of randomness.

    Returns:
        float32 `[n, 2, 3]`; a crop of side c about o maps x to A(c x + o).
    """
    draws = torch.rand(len(affine), 3, generator=generator)
    side = smallest + (1 - smallest) * draws[:, :1]
    # The frame spans -1..1 and the crop o - c..o + c.
    centre = (draws[:, 1:] * 2 - 1) * (1 - side)
    linear, offset = affine[:, :, :2], affine[:, :, 2:]
    return torch.cat([linear * side[..., None], linear @ centre[..., None] + offset], dim=2)


def warp(images: Tensor, affine: Tensor, size: int) -> Tensor:
    """Warps and resizes in a single interpolation, with the runtime's bilinear definition.

    Args:
        images: float32 `[n, 1, h, w]`.
        affine: float32 `[n, 2, 3]`.
        size: Side of the result in pixels.

    Returns:
        float32 `[n, 1, size, size]`.
    """
    grid = _grid(affine.to(images.device), size)
    return F.grid_sample(images, grid, mode='bilinear', padding_mode='border', align_corners=False)


def _grid(affine: Tensor, size: int) -> Tensor:
    """`affine_grid` at pixel centres, as a sum of a part per column and a part per row.

    torch's own multiplies every point by the matrix, in five times the time on a CPU.
    """
    centres = (torch.arange(size, device=affine.device) * 2 + 1) / size - 1
    across, down, offset = affine[:, None, None].unbind(dim=-1)
    columns = across * centres[None, None, :, None]
    rows = down * centres[None, :, None, None] + offset
    return columns + rows


def jitter(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Changes brightness and contrast about each image's mean; the result stays in 0..1."""
    if config.brightness == 0 and config.contrast == 0:
        return images
    # Drawn on the CPU like all else here, so that every device sees the same augmentations.
    draws = (torch.rand(2, len(images), 1, 1, 1, generator=generator) * 2 - 1).to(images.device)
    shift, gain = draws[0] * config.brightness, 1 + draws[1] * config.contrast
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return ((images - mean) * gain + mean + shift).clamp_(0, 1)


def add_noise(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Adds independent normal noise to every pixel; the result stays in 0..1.

    A dim room leaves a sensor's noise in a face that is stretched to usual grey values.
    """
    if config.noise == 0:
        return images  # nothing drawn: recipes older than the noise see what they saw
    deviation = torch.rand(len(images), 1, 1, 1, generator=generator) * config.noise
    noise = torch.randn(images.shape, generator=generator) * deviation
    return (images + noise.to(images.device)).clamp_(0, 1)


def erase(images: Tensor, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """Greys out a random rectangle (2 to 15 % of the area) in a share of the images, in place."""
    if config.erase == 0:
        return images
    side = images.shape[-1]
    draws = torch.rand(len(images), 5, generator=generator)
    for image, (chance, area, aspect, x, y) in zip(images, draws.tolist(), strict=True):
        if chance >= config.erase:
            continue
        ratio = math.exp((aspect * 2 - 1) * math.log(3))
        pixels = (0.02 + 0.13 * area) * side * side
        height = min(side, max(1, round(math.sqrt(pixels * ratio))))
        width = min(side, max(1, round(math.sqrt(pixels / ratio))))
        top, left = int(y * (side - height + 1)), int(x * (side - width + 1))
        image[:, top : top + height, left : left + width] = image.mean()
    return images


def mixup(
    faces: Tensor, targets: Tensor, strength: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Blends each image and its target with another of the batch (Zhang et al. 2018).

    Args:
        faces: float32 `[n, 1, s, s]`.
        targets: float32 `[n, c]`, probabilities.
        strength: The Beta distribution's parameter, at least 0; 0 changes nothing.
        generator: Source of randomness.

    Returns:
        Faces and targets of the same shapes; one weight for the batch, as in the authors' code.
    """
    if strength == 0:
        return faces, targets
    # torch's own Beta takes no generator, and only a generator survives a resume.
    seed = int(torch.randint(2**62, (), generator=generator))
    weight = float(np.random.default_rng(seed).beta(strength, strength))
    other = torch.randperm(len(faces), generator=generator).to(faces.device)
    return faces.lerp(faces[other], weight), targets.lerp(targets[other], weight)


def augment(images: Tensor, size: int, config: AugmentConfig, generator: torch.Generator) -> Tensor:
    """All enabled augmentations and the resize to the training size.

    Args:
        images: uint8 `[n, 48, 48]`.
        size: Side of the result in pixels.
        config: Ranges; with all of them zero the result equals `resize(to_unit(images), size)`.
        generator: Source of randomness.

    Returns:
        float32 `[n, 1, size, size]` in 0..1.
    """
    unit = add_noise(jitter(to_unit(images), config, generator), config, generator)
    warped = warp(unit, random_affine(len(images), config, generator), size)
    return erase(warped, config, generator)
