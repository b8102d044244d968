"""A number for each image."""

import numpy as np
import pytest
import sklearn.metrics as theirs
import torch

from dataset.tasks.base import LABELS
from dataset.tasks.regression import RegressionTask


def test_scores_are_sklearns_over_the_known_numbers():
    generator = np.random.default_rng(2)
    true, chosen = generator.normal(50, 9, 80), generator.normal(50, 9, 80)
    true[::7] = np.nan
    known = ~np.isnan(true)
    task = RegressionTask()
    scores = task.scores({"number": torch.tensor(chosen[:, None])}, {"number": torch.tensor(true[:, None])})
    assert set(scores) == set(task.score_names) == {"rmse", "mae", "number/rmse", "number/mae"}
    assert scores["rmse"] == pytest.approx(theirs.root_mean_squared_error(true[known], chosen[known]))
    assert scores["mae"] == pytest.approx(theirs.mean_absolute_error(true[known], chosen[known]))
    assert task.direction("rmse") == task.direction("mae") == -1


@pytest.mark.parametrize("cell", ["", "nan", "NA", "N/A", "null", "None"])
def test_what_programs_write_for_no_number_is_not_known(cell):
    assert RegressionTask().encode({LABELS: cell}) == {"number": ()}


@pytest.mark.parametrize(
    ("cell", "number"), [("0", 0.0), ("-3.5", -3.5), ("1e-3", 0.001), (" 7 ", 7.0), ("+2", 2.0)]
)
def test_numbers_are_read_as_python_writes_them(cell, number):
    assert RegressionTask().encode({LABELS: cell}) == {"number": {0: number}}


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("old", "'old' is no number"),
        ("1,5", "'1,5' is no number: write 1.5"),
        ("1,234.5", "'1,234.5' is no number: write 1234.5$"),
        ("1\n2", "2 numbers"),
        ("inf", "no finite number"),
        ("1e39", "no finite number"),
        ("1_000", "'1_000' is no number: write 1000"),
    ],
)
def test_a_cell_that_is_no_number_is_refused_in_words(cell, words):
    with pytest.raises(ValueError, match=words):
        RegressionTask().encode({LABELS: cell})


def test_answers_stay_within_the_limits_and_targets_do_not_change():
    task = RegressionTask(lowest=0, highest=10)
    logits = {"number": torch.tensor([[-3.0], [4.0], [12.0]])}
    assert task.rows(task.decide(logits)) == [{"value": "0"}, {"value": "4"}, {"value": "10"}]
    assert task.as_evidence({"number": torch.tensor([[12.0]])})["number"].tolist() == [12.0]
    with pytest.raises(ValueError, match="lowest = 3 must be below highest = 3"):
        RegressionTask(lowest=3, highest=3)


def test_the_largest_errors_are_the_worst_mistakes_and_are_told_in_numbers():
    task = RegressionTask()
    logits = {"number": torch.tensor([[1.0], [5.0], [9.0], [3.0]])}
    targets = {"number": torch.tensor([[2.0], [1.0], [torch.nan], [3.0]])}
    assert task.mistakes(logits, targets).tolist() == [1, 0]
    assert task.faults(logits, targets)[1] == "1\npredicted 5"
    assert task.captions(targets)[2] == "not labelled"
    assert task.confusions(task.decide(logits), targets) == {}


def test_wrong_values_of_a_submission_are_named():
    task = RegressionTask(column="price")
    assert task.wrong_value("price", "1e3") is None
    assert task.wrong_value("price", "much") == "is no number"
    assert task.wrong_value("price", "nan") == "is not a finite number"
