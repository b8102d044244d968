"""Grey, hue and the jitter of each colour change against torchvision's."""

import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from dataset.augmentation.base import AUGMENTATIONS, Chance
from dataset.augmentation.colour import hue
from utils.errors import ConfigError
from utils.registry import Component
from utils.seeds import torch_generator

SIZE = (9, 7)


def changed(name, images, key=1, **options):
    augmentation = AUGMENTATIONS.build(Component.of(name, **options), size=SIZE, epochs=1, heads={})
    return augmentation.images(images, Chance(torch_generator("test", key)))


def random_images(count):
    return torch.rand(count, 3, *SIZE, generator=torch.Generator().manual_seed(0))


def test_always_grey_is_torchvisions_grey_in_three_channels():
    images = random_images(5)
    expected = tv.rgb_to_grayscale(images, num_output_channels=3)
    # torchvision rounds the weights of red, green and blue to four digits
    assert torch.allclose(changed("Grey", images, probability=1), expected, atol=1e-3)


def test_some_images_turn_grey_and_the_others_stay():
    images = random_images(400)
    found = changed("Grey", images, probability=0.3)
    grey = (found == found[:, :1]).flatten(1).all(1)
    same = (found == images).flatten(1).all(1)
    assert (grey ^ same).all()
    assert 83 < int(grey.sum()) < 157  # 120 +- 4 standard deviations


def test_grey_with_probability_0_changes_nothing():
    assert torch.equal(changed("Grey", random_images(5), probability=0), random_images(5))


TURNS = (-0.5, -0.31, -0.1, 0.0, 0.05, 0.25, 0.5)


def test_a_hue_turned_is_torchvisions_with_a_turn_for_each_image():
    images = random_images(len(TURNS))
    found = hue(images, torch.tensor(TURNS))
    for image, turn, one in zip(images, TURNS, found, strict=True):
        assert torch.allclose(one, tv.adjust_hue(image, turn), atol=1e-5)
    assert torch.allclose(found[3], images[3], atol=1e-6)
    assert found.min() >= 0
    assert found.max() <= 1


def test_pure_colours_go_around_the_circle():
    red, green, blue = torch.eye(3).view(3, 3, 1, 1)
    yellow, third = torch.tensor([1.0, 1, 0]).view(3, 1, 1), torch.tensor([1 / 3])
    for before, after in ((red, green), (green, blue), (blue, red), (yellow, 1 - red)):
        assert torch.allclose(hue(before[None], third)[0], after, atol=1e-5)


def test_grey_pixels_have_no_hue_to_turn():
    for level in (0.0, 0.3, 1.0):
        images = torch.full((2, 3, *SIZE), level)
        assert torch.equal(hue(images, torch.tensor([0.2, -0.4])), images)


def test_hue_jitter_turns_to_both_sides_by_at_most_its_strength():
    red = torch.tensor([0.8, 0.2, 0.2]).view(1, 3, 1, 1).repeat(400, 1, *SIZE)
    found = changed("HueJitter", red, jitter=0.1)[:, :, 0, 0]
    turn = (found[:, 1] - found[:, 2]) / 0.6 / 6  # red towards green is above 0
    assert -0.1 <= turn.min() < -0.09
    assert 0.09 < turn.max() <= 0.1
    assert turn.mean() == pytest.approx(0, abs=0.012)
    assert torch.equal(changed("HueJitter", red, jitter=0.1), changed("HueJitter", red, jitter=0.1))


def test_hue_jitter_0_is_the_identity():
    assert torch.allclose(changed("HueJitter", random_images(3), jitter=0), random_images(3), atol=1e-6)


def test_more_than_half_a_circle_is_refused():
    with pytest.raises(ConfigError, match=r"0\.6 is not from 0 up to 0\.5"):
        changed("HueJitter", random_images(1), jitter=0.6)


@pytest.mark.parametrize(
    ("option", "theirs"),
    [
        ("brightness", tv.adjust_brightness),
        ("contrast", tv.adjust_contrast),
        ("saturation", tv.adjust_saturation),
    ],
)
def test_colour_jitter_is_one_of_torchvisions_changes_with_a_factor_in_range(option, theirs):
    images = random_images(1).repeat(60, 1, 1, 1)
    found = changed("ColourJitter", images, **{"contrast": 0, option: 0.3})
    factors = torch.linspace(0.7, 1.3, 241)
    known = torch.stack([theirs(images[0], float(factor)) for factor in factors])
    error, index = (found[:, None] - known[None]).abs().amax(dim=(2, 3, 4)).min(dim=1)
    assert error.max() < 5e-3
    assert factors[index].min() < 0.75
    assert factors[index].max() > 1.25


def test_colour_jitters_default_is_contrast_alone():
    flat = torch.rand(8, 3, 1, 1).expand(8, 3, *SIZE)
    flat = flat.mean(dim=1, keepdim=True).expand(8, 3, *SIZE)  # even grey: nothing that contrast could change
    assert torch.allclose(changed("ColourJitter", flat), flat, atol=1e-6)
    assert not torch.allclose(changed("ColourJitter", random_images(8)), random_images(8), atol=1e-2)
