"""Vertical flips, quarter turns, random parts, grids and AugMix are what their sources say."""

import math

import pytest
import torch

from dataset.augmentation.base import AUGMENTATIONS, Chance
from dataset.augmentation.warp import warp
from utils.registry import Component
from utils.seeds import torch_generator

COUNT = 400


def build(name, size=(12, 12), **options):
    return AUGMENTATIONS.build(Component.of(name, **options), size=size, epochs=10, heads={"age": 3})


def chance(epoch=0.0):
    return Chance(torch_generator("test", 3), epoch)


class Given(Chance):
    """A chance whose uniform numbers lie at given fractions of their ranges, one call after the other."""

    def uniform(self, low, high, *shape):
        return torch.full(shape, low + next(self.fractions) * (high - low))


def given(*fractions):
    made = Given.__new__(Given)
    object.__setattr__(made, "generator", torch_generator("test", 3))
    object.__setattr__(made, "epoch", 0.0)
    Given.fractions = iter(fractions)
    return made


def images(height=12, width=12, count=COUNT):
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def how_often(changed, original):
    """Return the fraction of images that equal the original one."""
    return (changed == original).flatten(1).all(dim=1).float().mean().item()


@pytest.mark.parametrize("probability", [0.0, 0.5, 1.0])
def test_a_vertical_flip_exchanges_top_and_bottom_of_so_many_images(probability):
    before = images(12, 10)
    after = build("VerticalFlip", probability=probability).images(before, chance())
    assert how_often(after, before) == pytest.approx(1 - probability, abs=0.08)
    assert how_often(after, before.flip(2)) == pytest.approx(probability, abs=0.08)


def test_quarter_turns_turn_square_images_all_four_ways_as_often():
    before = images()
    after = build("QuarterTurns").images(before, chance())
    shares = [how_often(after, before.rot90(quarters, (2, 3))) for quarters in range(4)]
    assert shares == pytest.approx([0.25] * 4, abs=0.08)
    assert sum(shares) == pytest.approx(1)


def test_quarter_turns_keep_the_shape_of_images_that_are_not_square():
    before = images(12, 10)
    after = build("QuarterTurns", probability=0.5).images(before, chance())
    assert after.shape == before.shape
    assert how_often(after, before.rot90(2, (2, 3))) == pytest.approx(0.5, abs=0.08)


def test_a_random_part_is_where_and_as_large_as_was_drawn():
    before = images(20, 30, count=3)
    # An area of 0.25, square in pixels, in the upper left corner.
    part = build("RandomResizedCrop", (10, 10), smallest=0.25, largest=0.25)
    side = math.sqrt(0.25 * 20 * 30)
    wide, high = side / 30, side / 20
    maps = torch.tensor([[[wide, 0, wide - 1], [0, high, high - 1]]]).expand(3, 2, 3)
    assert torch.allclose(
        part.images(before, given(0, 0.5, 0)), warp(before, maps.contiguous(), (10, 10)), atol=1e-5
    )


def test_parts_of_all_of_the_image_only_resize_it():
    before = images(12, 12, count=3)
    part = build("RandomResizedCrop", (12, 12), smallest=1, largest=1, ratio=1)
    assert torch.allclose(part.images(before, chance()), before, atol=1e-5)


def test_areas_and_ratios_of_parts_are_spread_as_the_source_says():
    drawn = []
    part = build("RandomResizedCrop", (8, 8), smallest=0.2, largest=0.4)

    def keep(images, maps, size):
        drawn.append(maps)
        return images

    from dataset.augmentation import random_resized_crop

    original, random_resized_crop.warp = random_resized_crop.warp, keep
    try:
        part.images(images(20, 30, count=4000), chance())
    finally:
        random_resized_crop.warp = original
    wide, high = drawn[0][:, 0, 0], drawn[0][:, 1, 1]
    area, ratio = wide * high, wide * 30 / (high * 20)
    assert (area.min(), area.max()) == pytest.approx((0.2, 0.4), abs=1e-3)
    assert area.mean() == pytest.approx(0.3, abs=0.005)
    assert ratio.log().mean() == pytest.approx(0, abs=0.02)
    assert (ratio.min(), ratio.max()) == pytest.approx((3 / 4, 4 / 3), abs=1e-3)
    middle = drawn[0][:, :, 2].abs()
    assert (middle <= 1 - torch.stack([wide, high], dim=1) + 1e-6).all()  # never beyond the border


def test_a_grid_deletes_the_squares_of_the_papers_equations():
    before = images(12, 12, count=2)
    # masked, a step of 0.5 * 12 = 6 pixels, no offset: of each 6 pixels the first (1 - 0.5) * 6 = 3 go.
    grid = build("GridMask", smallest=0.5, largest=0.5, keep=0.5, rise=0, probability=1)
    after = grid.images(before, given(0, 0, 0, 0))
    deleted = torch.arange(12) % 6 < 3
    squares = deleted[:, None] & deleted[None, :]
    mean = before.mean(dim=(2, 3), keepdim=True).expand_as(before)
    assert torch.equal(after[:, :, squares], mean[:, :, squares])
    assert torch.equal(after[:, :, ~squares], before[:, :, ~squares])


def test_the_part_that_a_grid_keeps_is_that_of_the_paper():
    before = images(60, 60, count=200)
    after = build("GridMask", keep=0.6, rise=0, probability=1, smallest=0.2, largest=0.3).images(
        before, chance()
    )
    kept = (after == before).float().mean().item()
    assert kept == pytest.approx(1 - (1 - 0.6) ** 2, abs=0.02)  # equation 1: 2 r - r^2


@pytest.mark.parametrize(("epoch", "share"), [(0.0, 0.0), (2.0, 0.2), (8.0, 0.8), (9.9, 0.8)])
def test_a_grid_becomes_as_frequent_as_it_is_to_be_in_a_straight_line(epoch, share):
    before = images()
    after = build("GridMask", probability=0.8, rise=0.8).images(before, chance(epoch))
    assert 1 - how_often(after, before) == pytest.approx(share, abs=0.08)


def test_augmix_is_the_mean_by_drawn_weights_of_the_image_and_its_chains(monkeypatch):
    from dataset.augmentation import aug_mix

    calls = []

    def whiten(images, strength, chance, operations):
        calls.append(strength)
        return torch.ones_like(images)

    monkeypatch.setattr(aug_mix, "one_of_all", whiten)
    before = images(count=50) * 0.5
    after = build("AugMix", chains=2, depth=3).images(before, chance())
    assert len(calls) == 6
    assert max(strength.abs().max().item() for strength in calls) <= 0.3
    # All chains give white, whatever their weights: what is left shows the image's share.
    share = (1 - after) / (1 - before)
    assert share.std(dim=(1, 2, 3)).max() < 1e-4
    assert 0 <= share.min() <= share.max() <= 1
    assert share.mean().item() == pytest.approx(0.5, abs=0.12)


def test_augmix_weights_add_up_to_one_so_a_grey_image_stays_grey():
    grey = torch.full((20, 3, 12, 12), 0.0)
    after = build("AugMix", magnitude=0.0).images(grey, chance())
    assert torch.allclose(after, grey, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "moves"),
    [
        ("VerticalFlip", {"upend", "flip", "rotate"}),
        ("QuarterTurns", {"turn", "rotate"}),
        ("RandomResizedCrop", {"shift", "scale"}),
        ("GridMask", set()),
        ("AugMix", {"shift", "rotate"}),
    ],
)
def test_each_says_how_it_moves_images(name, moves):
    assert build(name).moves == moves


@pytest.mark.parametrize("name", ["RandomResizedCrop", "GridMask"])
def test_a_smallest_above_the_largest_is_refused(name):
    with pytest.raises(ValueError, match=r"smallest = 0\.9 is above largest = 0\.5"):
        build(name, smallest=0.9, largest=0.5)
