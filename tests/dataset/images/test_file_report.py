"""Found rates by label: a crop that goes with a label is said to."""

import pytest
import torch

from dataset.croppers.base import Box, Cropper
from dataset.croppers.whole_image import WholeImage
from dataset.images.file_report import crop_lines
from dataset.tasks.spaces import AnyOf, OneOf


class Seeker(Cropper):
    seeks, instead = "face", "their centre was kept"

    def __call__(self, image):
        return Box(0, 0, 1, 1)


class Source:
    def __init__(self, count, missed, bad=()):
        self.count, self.missed, self.bad, self.remarks = count, list(missed), dict.fromkeys(bad, "why"), {}

    def __len__(self):
        return self.count


MASK, GENDER = OneOf("mask", ("worn", "none")), OneOf("gender", ("male", "female"))
TARGETS = {
    "mask": torch.tensor([[1.0, 0.0]] * 6 + [[0.0, 1.0]] * 4),
    "gender": torch.tensor([[1.0, 0.0], [0.0, 1.0]] * 5),
}


def said(missed, bad=(), spaces=(MASK, GENDER), targets=TARGETS, count=10):
    return crop_lines(Source(count, missed, bad), Seeker(), "training", spaces, targets)


def test_rates_are_shown_for_each_label_and_a_space_that_they_go_with_is_named():
    lines = said([0, 1, 2, 3])
    assert lines[0] == "No face found in 4 of 10 training images: their centre was kept."
    assert lines[1] == "Found by mask: worn 2/6 (33%), none 4/4 (100%)"
    assert lines[2] == "Found by gender: male 3/5 (60%), female 3/5 (60%)"
    assert "goes with mask: the crop itself tells" in lines[3]


def test_rates_that_are_alike_are_no_leak():
    lines = said(
        [0, 1, 6, 7], targets={**TARGETS, "mask": torch.tensor([[1.0, 0.0], [0.0, 1.0]]).repeat(5, 1)}
    )
    assert len(lines) == 3


def test_unreadable_and_pseudo_labelled_images_and_those_without_a_label_are_not_counted():
    targets = {"mask": TARGETS["mask"].clone()}
    targets["mask"][9] = 0
    lines = said([0, 11], bad=[5, 12], spaces=(MASK,), targets=targets, count=14)
    assert lines[1] == "Found by mask: worn 4/5 (80%), none 3/3 (100%)"


def test_tags_have_rates_too_and_many_labels_are_shortened_to_both_ends():
    labels = tuple(f"t{n}" for n in range(30))
    targets = {"tags": torch.ones(10, 30)}
    (_, line) = said([0], spaces=(AnyOf("tags", labels),), targets=targets)
    assert line.count("9/10 (90%)") == 20
    assert ", ..., " in line


def test_all_found_is_said_and_croppers_that_do_not_look_say_nothing():
    assert said([]) == ["A face was found in all 10 training images."]
    assert crop_lines(Source(10, []), WholeImage(), "training", (MASK,), TARGETS) == []


@pytest.mark.parametrize("missed", [range(10), [9]])
def test_any_number_of_misses_makes_lines(missed):
    assert said(list(missed))[1].startswith("Found by mask: ")
