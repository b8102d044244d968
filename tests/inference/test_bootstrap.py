"""Intervals of scores are those of images drawn anew, person by person, and scored from the beginning."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dataset.tasks.base import TASKS
from inference.bootstrap import ConfidenceInterval, differences, draws, intervals
from utils.registry import Component

TREE = [("a", "", ""), ("b", "he", ""), ("b", "she", ""), ("c", "man", "boy"), ("c", "man", "old")]
LEVELS = ("coarse", "middle", "fine")


def task(name, **options):
    offered = {
        "root": Path("unused"),
        "labels_found": lambda: ("cat", "dog", "fox", "owl"),
        "rows_found": lambda: [("a table", dict(zip(LEVELS, row, strict=True))) for row in TREE],
    }
    return TASKS.build(Component.of(name, **options), **offered)


EVERY_KIND = [
    task("MaskTask"),
    task("MaskTask", joint="yes"),
    task("ClassificationTask"),
    task("MultiLabelTask"),
    task("MultiLabelTask", decide="count"),
    task("HierarchyTask", levels=", ".join(LEVELS)),
    task("HierarchyTask", levels=", ".join(LEVELS), decide="level", missing="class"),
]


def predicted(made, images, seed):
    """Return logits, many of them equal, and targets, some of them without a label."""
    generator = torch.Generator().manual_seed(seed)
    logits, targets = {}, {}
    for space in made.spaces:
        shape = (images, len(space.labels))
        targets[space.name] = torch.rand(shape, generator=generator)
        if space.kind == "one_of":
            targets[space.name] = space.decide(targets[space.name]).float()
            targets[space.name][torch.rand(images, generator=generator) < 0.1] = 0
        else:
            targets[space.name] = (targets[space.name] < 0.3).float()
        noise = torch.randn(shape, generator=generator)
        logits[space.name] = (2 * noise + 2 * targets[space.name]).round()
    return logits, targets


def people(images, seed=0):
    return [f"person {number}" for number in np.random.default_rng(seed).integers(0, images // 3 + 1, images)]


def scored_from_the_beginning(made, logits, targets, groups, repeats):
    """Return every score (repeats,) of the rows that were drawn, each as often as it was."""
    found = []
    for weights in draws(groups, seed=3, repeats=repeats):
        rows = torch.from_numpy(np.repeat(np.arange(len(groups)), weights))
        parts = [{name: values[rows] for name, values in of.items()} for of in (logits, targets)]
        found.append(made.scores(*parts))
    return {name: np.array([scores[name] for scores in found]) for name in made.score_names}


def ends(interval):
    return [interval.low, interval.high]


def percentiles(values):
    return pytest.approx(np.percentile(values, [2.5, 97.5]).tolist(), abs=1e-9)


@pytest.mark.parametrize("made", EVERY_KIND, ids=lambda made: type(made).__name__)
def test_intervals_are_those_of_scoring_each_draw_from_the_beginning(made):
    (logits, targets), groups = predicted(made, 60, 1), people(60)
    expected = scored_from_the_beginning(made, logits, targets, groups, 40)
    found = intervals(made, logits, targets, groups, seed=3, repeats=40)
    assert tuple(found) == made.score_names
    for name, interval in found.items():
        assert ends(interval) == percentiles(expected[name])


@pytest.mark.parametrize("made", EVERY_KIND, ids=lambda made: type(made).__name__)
def test_differences_are_those_of_the_same_draws(made):
    (logits, targets), groups = predicted(made, 60, 1), people(60)
    others = {name: values + 1.5 * targets[name] for name, values in logits.items()}
    before = scored_from_the_beginning(made, logits, targets, groups, 40)
    after = scored_from_the_beginning(made, others, targets, groups, 40)
    scorers = made.scorer(logits, targets), made.scorer(others, targets)
    found = differences(*scorers, groups, seed=3, repeats=40)
    assert tuple(found) == made.score_names
    for name, difference in found.items():
        more = after[name] - before[name]
        assert ends(difference.between) == percentiles(more)
        assert difference.better == pytest.approx(np.mean(more > 0) + np.mean(more == 0) / 2)
        assert difference.value == made.scores(others, targets)[name] - made.scores(logits, targets)[name]
        assert ends(difference.of_a) == percentiles(before[name])
        assert ends(difference.of_b) == percentiles(after[name])


@given(st.integers(1, 25), st.integers(0, 99), st.sampled_from(EVERY_KIND))
def test_the_order_of_the_images_changes_nothing(images, seed, made):
    (logits, targets), groups = predicted(made, images, seed), people(images, seed)
    order = np.random.default_rng(seed).permutation(images)
    moved = [{name: values[order] for name, values in of.items()} for of in (logits, targets)]
    first = intervals(made, logits, targets, groups, repeats=8)
    second = intervals(made, *moved, [groups[place] for place in order], repeats=8)
    for name, interval in first.items():
        assert (second[name].low, second[name].high) == pytest.approx((interval.low, interval.high), abs=1e-9)


@given(st.integers(1, 25), st.integers(0, 99), st.sampled_from(EVERY_KIND))
def test_a_prediction_is_no_better_than_itself(images, seed, made):
    scorer = made.scorer(*predicted(made, images, seed))
    for difference in differences(scorer, scorer, people(images, seed), repeats=8).values():
        assert (difference.value, difference.between, difference.better) == (0, ConfidenceInterval(0, 0), 0.5)


@given(st.integers(1, 30), st.integers(0, 99))
def test_images_of_one_person_are_drawn_together(images, seed):
    groups = people(images, seed)
    for weights in draws(groups, seed=seed, repeats=5):
        of_group = dict(zip(groups, weights.tolist(), strict=True))
        assert [of_group[group] for group in groups] == weights.tolist()
        assert sum(of_group.values()) == len(of_group)


def right_or_wrong(right):
    """Return a task of two labels, and logits and targets of which those are right."""
    made = task("ClassificationTask", labels="no, yes")
    targets = {"label": torch.tensor([[0.0, 1.0]]).repeat(len(right), 1)}
    logits = torch.zeros(len(right), 2)
    logits[:, 1] = torch.as_tensor(right).float() * 2 - 1
    return made, {"label": logits}, targets


@pytest.mark.slow
def test_an_interval_holds_the_truth_in_95_of_100_cases():
    generator, images, truth, held = np.random.default_rng(5), 120, 0.7, []
    groups = [str(number) for number in range(images)]
    for case in range(150):
        made, logits, targets = right_or_wrong(generator.random(images) < truth)
        found = intervals(made, logits, targets, groups, seed=case, repeats=200)["accuracy"]
        held.append(found.low <= truth <= found.high)
    assert 0.90 <= np.mean(held) <= 0.985


def test_photos_of_one_person_that_are_right_together_count_as_one():
    photos, count = 7, 150
    right = np.repeat(np.random.default_rng(6).random(count) < 0.7, photos)
    groups = [str(number // photos) for number in range(count * photos)]
    made, logits, targets = right_or_wrong(right)
    alone = [str(number) for number in range(len(groups))]
    together, apart = (intervals(made, logits, targets, by)["accuracy"] for by in (groups, alone))
    ratio = (together.high - together.low) / (apart.high - apart.low)
    assert ratio == pytest.approx(photos**0.5, rel=0.15)


def test_an_interval_is_printed_in_three_digits():
    assert str(ConfidenceInterval(0.53049, 0.59)) == "[0.530, 0.590]"
