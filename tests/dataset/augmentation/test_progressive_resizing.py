"""ProgressiveResizing gives small images first and full ones later, and a model takes both."""

import pytest
import torch
import torch.nn.functional as F

from dataset.augmentation.base import AUGMENTATIONS, Augmenter, Chance
from models.base import MODELS
from utils.registry import Component
from utils.seeds import torch_generator

SIZE = (32, 24)


def resizing(**options):
    return AUGMENTATIONS.build(Component.of("ProgressiveResizing", **options), size=SIZE, epochs=10)


@pytest.mark.parametrize(("epoch", "size"), [(0, (16, 12)), (5.99, (16, 12)), (6, SIZE), (9.9, SIZE)])
def test_images_are_small_until_their_part_of_the_epochs_is_over(epoch, size):
    images = torch.rand(2, 3, *SIZE)
    out = resizing(scale=0.5, until=0.6).images(images, Chance(torch_generator("test"), epoch))
    assert out.shape == (2, 3, *size)


def test_small_images_average_over_areas():
    images = torch.rand(2, 3, *SIZE)
    out = resizing(scale=0.5, until=1).images(images, Chance(torch_generator("test")))
    torch.testing.assert_close(out.mean(dim=(2, 3)), images.mean(dim=(2, 3)), atol=0.02, rtol=0)
    flat = F.interpolate(torch.full((1, 3, *SIZE), 0.25), scale_factor=0.5)
    assert torch.equal(
        resizing(scale=0.5).images(torch.full((1, 3, *SIZE), 0.25), Chance(torch_generator("t"))), flat
    )


def test_sizes_stay_even():
    assert resizing(scale=0.66).small == (22, 16)


def test_the_last_step_of_preparing_a_batch_leaves_small_images_alone():
    augmenter = Augmenter([resizing(scale=0.5)], size=SIZE, seed=0)
    stored = torch.zeros(2, 3, 40, 30, dtype=torch.uint8)
    images, _ = augmenter(stored, {}, epoch=0, batch=0, time=0.0)
    model = MODELS.build(Component.of("TinyNet", width=4), heads={"a": 2}, image_size=SIZE)
    assert images.shape == (2, 3, 16, 12)
    assert model(images)["a"].shape == (2, 2)
