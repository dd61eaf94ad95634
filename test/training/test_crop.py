"""Random crops: where they lie, what they show, and that recipes without them see no change."""

import numpy as np
import pytest
import torch

from training.config import AugmentConfig, Recipe
from training.dataset import augment
from training.errors import TrainingError
from training.recipe_files import parse

OFF = {'rotation': 0, 'zoom': 0, 'shift': 0, 'flip': False, 'brightness': 0, 'contrast': 0}
FEW, MANY = 4, 20_000
# Mean and one pixel of the images below, measured before there were crops.
BEFORE = (0.548429956, 0.172937617)


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def frames(smallest: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Sides and centres of many crops, as parts of the width and in -1..1."""
    config = AugmentConfig(**OFF, crop=smallest)
    affine = augment.random_affine(MANY, config, generator())
    torch.testing.assert_close(affine[:, 0, 0], affine[:, 1, 1])
    assert (affine[:, 0, 1] == 0).all()
    assert (affine[:, 1, 0] == 0).all()
    return affine[:, 0, 0], affine[:, :, 2]


def test_sides_are_uniform_and_no_crop_leaves_the_image():
    side, centre = frames(0.5)
    assert side.min() >= 0.5
    assert side.max() <= 1
    quarters = torch.histc(side, 4, 0.5, 1) / MANY
    torch.testing.assert_close(quarters, torch.full((4,), 0.25), atol=0.02, rtol=0)
    assert (centre.abs() + side[:, None] <= 1 + 1e-6).all()


def test_positions_are_uniform_among_those_inside():
    side, centre = frames(0.5)
    place = centre / (1 - side[:, None])  # -1..1 whatever the side
    for axis in (0, 1):
        quarters = torch.histc(place[:, axis], 4, -1, 1) / MANY
        torch.testing.assert_close(quarters, torch.full((4,), 0.25), atol=0.02, rtol=0)
    drawn = torch.stack([side, place[:, 0], place[:, 1]])
    torch.testing.assert_close(torch.corrcoef(drawn), torch.eye(3), atol=0.03, rtol=0)


def test_a_crop_is_the_cut_out_part_resized():
    images = torch.rand(1, 1, 48, 48, generator=generator())
    # 40 of 48 pixels, from column 6 and row 2: the centre is 2 right of and 2 above the middle.
    affine = torch.tensor([[[40 / 48, 0, 2 / 24], [0, 40 / 48, -2 / 24]]])
    cut = augment.warp(images, affine, 40)
    torch.testing.assert_close(cut, images[:, :, 2:42, 6:46], atol=1e-5, rtol=0)


def test_the_crop_is_cut_from_the_image_changed_before():
    images = torch.rand(FEW, 1, 48, 48, generator=generator())
    changes = {'rotation': 20.0, 'zoom': 0.2, 'shift': 0.1}
    whole = augment.random_affine(FEW, AugmentConfig(**changes), generator())
    both = augment.random_affine(FEW, AugmentConfig(**changes, crop=0.6), generator())
    step = generator()
    augment.random_affine(FEW, AugmentConfig(**OFF), step)  # draws as many numbers as the above
    draws = torch.rand(FEW, 3, generator=step)
    side = 0.6 + 0.4 * draws[:, 0]
    centre = (2 * draws[:, 1:] - 1) * (1 - side[:, None])
    crop = torch.eye(2) * side[:, None, None]
    crop = torch.cat([crop, centre[..., None]], dim=2)
    smooth = torch.nn.functional.interpolate(images[..., ::8, ::8], size=480, mode='bicubic')
    at_once = augment.warp(smooth, both, 60)
    one_by_one = augment.warp(augment.warp(smooth, whole, 480), crop, 60)
    torch.testing.assert_close(at_once, one_by_one, atol=0.02, rtol=0)


def test_without_a_crop_all_draws_are_those_of_older_recipes():
    config = AugmentConfig(erase=0.5)
    assert config.crop == 1
    drawn, expected = generator(), generator()
    augment.random_affine(FEW, config, drawn)
    for _ in range(5):  # angle, zoom, two shifts, flip
        torch.rand(FEW, generator=expected)
    assert torch.equal(drawn.get_state(), expected.get_state())
    images = torch.randint(0, 256, (FEW, 48, 48), dtype=torch.uint8, generator=generator())
    seen = augment.augment(images, 60, config, generator(8)).double()
    assert seen.mean().item() == pytest.approx(BEFORE[0], abs=1e-6)
    assert seen[1, 0, 20, 30].item() == pytest.approx(BEFORE[1], abs=1e-5)


def test_cropped_images_are_repeatable_and_stay_in_range():
    images = torch.randint(0, 256, (FEW, 48, 48), dtype=torch.uint8, generator=generator())
    config = AugmentConfig(crop=0.83)
    one, two, other = (augment.augment(images, 60, config, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert one.shape == (FEW, 1, 60, 60)
    assert one.min() >= 0
    assert one.max() <= 1


@pytest.mark.parametrize('crop', [0, -0.5, 1.01, np.nan])
def test_impossible_crops_are_refused(crop):
    with pytest.raises(TrainingError, match=r'augment\.crop must be above 0 and at most 1'):
        parse(Recipe, {'name': 'x', 'augment': {'crop': float(crop)}}, 'recipe')
