"""Grades: their order, how they are answered and scored, and what follows for models and files."""

import numpy as np
import pytest
import sklearn.metrics as theirs
import torch

from dataset.tasks.base import TASKS
from dataset.tasks.labels import labels_fact
from dataset.tasks.ordered import Ordered
from dataset.tasks.ordinal import graded
from tools.ensemble.decisions.cuts import Cuts
from tools.ensemble.methods.base import Truth
from utils.errors import ConfigError
from utils.registry import Component

GRADES = ("0", "1", "2", "3", "4")


def task(*grades, **options):
    found = grades or GRADES
    return TASKS.build(Component.of("OrdinalTask", **options), root=".", labels_found=lambda: found)


def example(count=60, seed=0):
    generator = torch.Generator().manual_seed(seed)
    true = torch.randint(0, 5, (count,), generator=generator)
    near = -((torch.arange(5) - true[:, None] + torch.randn(count, 1, generator=generator)) ** 2)
    return {"label": near}, true


@pytest.mark.parametrize(
    ("names", "order"),
    [
        (("10", "9", "-1", "2.5"), ("-1", "2.5", "9", "10")),
        (("stage 10", "stage 2", "stage 1"), ("stage 1", "stage 2", "stage 10")),
        (("C", "A", "B"), ("A", "B", "C")),
    ],
)
def test_the_natural_order_is_that_of_numbers_numbered_names_or_first_letters(names, order):
    assert graded(names) == order
    assert task(*names).labels == order


@pytest.mark.parametrize(
    "names",
    [
        ("low", "high", "mild"),
        ("stage 1", "phase 2"),
        ("nan", "1"),
        ("A", "B+"),
        ("S", "M", "L"),
        ("A", "C"),
        ("상", "중", "하"),
    ],
)
def test_words_without_an_order_are_not_guessed(names):
    with pytest.raises(ConfigError, match=r"nobody knows the order of the grades .* labels = THE LOWEST"):
        task(*names)
    assert task(*names, labels=", ".join(names)).labels == names


def test_the_median_is_the_highest_grade_that_is_reached_by_half():
    """Equation 6 of Shi, Cao and Raschka, 2021: one more for each P(y > k) above 1/2."""
    logits, _ = example()
    above = 1 - np.cumsum(logits["label"].double().softmax(1).numpy(), axis=1)
    found = task().answers(task().decide(logits))["label"]
    np.testing.assert_array_equal(found, (above[:, :-1] > 0.5).sum(axis=1))


def test_median_and_likeliest_may_differ_and_likeliest_is_argmax():
    said = {"label": torch.tensor([[0.4, 0.15, 0.15, 0.15, 0.15]]).log()}
    assert task().answers(task().decide(said))["label"].tolist() == [1]
    likeliest = task(decide="likeliest")
    assert likeliest.answers(likeliest.decide(said))["label"].tolist() == [0]
    assert likeliest.chosen({"label": said["label"].exp()})["label"].tolist() == [0]
    assert task().chosen({"label": said["label"].exp()})["label"].tolist() == [1]


def test_scores_are_sklearns_and_kappa_decides():
    graded_task = task()
    logits, true = example()
    targets = graded_task.targets([graded_task.encode(labels_fact([str(grade)])) for grade in true.tolist()])
    chosen = graded_task.answers(graded_task.decide(logits))["label"]
    scores = graded_task.scores(logits, targets)
    assert graded_task.main_scores[0] == "quadratic_kappa"
    kappa = theirs.cohen_kappa_score(true, chosen, weights="quadratic", labels=range(5))
    assert scores["quadratic_kappa"] == pytest.approx(kappa)
    assert scores["accuracy"] == pytest.approx(theirs.accuracy_score(true, chosen))


def test_cuts_that_are_fitted_are_what_a_median_answers():
    """The probabilities that the decision makes have their median where their maximum is."""
    graded_task = task()
    logits, true = example(200)
    probabilities = graded_task.probabilities(logits)
    probabilities = {name: values.double() for name, values in probabilities.items()}
    targets = {"label": torch.eye(5)[true]}
    decision = Cuts()
    fitted = decision.fit(probabilities, Truth(graded_task, targets, tuple(map(str, range(200)))))
    changed = decision.apply(probabilities, fitted or {"label": [0.3, 1.4, 2.7, 3.2]}, graded_task)
    tuned = decision.apply(probabilities, {"label": [0.3, 1.4, 2.7, 3.2]}, graded_task)
    for made in (changed, tuned):
        likeliest = made["label"].argmax(dim=1).numpy()
        np.testing.assert_array_equal(graded_task.chosen(made)["label"], likeliest)


def test_grades_are_labels_of_which_one_is_right():
    space = task().spaces[0]
    assert isinstance(space, Ordered)
    assert (space.kind, space.ordered) == ("one_of", True)


def test_the_order_is_kept_with_the_run():
    again = task("z", labels=task("10", "9").resolved["labels"])
    assert again.labels == ("9", "10")
