"""Scores on parts of the images, against sklearn and against the same draws in a loop."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score

from dataset.tasks.mask import MaskTask
from inference.bootstrap import draws
from inference.subsets import Subset, subset_scores, subsets


@pytest.fixture
def images():
    """A task, targets and logits of 210 images of 30 people, and what their table says."""
    random = np.random.default_rng(0)
    task, people = MaskTask(), []
    for number in range(30):
        people += [
            {"photo": photo, "gender": ("male", "female")[number % 2], "age": str(20 + number),
             "race": "Asian", "id": f"{number:06d}", "sex": "mf"[number % 2]}
            for photo in ("mask1", "mask2", "mask3", "mask4", "mask5", "incorrect_mask", "normal")
        ]  # fmt: skip
    targets = task.targets([task.encode(facts) for facts in people])
    logits = {
        name: values + torch.from_numpy(random.normal(0, 0.6, values.shape))
        for name, values in targets.items()
    }
    return task, targets, logits, people, [facts["id"] for facts in people]


def test_parts_are_those_of_views_and_of_columns_that_say_something(images):
    task, targets, _, facts, groups = images
    found = list(subsets(task, targets, facts, groups))
    names = {}
    for part in found:
        names.setdefault(part.by, []).append((part.value, len(part.rows)))
    # the ages of people from 20 to 49; classes are too many, sex is gender, race is one, each id has its own
    assert names == {
        "mask": [("wear", 150), ("incorrect", 30), ("normal", 30)],
        "gender": [("male", 105), ("female", 105)],
        "age": [("young", 70), ("middle", 140)],
        "photo": [(name, 30) for name in sorted({of["photo"] for of in facts})],
    }


def test_numbers_with_many_values_are_cut_into_ranges(images):
    task, targets, _, facts, groups = images
    more = [of | {"height": str(150 + int(of["id"]) // 2)} for of in facts]
    found = [part for part in subsets(task, targets, more, groups) if part.by == "height"]
    assert [part.value for part in found] == [
        "150 to 152",
        "153 to 155",
        "156 to 158",
        "159 to 161",
        "162 to 164",
    ]
    assert sorted(np.concatenate([part.rows for part in found]).tolist()) == list(range(210))


def test_scores_of_a_part_are_those_of_its_images_alone(images):
    task, targets, logits, _, groups = images
    rows = np.flatnonzero(task.answers(targets)["age"] == 0)[3:]
    found = {
        (one.view, one.score): one
        for one in subset_scores(
            task, Subset("age", "young", rows), logits, targets, groups, repeats=40, seed=2
        )
    }
    true, said = task.answers(targets), task.answers(task.decide(logits))
    for view in ("mask", "gender", "class"):
        one = found[view, "macro_f1"]
        there = sorted(set(true[view][rows].tolist()))
        own = [groups[row] for row in rows]

        def f1(weights, view=view, there=there):
            return f1_score(
                true[view][rows],
                said[view][rows],
                labels=there,
                average="macro",
                zero_division=0,
                sample_weight=weights,
            )

        assert one.value == pytest.approx(f1(None), abs=1e-9)
        assert one.groups == len(set(own))
        drawn = np.quantile([f1(weights) for weights in draws(own, seed=2, repeats=40)], [0.025, 0.975])
        assert (one.interval.low, one.interval.high) == pytest.approx(drawn, abs=1e-9)
        assert found[view, "accuracy"].value == accuracy_score(true[view][rows], said[view][rows])
