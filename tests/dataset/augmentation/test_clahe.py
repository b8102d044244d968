"""CLAHE raises the local contrast of lightness, leaves colours alone, and does so for some images only."""

import cv2
import numpy as np
import pytest
import torch

from dataset.augmentation.base import AUGMENTATIONS, Chance
from utils.errors import ConfigError
from utils.registry import Component
from utils.seeds import torch_generator

SIZE = (64, 48)


def equalised(images, key=1, **options):
    augmentation = AUGMENTATIONS.build(Component.of("CLAHE", **options), size=SIZE, epochs=1, heads={})
    return augmentation.images(images, Chance(torch_generator("test", key)))


def dull(count):
    """Return images of low contrast, each with its own colour and brightness."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 1, 8, 6, generator=generator)
    light = torch.nn.functional.interpolate(coarse, SIZE, mode="bilinear")
    colour = torch.rand(count, 3, 1, 1, generator=generator) * 0.4 + 0.3
    return (colour * (0.9 + 0.2 * light)).clamp(0, 1)


def lab(image):
    """Return lightness (0 to 100) and the two axes of colour of a float image (3, H, W)."""
    return cv2.cvtColor(np.ascontiguousarray(image.permute(1, 2, 0).numpy()), cv2.COLOR_RGB2LAB)


def test_lightness_gains_contrast_and_colours_stay():
    images = dull(6)
    found = equalised(images, probability=1)
    for before, after in zip(images, found, strict=True):
        light, colour = lab(before)[..., 0], lab(before)[..., 1:]
        assert lab(after)[..., 0].std() > 1.5 * light.std()
        assert (
            np.abs(lab(after)[..., 1:] - colour).mean() < 2
        )  # rounding to 8 bits; a mix-up of red and blue is tens


def test_one_tile_without_a_limit_is_the_plain_equalisation_of_a_histogram():
    grey = (dull(1).mean(dim=1, keepdim=True) * 255).round() / 255
    found = equalised(grey.expand(1, 3, *SIZE), probability=1, tiles=1, clip_limit=1000)[0, 0]
    light = lab(grey[0].expand(3, *SIZE))[..., 0]
    ranks = np.searchsorted(np.sort(light.ravel()), light, side="right") / light.size  # 0 to 1
    assert np.corrcoef(lab(found.expand(3, *SIZE))[..., 0].ravel(), ranks.ravel())[0, 1] > 0.999


def test_a_higher_limit_gives_more_contrast():
    def spread(limit):
        return float(equalised(dull(4), probability=1, clip_limit=limit, tiles=2).std(dim=(2, 3)).mean())

    assert spread(1) < spread(3) < spread(8)


def test_images_that_are_not_chosen_keep_their_bits():
    images = dull(100)
    found = equalised(images, probability=0.3)
    same = (found == images).flatten(1).all(1)
    assert 12 < int((~same).sum()) < 48  # 30 +- 4 standard deviations
    assert torch.equal(equalised(images, probability=0), images)


def test_a_limit_of_0_is_refused():
    with pytest.raises(ConfigError, match=r"0 is not from 0\.001"):
        equalised(dull(1), clip_limit=0)
