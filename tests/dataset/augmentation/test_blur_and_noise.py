"""GaussianBlur against torchvision's with the same sigma; GaussianNoise by its statistics."""

import math

import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from dataset.augmentation.base import AUGMENTATIONS, Chance
from utils.errors import ConfigError
from utils.registry import Component
from utils.seeds import torch_generator


def build(name, **options):
    return AUGMENTATIONS.build(Component.of(name, **options), size=(40, 30), epochs=1, heads={})


def chance(*keys):
    return Chance(torch_generator("test", *keys))


def random_images(count, size=(40, 30)):
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(0))


class Rising(Chance):
    """A chance whose uniform numbers rise evenly over the batch from the lowest to the highest."""

    def uniform(self, low, high, *shape):
        return torch.linspace(low, high, shape[0]).view(shape)


@pytest.mark.parametrize(("low", "high"), [(0.8, 0.8), (0.1, 2.0), (1.5, 4.0)])
def test_each_image_is_blurred_as_by_torchvision_with_its_own_sigma(low, high):
    images = random_images(5)
    found = build("GaussianBlur", probability=1, sigma=(low, high)).images(images, Rising(torch.Generator()))
    window = 2 * math.ceil(3 * high) + 1
    for image, sigma, blurred in zip(images[:-1], torch.linspace(low, high, 5), found, strict=False):
        expected = tv.gaussian_blur(image, [window, window], [float(sigma)] * 2)
        torch.testing.assert_close(blurred, expected, atol=1e-5, rtol=0)
    assert torch.equal(found[-1], images[-1])  # its number, 1, is not below the probability


def test_a_window_larger_than_the_image_is_cut_to_what_mirroring_can_fill():
    images = random_images(2, (6, 4))
    found = build("GaussianBlur", probability=1, sigma=(2, 2)).images(images, chance(0))
    torch.testing.assert_close(found, tv.gaussian_blur(images, [7, 7], [2.0, 2.0]), atol=1e-5, rtol=0)


def test_a_blur_keeps_an_even_colour_and_the_mean():
    flat = torch.full((2, 3, 12, 10), 0.7)
    blur = build("GaussianBlur", probability=1, sigma=(1, 3))
    assert torch.allclose(blur.images(flat, chance(0)), flat, atol=1e-6)
    images = random_images(4)
    found = blur.images(images, chance(0))
    assert torch.allclose(found.mean(dim=(2, 3)), images.mean(dim=(2, 3)), atol=0.02)
    assert (found.std(dim=(2, 3)) < images.std(dim=(2, 3)) / 2).all()


def test_images_that_are_not_blurred_keep_their_bits():
    images = random_images(300, (8, 8))
    found = build("GaussianBlur", probability=0.3, sigma=(1, 1)).images(images, chance(1))
    same = (found == images).flatten(1).all(1)
    assert 58 < int((~same).sum()) < 122  # 90 +- 4 standard deviations
    assert torch.equal(build("GaussianBlur", probability=0).images(images, chance(1)), images)


def test_a_sigma_of_0_or_in_the_wrong_order_is_refused():
    with pytest.raises(ConfigError, match="sigma = 2, 1 must be the least and then the greatest"):
        build("GaussianBlur", sigma=(2, 1))
    with pytest.raises(ConfigError, match=r"0 is not from 0\.01"):
        build("GaussianBlur", sigma=(0, 1))


def test_noise_is_normal_with_a_deviation_of_its_own_for_each_image():
    images = torch.full((300, 3, 24, 24), 0.5)
    found = build("GaussianNoise", probability=1, noise=0.08).images(images, chance(2)) - 0.5
    deviations = found.std(dim=(1, 2, 3))
    assert deviations.max() < 0.08 * 1.05
    assert deviations.mean() == pytest.approx(0.04, abs=0.006)  # uniform between 0 and 0.08
    assert found.mean() == pytest.approx(0, abs=0.001)
    standard = (found / deviations.view(-1, 1, 1, 1)).flatten()
    assert (standard.abs() < 1).float().mean() == pytest.approx(0.683, abs=0.005)
    assert torch.corrcoef(found[:, :2].flatten(2).permute(1, 0, 2).flatten(1))[0, 1].abs() < 0.02


def test_some_images_stay_without_noise_and_0_changes_nothing():
    images = random_images(300, (8, 8))
    found = build("GaussianNoise", probability=0.3).images(images, chance(3))
    same = (found == images).flatten(1).all(1)
    assert 58 < int((~same).sum()) < 122
    assert torch.equal(build("GaussianNoise", probability=0).images(images, chance(3)), images)
    assert torch.equal(build("GaussianNoise", probability=1, noise=0).images(images, chance(3)), images)
