"""RandomErasing covers one rectangle of one colour, of the size that was asked for."""

import pytest
import torch

from dataset.augmentation.base import AUGMENTATIONS, Chance
from utils.errors import ConfigError
from utils.registry import Component
from utils.seeds import torch_generator

GREY = torch.full((300, 3, 40, 20), 0.5)


def erased(**options):
    component = Component.of("RandomErasing", **options)
    augmentation = AUGMENTATIONS.build(component, size=(40, 20), epochs=1)
    return augmentation.images(GREY, Chance(torch_generator("test", 1)))


def test_what_is_covered_is_a_full_rectangle_of_one_colour_within_the_sizes():
    for image in erased(probability=1, smallest=0.25, largest=0.5):
        changed = (image != 0.5).any(dim=0)
        rows, columns = changed.any(dim=1), changed.any(dim=0)
        assert torch.equal(changed, rows[:, None] & columns[None, :])
        assert 9 <= int(rows.sum()) <= 21  # 0.25 to 0.5 of 40, one pixel of rounding
        assert 4 <= int(columns.sum()) <= 11
        assert len(image[:, changed].unique(dim=1).T) == 1


def test_the_share_of_covered_images_is_the_probability():
    covered = (erased(probability=0.3) != 0.5).flatten(1).any(dim=1)
    assert 0.2 < float(covered.float().mean()) < 0.4


def test_probability_0_changes_nothing():
    assert torch.equal(erased(probability=0), GREY)


def test_sizes_in_the_wrong_order_are_refused():
    with pytest.raises(ConfigError, match=r"smallest = 0.5 is above largest = 0.4"):
        erased(smallest=0.5)
