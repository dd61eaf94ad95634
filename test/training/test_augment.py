"""One bilinear definition: the training warp, the training resize and the runtime's agree."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from emotion_perception.inference.preprocessing import Preprocessing, preprocess_faces
from training.config import AugmentConfig
from training.dataset import augment
from training.dataset.batches import BatchDataset
from training.dataset.data import Split
from training.scoring import predict

NOTHING = AugmentConfig(rotation=0, zoom=0, shift=0, flip=False, brightness=0, contrast=0, erase=0)


@pytest.fixture
def faces() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (4, 48, 48), dtype=np.uint8)


@pytest.mark.parametrize('size', [99, 131, 227])
def test_without_augmentation_training_sees_what_the_runtime_sees(faces, size):
    seen = augment.augment(torch.from_numpy(faces), size, NOTHING, torch.Generator())
    resized = augment.resize(augment.to_unit(torch.from_numpy(faces)), size)
    runtime = preprocess_faces(faces, Preprocessing(input_size=size, mean=0.0, std=1.0))
    np.testing.assert_allclose(seen[:, 0].numpy(), runtime[:, 0], atol=1e-4)
    np.testing.assert_allclose(resized[:, 0].numpy(), runtime[:, 2], atol=1e-4)


def test_training_corrects_underexposed_faces_as_the_runtime_does(faces):
    dark = np.concatenate([faces, faces // 10])
    split = Split('Training', dark, np.arange(8) % 7, np.arange(8))
    ((images, _),) = BatchDataset(split, 8)
    seen = augment.augment(images, 99, NOTHING, torch.Generator())
    runtime = preprocess_faces(dark, predict.preprocessing(mean=0.0, std=1.0, size=99))
    np.testing.assert_allclose(seen[:, 0].numpy(), runtime[:, 0], atol=1e-4)
    assert seen[4:].mean() == pytest.approx(0.5, abs=0.01)


def test_same_seed_same_images(faces):
    config = AugmentConfig(erase=0.5)
    one, two, other = (
        augment.augment(torch.from_numpy(faces), 60, config, torch.Generator().manual_seed(seed))
        for seed in (3, 3, 4)
    )
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert one.min() >= 0
    assert one.max() <= 1


def test_flip_mirrors_and_shift_moves(faces):
    images = augment.to_unit(torch.from_numpy(faces))
    mirror = torch.tensor([[-1.0, 0, 0], [0, 1, 0]]).expand(4, 2, 3)
    torch.testing.assert_close(augment.warp(images, mirror, 48), images.flip(3), atol=1e-5, rtol=0)
    half = torch.tensor([[1.0, 0, 0.5], [0, 1, 0]]).expand(4, 2, 3)
    moved = augment.warp(images, half, 48)
    torch.testing.assert_close(moved[..., :36], images[..., 12:], atol=1e-5, rtol=0)


def test_the_warp_is_the_one_of_affine_grid(faces):
    images = augment.to_unit(torch.from_numpy(faces))
    config = AugmentConfig(rotation=20, zoom=0.2, shift=0.1)
    affine = augment.random_affine(len(images), config, torch.Generator().manual_seed(5))
    grid = functional.affine_grid(affine, [len(images), 1, 99, 99], align_corners=False)
    expected = functional.grid_sample(
        images, grid, mode='bilinear', padding_mode='border', align_corners=False
    )
    torch.testing.assert_close(augment.warp(images, affine, 99), expected, atol=1e-5, rtol=0)


def test_noise_has_each_images_own_deviation():
    grey = torch.full((400, 48, 48), 128, dtype=torch.uint8)
    config = replace(NOTHING, noise=0.1)
    seen = augment.augment(grey, 48, config, torch.Generator().manual_seed(3))
    again = augment.augment(grey, 48, config, torch.Generator().manual_seed(3))
    assert torch.equal(seen, again)
    deviations = seen.std(dim=(1, 2, 3))
    assert deviations.max() == pytest.approx(0.1, abs=0.005)
    assert deviations.mean() == pytest.approx(0.05, abs=0.005)
    assert seen.mean() == pytest.approx(128 / 255, abs=0.002)


def test_erase_changes_only_a_rectangle(faces):
    images = augment.resize(augment.to_unit(torch.from_numpy(faces)), 96)
    config = AugmentConfig(erase=1.0)
    erased = augment.erase(images.clone(), config, torch.Generator().manual_seed(1))
    changed = (erased != images).float().mean(dim=(1, 2, 3))
    assert ((changed > 0.005) & (changed < 0.2)).all()
