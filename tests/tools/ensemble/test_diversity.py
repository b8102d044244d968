"""How different members are."""

import numpy as np
import pytest
import torch

from dataset.tasks.hierarchy import HierarchyTask
from dataset.tasks.regression import RegressionTask
from dataset.tasks.several import SeveralTask
from tools.ensemble.diversity import alike, correlation, disagreement, titles


def test_disagreement_is_the_share_of_images_with_other_answers():
    one, other = np.eye(3, dtype=bool)[[0, 1, 2, 0]], np.eye(3, dtype=bool)[[0, 1, 0, 1]]
    assert disagreement([one, other, one]).tolist() == [[0, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0]]


def test_the_correlation_of_being_wrong_is_numpys():
    wrong = list(np.random.default_rng(0).random((4, 50)) < 0.3)
    assert correlation(wrong) == pytest.approx(np.corrcoef(np.stack(wrong)))


def test_who_is_never_wrong_has_no_correlation():
    found = correlation([np.array([False, False]), np.array([True, False])])
    assert found == pytest.approx(np.array([[0, 0], [0, 1]]))


def test_members_are_compared_on_every_level_and_not_by_what_is_not_labelled(tmp_path):
    paths = [("pet", "cat"), ("pet", "dog"), ("wild", "fox"), ("stone", "")]
    facts = [dict(zip(("kind", "animal"), path, strict=True)) for path in paths]
    task = HierarchyTask(
        root=tmp_path, rows_found=lambda: [(str(i), of) for i, of in enumerate(facts)],
        levels=("kind", "animal"), decide="level",
    )  # fmt: skip
    targets = task.targets([task.encode(facts[i]) for i in (0, 1, 2, 3)])
    for values in targets.values():
        values[3] = 0  # nothing is known of the last image
    one = task.targets([task.encode(facts[i]) for i in (1, 1, 2, 3)])  # wrong about the first
    other = {name: values.clone() for name, values in one.items()}
    other["kind"][2] = other["kind"][3]  # and this one about the kind of the third, too
    differ, wrong = alike(task, [one, other], targets)
    assert differ.tolist() == [[0, 0.25], [0.25, 0]]
    expected = np.corrcoef([[1, 0, 0], [1, 0, 1]])[0, 1]
    assert wrong[0, 1] == pytest.approx(expected)


def test_numbers_are_apart_by_their_distance_and_wrong_by_their_errors():
    true = torch.tensor([[1.0], [2.0], [torch.nan], [6.0]])
    said = [torch.tensor([[1.0], [4.0], [9.0], [5.0]]), torch.tensor([[2.0], [3.0], [0.0], [6.5]])]
    task = RegressionTask()
    differ, together = alike(task, [{"number": numbers} for numbers in said], {"number": true})
    known = [0, 1, 3]
    first, second, right = (of.numpy()[known, 0] for of in (*said, true))
    assert differ[0, 1] == pytest.approx(np.abs(first - second).mean() / right.std())
    assert differ[0, 0] == 0
    assert together[0, 1] == pytest.approx(np.corrcoef(first - right, second - right)[0, 1])
    assert "distance" in titles(task)[0]


def test_labels_beside_a_number_are_compared_as_labels():
    rows = [("line 2", {"kind": "a", "price": "1"}), ("line 3", {"kind": "b", "price": "2"})]
    task = SeveralTask(rows_found=lambda: rows, classes=("kind",), numbers=("price",), decides=("kind",))
    targets = task.targets([task.encode(row) for _, row in rows])
    apart = {"kind": targets["kind"] > 0, "price": torch.tensor([[5.0], [7.0]])}
    differ, _ = alike(task, [{"kind": targets["kind"] > 0, "price": targets["price"]}, apart], targets)
    assert differ.tolist() == [[0, 0], [0, 0]]  # the same kinds, whatever the prices
    assert "differently" in titles(task)[0]
