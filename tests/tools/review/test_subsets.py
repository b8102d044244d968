"""Scores on parts of the images, against sklearn and against the same draws in a loop."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, average_precision_score, f1_score

from dataset.tasks.hierarchy import HierarchyTask
from dataset.tasks.mask import MaskTask
from dataset.tasks.multi_label import MultiLabelTask
from inference.bootstrap import draws
from tools.review.subsets import Subset, subset_scores, subsets


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
        (one.question, one.score): one
        for one in subset_scores(
            task, Subset("age", "young", rows), logits, targets, groups, repeats=40, seed=2
        )
    }
    true, said = task.answers(targets), task.answers(task.decide(logits))
    for view in ("mask", "gender"):
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


@pytest.mark.parametrize("by", ["mask", "gender", "age", "photo", "years"])
def test_a_part_that_lacks_labels_of_a_view_gets_no_f1_in_which_precision_is_1_by_construction(images, by):
    task, targets, logits, facts, groups = images
    years = [of | {"years": str(int(of["age"]) // 2)} for of in facts]
    true, said = task.answers(targets), task.answers(task.decide(logits))
    parts = [part for part in subsets(task, targets, years, groups) if part.by == by]
    assert len(parts) > 1
    for part in parts:
        found = {
            (one.question, one.score): one
            for one in subset_scores(task, part, logits, targets, groups, repeats=2)
        }
        assert (by, "macro_f1") not in found  # what is said of the labels themselves is in the label report
        for view, answers in true.items():
            whole = set(answers.tolist()) == set(answers[part.rows].tolist())
            assert ((view, "macro_f1") in found) == (whole and view != by)
            if view != by:
                right = accuracy_score(answers[part.rows], said[view][part.rows])
                assert found[view, "accuracy"].value == right
                assert found[view, "accuracy"].images == len(part.rows)


def test_a_level_is_scored_on_the_images_that_are_labelled_there(tmp_path):
    rows = [("pet", "cat"), ("pet", "dog"), ("pet", ""), ("wild", "fox"), ("wild", ""), ("wild", "")]
    facts = [dict(zip(("kind", "animal"), row, strict=True)) | {"place": "ab"[i % 2]} for i, row in
             enumerate(rows * 4)]  # fmt: skip
    task = HierarchyTask(
        root=tmp_path, rows_found=lambda: [(str(i), of) for i, of in enumerate(facts)],
        levels=("kind", "animal"), decide="level",
    )  # fmt: skip
    targets = task.targets([task.encode(of) for of in facts])
    random = np.random.default_rng(3)
    logits = {n: v + torch.from_numpy(random.normal(0, 0.7, v.shape)) for n, v in targets.items()}
    groups = [str(i // 2) for i in range(len(facts))]
    true, said = task.answers(targets), task.answers(task.decide(logits))
    (wild,) = [part for part in subsets(task, targets, facts, groups) if part.value == "wild"]
    (only,) = subset_scores(task, wild, logits, targets, groups, repeats=2)  # foxes are all wild: no F1
    labelled = wild.rows[true["animal"][wild.rows] >= 0]
    assert (only.question, only.score, only.images, only.groups) == ("animal", "accuracy", 4, 4)
    assert only.value == accuracy_score(true["animal"][labelled], said["animal"][labelled])


def test_tags_that_a_whole_part_has_are_no_part_of_its_scores(tmp_path):
    random = np.random.default_rng(1)
    task = MultiLabelTask(root=tmp_path, labels_found=lambda: ("dog", "cat", "red"))
    marks = random.random((60, 3)) < 0.5
    facts = [{"dog": ["no", "yes"][int(row[0])]} for row in marks]
    targets = {"labels": torch.from_numpy(marks.astype(np.float32))}
    logits = {"labels": torch.from_numpy(marks + random.normal(-0.5, 0.7, marks.shape))}
    groups = list(map(str, range(60)))
    true, said = marks, task.decide(logits)["labels"].numpy()
    for part in subsets(task, targets, facts, groups):
        found = {s.score: s.value for s in subset_scores(task, part, logits, targets, groups, repeats=2)}
        rows = part.rows[:, None]
        for average in ("macro", "micro"):
            expected = f1_score(true[rows, [1, 2]], said[rows, [1, 2]], average=average)
            assert found[f"{average}_f1"] == pytest.approx(expected)
        precision = average_precision_score(true[rows, [1, 2]], logits["labels"].numpy()[rows, [1, 2]])
        assert found["mAP"] == pytest.approx(precision)
