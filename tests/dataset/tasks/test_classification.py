"""One right label for each image."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score

from dataset.tasks.base import TASKS
from dataset.tasks.labels import labels_fact
from utils.errors import ConfigError
from utils.registry import Component

LABELS = ("cat", "dog", "fox")


def task(**options):
    return TASKS.build(Component.of("ClassificationTask", **options), root=".", labels_found=lambda: LABELS)


def test_scores_are_sklearns():
    generator = torch.Generator().manual_seed(0)
    logits = {"label": torch.randn(50, 3, generator=generator)}
    true = torch.randint(0, 3, (50,), generator=generator)
    scores = task().scores(logits, {"label": torch.eye(3)[true]})
    chosen = logits["label"].argmax(1).numpy()
    assert scores["accuracy"] == pytest.approx(accuracy_score(true, chosen))
    assert scores["macro_f1"] == pytest.approx(f1_score(true, chosen, average="macro"))
    assert scores["label/f1/fox"] == pytest.approx(f1_score(true, chosen, average=None)[2])


def test_an_image_has_exactly_one_label():
    assert task().encode(labels_fact(["dog"])) == {"label": (1,)}
    with pytest.raises(ValueError, match=r"2 labels \('cat', 'dog'\).*separator = none"):
        task().encode(labels_fact(["dog", "cat"]))
    with pytest.raises(ValueError, match="there is no label"):
        task().encode(labels_fact([]))
    with pytest.raises(ValueError, match="Did you mean 'fox'"):
        task().encode(labels_fact(["fax"]))


def test_submissions_are_a_label_or_probabilities():
    logits = {"label": torch.tensor([[0.0, 3.0, 0.0], [1.0, 0.0, 0.0]])}
    named = task(column="answer")
    assert named.submission(logits) == [{"answer": "dog"}, {"answer": "cat"}]
    assert (named.columns, named.allowed) == (("answer",), {"answer": LABELS})
    shares = task(submit="probabilities")
    assert shares.columns == LABELS
    assert shares.allowed == {}
    for row in shares.submission(logits):
        assert list(row) == list(LABELS)
        assert np.sum([float(value) for value in row.values()]) == pytest.approx(1, abs=2e-6)


def test_one_label_alone_is_refused():
    with pytest.raises(ConfigError, match="'cat' alone"):
        task(labels="cat")


def test_captions_and_members_are_of_the_one_label():
    targets = {"label": torch.tensor([[0.0, 1, 0], [0, 0, 0]])}
    assert task().captions(targets) == ["dog", "not labelled"]
    assert task().marks(targets).tolist() == [[False, True, False], [False, False, False]]
    assert task().unscored(targets) == ["cat", "fox"]
