"""Any number of labels for each image: scores, decisions and submissions."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, f1_score

from dataset.tasks.base import TASKS
from dataset.tasks.labels import labels_fact
from dataset.tasks.multi_label import MultiLabelTask
from utils.errors import ConfigError
from utils.registry import Component

LABELS = ("cat", "dog", "fox")
LOGITS = {"labels": torch.tensor([[2.0, -1.0, 0.5], [-3.0, -2.0, -1.0], [3.0, 2.0, 1.0]])}


def task(tmp_path="unused", **options):
    return TASKS.build(Component.of("MultiLabelTask", **options), root=tmp_path, labels_found=lambda: LABELS)


def drawn(images, seed):
    generator = torch.Generator().manual_seed(seed)
    logits = {"labels": torch.randn(images, len(LABELS), generator=generator).mul(3).round()}
    return logits, {"labels": (torch.rand(images, len(LABELS), generator=generator) < 0.4).float()}


@given(st.integers(2, 60), st.integers(0, 999))
def test_scores_are_sklearns(images, seed):
    logits, targets = drawn(images, seed)
    true, probabilities = targets["labels"].numpy() > 0, logits["labels"].sigmoid().numpy()
    scores = task().scores(logits, targets)
    present = [k for k in range(len(LABELS)) if true[:, k].any()]
    precisions = [average_precision_score(true[:, k], probabilities[:, k]) for k in present]
    assert scores["mAP"] == pytest.approx(np.mean(precisions) if present else 0)
    chosen = probabilities >= 0.5
    assert scores["macro_f1"] == pytest.approx(f1_score(true, chosen, average="macro", zero_division=0))
    assert scores["micro_f1"] == pytest.approx(f1_score(true, chosen, average="micro", zero_division=0))
    each = f1_score(true, chosen, average=None, zero_division=0)
    assert [scores[f"labels/f1/{label}"] for label in LABELS] == pytest.approx(each)
    assert task().score_names == tuple(scores)


def test_a_label_that_no_image_has_is_named_and_left_out_of_map():
    logits, targets = drawn(40, 0)
    whole = task().scores(logits, targets)
    targets["labels"][:, 1] = 0
    assert task().unscored(targets) == ["dog"]
    parts = [
        average_precision_score(targets["labels"][:, k].numpy(), logits["labels"][:, k].sigmoid().numpy())
        for k in (0, 2)
    ]
    assert task().scores(logits, targets)["mAP"] == pytest.approx(np.mean(parts)) != whole["mAP"]
    targets["labels"][:] = 0
    assert set(task().scores(logits, targets).values()) == {0.0}


def test_an_image_without_a_label_is_scored_and_may_be_a_mistake():
    targets = {"labels": torch.tensor([[1.0, 0, 1], [0, 0, 0], [0, 0, 0]])}
    assert task().mistakes(LOGITS, targets).tolist() == [2]
    assert task().captions(targets) == ["cat, fox", "none", "none"]
    assert task().scores(LOGITS, targets)["micro_f1"] == pytest.approx(2 * 2 / (2 + 5))


def test_facts_become_multi_hot_targets():
    marked = [task().encode(labels_fact(names)) for names in (["fox", "cat"], [])]
    assert task().targets(marked)["labels"].tolist() == [[1, 0, 1], [0, 0, 0]]


def test_labels_are_chosen_by_threshold_or_by_count():
    def chosen(**options):
        return task(**options).decide(LOGITS)["labels"].int().tolist()

    assert chosen() == [[1, 0, 1], [0, 0, 0], [1, 1, 1]]
    assert chosen(threshold=0.9) == [[0, 0, 0], [0, 0, 0], [1, 0, 0]]
    assert chosen(decide="count", count=1) == [[1, 0, 0], [0, 0, 1], [1, 0, 0]]
    # the probabilities add up to 1.77, 0.44 and 2.56
    assert chosen(decide="count") == [[1, 0, 1], [0, 0, 0], [1, 1, 1]]


def test_tuned_thresholds_are_used_where_they_are_asked_for():
    logits, targets = drawn(80, 3)
    plain, other = task(decide="tuned"), task()
    tuning = plain.tune(logits, targets)
    tuned = plain.tuned(tuning)
    before, after = plain.scores(logits, targets), tuned.scores(logits, targets)
    assert all(after[f"labels/f1/{label}"] >= before[f"labels/f1/{label}"] for label in LABELS)
    assert after["macro_f1"] > before["macro_f1"]
    assert after["mAP"] == before["mAP"]
    assert plain.scores(logits, targets) == before  # nothing changed in place
    assert other.tuned(tuning) is other
    with pytest.raises(ValueError, match="no tuned threshold"):
        plain.tuned({})


def test_confusions_count_images_by_true_and_chosen_label():
    targets = {"labels": torch.tensor([[1.0, 1, 0], [0, 0, 0], [0, 1, 0]])}
    confusion = task().confusions(task().decide(LOGITS), targets)["labels"]
    assert confusion.counts.tolist() == [[1, 0, 1], [2, 1, 2], [0, 0, 0]]
    assert confusion.images.tolist() == [1, 2, 0]
    part = confusion.most_confused(2)
    assert part.labels == ("cat", "dog")
    assert part.counts.tolist() == [[1, 0], [2, 1]]


def test_submissions_are_labels_zeros_and_ones_or_probabilities():
    assert task().submission(LOGITS) == [{"labels": "cat fox"}, {"labels": ""}, {"labels": "cat dog fox"}]
    commas = task(separator="comma", column="tags")
    assert commas.submission(LOGITS)[0] == {"tags": "cat,fox"}
    assert commas.columns == ("tags",)
    binary = task(submit="binary")
    assert binary.submission(LOGITS)[0] == {"cat": "1", "dog": "0", "fox": "1"}
    assert binary.allowed == dict.fromkeys(binary.columns, ("0", "1"))
    shares = task(submit="probabilities").submission(LOGITS)[1]
    assert shares == {"cat": "0.047426", "dog": "0.119203", "fox": "0.268941"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 2}, "needs decide = count"),
        ({"decide": "count", "count": 4}, "at least as many labels"),
        ({"separator": "none"}, "no way to write several labels"),
        ({"separator": "o"}, "'o' is no separator"),
        ({"separator": "-", "labels": "cat, hot-dog"}, "part of the label 'hot-dog'"),
        ({"labels": "a, b, a"}, "twice"),
        ({"threshold": 2}, "threshold"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        task(**options)


def test_the_names_found_in_the_data_are_what_a_run_keeps():
    assert task().resolved == {"labels": "cat, dog, fox"}
    assert task(labels="b, a").heads == {"labels": 2}
    assert isinstance(task(), MultiLabelTask)
