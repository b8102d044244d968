"""Precision, recall and F1 of each label, against sklearn and against the same draws in a loop."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.metrics import precision_recall_fscore_support

from dataset.tasks.classification import ClassificationTask
from dataset.tasks.hierarchy import HierarchyTask
from dataset.tasks.mask import MaskTask
from dataset.tasks.multi_label import MultiLabelTask
from inference.bootstrap import draws
from inference.label_report import label_scores

GROUPS = [str(i // 3) for i in range(90)]
RANDOM = np.random.default_rng(2)


def guesses(targets, noise=0.8):
    return {n: v + torch.from_numpy(RANDOM.normal(0, noise, v.shape)) for n, v in targets.items()}


def three_answers(folder):
    task = MaskTask()
    rows = RANDOM.integers(0, 18, 90)
    return task, [{"mask": (r // 6,), "gender": (r // 3 % 2,), "age": (r % 3,)} for r in rows]


def one_label(folder):
    # "never" has no image, so its recall is nothing: not 0, and not 1
    task = ClassificationTask(root=folder, labels_found=lambda: ("a", "b", "never"))
    return task, [{"label": (int(r),)} for r in RANDOM.integers(0, 2, 90)]


def levels(folder):
    rows = [("x", "p"), ("x", "q"), ("y", ""), ("y", "r")]
    facts = [dict(zip(("kind", "breed"), rows[r], strict=True)) for r in RANDOM.integers(0, 4, 90)]
    task = HierarchyTask(
        root=folder, rows_found=lambda: [(str(i), of) for i, of in enumerate(facts)], levels=("kind", "breed")
    )
    return task, [task.encode(of) for of in facts]


@pytest.mark.parametrize("kind", [three_answers, one_label, levels])
def test_scores_of_each_label_are_sklearns_over_all_labelled_images(kind, tmp_path):
    task, marked = kind(tmp_path)
    targets = task.targets(marked)
    logits = guesses(targets)
    true, chosen = task.answers(targets), task.answers(task.decide(logits))
    found = label_scores(task, task.decide(logits), targets, GROUPS, repeats=2)
    assert [(one.question, one.label) for one in found] == [
        (v, k) for v, ks in task.questions.items() for k in ks
    ]
    for view, labels in task.questions.items():
        known = true[view] >= 0
        expected = precision_recall_fscore_support(
            true[view][known], chosen[view][known], labels=range(len(labels)), zero_division=np.nan
        )
        scores = [one for one in found if one.question == view]
        for one, precision, recall, f1, images in zip(scores, *expected, strict=True):
            assert (one.precision.value, one.recall.value, one.f1.value) == pytest.approx(
                (precision, recall, f1), nan_ok=True
            )
            label = labels.index(one.label)
            own = {g for g, t in zip(GROUPS, true[view], strict=True) if t == label}
            assert (one.images, one.groups) == (images, len(own))
            assert one.answers == (chosen[view][known] == label).sum()


def test_scores_of_each_tag_are_sklearns_and_the_intervals_those_of_the_same_draws(tmp_path):
    task = MultiLabelTask(root=tmp_path, labels_found=lambda: ("dog", "cat", "never"))
    marks = np.hstack([RANDOM.random((90, 2)) < 0.3, np.zeros((90, 1), dtype=bool)])
    targets = {"labels": torch.from_numpy(marks.astype(np.float32))}
    logits = {"labels": guesses(targets)["labels"] - 0.5}
    logits["labels"][:, 2] = -9
    said = task.decide(logits)["labels"].numpy()
    found = label_scores(task, task.decide(logits), targets, GROUPS, repeats=30, seed=4)

    def expected(weights=None):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what nobody has and nobody says
            of = precision_recall_fscore_support(marks, said, sample_weight=weights, zero_division=np.nan)
        return np.array(of[:3], dtype=np.float64)

    drawn = np.stack([expected(weights) for weights in draws(GROUPS, seed=4, repeats=30)])
    for place, one in enumerate(found):
        for rate, name in enumerate(("precision", "recall", "f1")):
            of = getattr(one, name)
            assert of.value == pytest.approx(expected()[rate, place], nan_ok=True)
            ends = np.nanquantile(drawn[:, rate, place], [0.025, 0.975]) if place < 2 else [np.nan] * 2
            assert (of.interval.low, of.interval.high) == pytest.approx(tuple(ends), nan_ok=True)
