"""Several questions of several kinds: what a config says of them, and what follows for scores and files."""

import numpy as np
import pytest
import sklearn.metrics as theirs
import torch

from dataset.metrics.quadratic_kappa import QuadraticKappa
from dataset.metrics.rmse import RMSE
from dataset.submissions.numbers import Numbers
from dataset.submissions.positive import Positive
from dataset.tasks.base import TASKS
from dataset.tasks.column_values import ColumnValues
from utils.errors import ConfigError, DataError
from utils.registry import Component

ROWS = [
    {"kind": "cat", "stage": "2", "marks": "big red", "weight": "3.5", "length": "10"},
    {"kind": "dog", "stage": "10", "marks": "", "weight": "NA", "length": "40"},
    {"kind": "", "stage": "1", "marks": "red", "weight": "9", "length": ""},
    {"kind": "cat", "stage": "", "marks": "old", "weight": "-1", "length": "25"},
]
ALL = {"classes": "kind", "grades": "stage", "tags": "marks", "numbers": "weight, length"}


def task(rows=ROWS, **options):
    found = [(f"line {number}", row) for number, row in enumerate(rows, start=2)]
    return TASKS.build(Component.of("SeveralTask", **options), rows_found=lambda: found)


def targets_of(several):
    return several.targets([several.encode(row) for row in ROWS])


def logits_of(several, count=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        space.name: torch.randn(count, len(space.labels), generator=generator) for space in several.spaces
    }


def test_each_column_is_a_space_of_its_kind_and_those_that_decide_come_last():
    several = task(**ALL)
    assert [(space.name, space.kind, space.ordered) for space in several.spaces] == [
        ("kind", "one_of", False),
        ("stage", "one_of", True),
        ("marks", "any_of", False),
        ("weight", "number", False),
        ("length", "number", False),
    ]
    assert several.questions["stage"] == ("1", "2", "10")
    assert several.main_questions == ("weight", "length")
    decided = task(**ALL, decides="stage")
    assert list(decided.questions) == ["kind", "marks", "weight", "length", "stage"]
    assert decided.main_questions == ("stage",)


def test_what_is_not_known_is_no_target_and_no_tags_are_an_answer():
    targets = targets_of(task(**ALL))
    assert targets["kind"].tolist() == [[1, 0], [0, 1], [0, 0], [1, 0]]
    assert targets["stage"][3].tolist() == [0, 0, 0]
    assert targets["marks"].tolist() == [[1, 0, 1], [0, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert targets["weight"].isnan().tolist() == [[False], [True], [False], [False]]


def test_scores_are_those_of_each_kind_and_the_mean_over_what_decides():
    several = task(**ALL)
    logits, targets = logits_of(several), targets_of(several)
    scores = several.scores(logits, targets)
    errors = []
    for name in ("weight", "length"):
        known = ~targets[name].isnan()
        errors.append(theirs.root_mean_squared_error(targets[name][known], logits[name][known]))
        assert scores[f"{name}/rmse"] == pytest.approx(errors[-1], rel=1e-6)
    assert scores["rmse"] == pytest.approx(np.mean(errors), rel=1e-6)
    assert several.main_scores[0] == "rmse"
    assert several.direction("weight/rmse") == -1
    assert set(scores) == set(several.score_names)
    assert "kind/rmse" not in scores
    assert "kind/quadratic_kappa" not in scores
    chosen = logits["kind"].argmax(dim=1)[[0, 1, 3]]
    assert scores["kind/accuracy"] == pytest.approx(theirs.accuracy_score([0, 1, 0], chosen))


def test_a_metric_that_is_named_counts_first_and_one_of_another_kind_says_for_which_question_it_is():
    several = task(**ALL).scored_by([(QuadraticKappa(), "stage")])
    assert several.main_scores[:2] == ("stage/quadratic_kappa", "rmse")
    with pytest.raises(ValueError, match="a number for each image; write of = stage for that question"):
        task(**ALL).scored_by([(QuadraticKappa(), None)])
    assert task(**ALL, decides="kind").scored_by([(RMSE(), "weight")]).main_scores[0] == "weight/rmse"


def test_answers_are_handed_in_as_each_column_writes_them_and_read_again():
    several = task(**ALL, submit="marks, weight, stage")
    logits = {
        "kind": torch.zeros(2, 2),
        "stage": torch.tensor([[9.0, 0, 0], [0, 0, 9.0]]),
        "marks": torch.tensor([[1.0, -1, 1], [-1, -1, -1]]),
        "weight": torch.tensor([[2.25], [70.0]]),
        "length": torch.zeros(2, 1),
    }
    rows = several.submission(logits)
    assert rows == [
        {"marks": "big red", "weight": "2.25", "stage": "1"},
        {"marks": "", "weight": "70", "stage": "10"},
    ]
    answers = several.submitted(rows)
    assert answers["marks"].shares.tolist() == [[1, 0, 1], [0, 0, 0]]
    assert answers["stage"].shares.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert [answers["weight"].labels[i] for i in answers["weight"].shares.argmax(1)] == [
        "-1 to 3.5",
        "above 9",
    ]
    assert several.allowed == {"stage": ("1", "2", "10")}
    assert several.wrong_value("stage", "3") == "is not one of 1, 2, 10"
    assert several.wrong_value("marks", "red blue") == "has no label 'blue'"
    assert several.wrong_value("weight", "nan") == "is not a finite number"
    assert several.doubts(rows) == [
        "1 of 2 answers in column 'weight' lie outside what training has, -1 to 9, as 70: lowest and highest "
        "in [task] bound them."
    ]
    assert several.answering("other") is None
    assert task(**ALL, submit="weight").answering("other").submission(logits)[0] == {"other": "2.25"}


def test_targets_say_the_same_as_the_table():
    several = task(**ALL)
    rows = [{"kind": "cat", "stage": "2", "marks": "big red", "weight": "3.5", "length": "10"}]
    marked = several.targets([several.encode(rows[0])])
    answers = several.form.true_answers(several, marked)
    again = several.submitted(rows)
    assert set(answers) == set(again)
    for name, said in answers.items():
        np.testing.assert_array_equal(said.shares, again[name].shares)


def test_numbers_have_a_column_each_and_no_other_answers():
    several = task(**ALL)
    form = Numbers(columns=("w", "l"), decimals=1)
    form.check(several)
    logits = logits_of(several) | {
        "weight": torch.tensor([[2.25], [-0.01]]),
        "length": torch.tensor([[1.0], [2.0]]),
    }
    assert form.answers(several, logits) == [{"w": "2.2", "l": "1.0"}, {"w": "0.0", "l": "2.0"}]
    with pytest.raises(ValueError, match="columns = w: 2 are needed, for weight, length"):
        Numbers(columns=("w",)).check(several)
    with pytest.raises(ValueError, match="asks for no number: RegressionTask does"):
        Numbers().check(task(classes="kind"))
    Positive().check(task(**ALL, decides="kind"))


def test_a_run_keeps_all_values_and_reads_no_table_to_predict():
    written = task(**ALL).resolved["values"]

    def no_table():
        raise AssertionError("the table was read")

    again = TASKS.build(Component.of("SeveralTask", **ALL, values=written), rows_found=no_table)
    assert again.questions == task(**ALL).questions
    assert again.resolved["values"] == written
    assert again.seen == task(**ALL).seen


def test_values_with_marks_of_comments_are_read_as_they_are_written():
    values = ColumnValues({"kind": ["a #1", "b ;2"], "weight": [0.5, 2]})
    assert " #" not in str(values)
    assert " ;" not in str(values)
    assert ColumnValues.from_text(str(values)) == values


def test_confusions_count_each_true_label_with_each_answer():
    several = task(**ALL)
    targets = targets_of(several)
    chosen = {space.name: space.as_chosen(targets[space.name]) for space in several.spaces}
    confusions = several.confusions(chosen, targets)
    assert set(confusions) == {"kind", "stage", "marks"}
    assert confusions["kind"].counts.tolist() == [[2, 0], [0, 1]]  # not who has no kind
    assert confusions["marks"].counts.diagonal().tolist() == [1, 1, 2]


def test_a_corrected_label_is_what_the_column_would_hold():
    several = task(**ALL)
    assert several.corrected(ROWS[0], "kind", 1)["kind"] == "dog"
    assert several.corrected(ROWS[0], "marks", 2, present=False)["marks"] == "big"
    assert several.corrected(ROWS[1], "marks", 1)["marks"] == "old"
    assert several.corrected(ROWS[0], "weight", 0) is None
    assert several.encode(several.corrected(ROWS[3], "stage", 2))["stage"] == (2,)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "no column is asked: write classes, grades, tags or numbers"),
        ({"classes": "kind", "grades": "kind"}, "column 'kind' is asked twice"),
        ({"classes": "kind", "decides": "knd"}, "decides: .*'knd'. Did you mean 'kind'"),
        ({"classes": "kind", "submit": "weight"}, "submit: .*'weight'"),
        ({**ALL, "decides": "kind, weight"}, "are classes and numbers: no score is a mean of both"),
        ({"classes": "kind", "values": '{"kind": "cat"}'}, "values: it is not a list of labels"),
        (
            {"classes": "kind", "values": '{"kind": ["cat"]}'},
            "classes: column 'kind': cat alone leaves nothing",
        ),
        ({"classes": "kind", "values": "{kind: [1]}"}, "values: it is not the values of columns"),
        ({"classes": "kind", "values": '{"stage": ["1"]}'}, "values: .*'stage'"),
        (
            {"grades": "kind"},
            r"grades: column 'kind': nobody knows the order of the grades .* values = ..kind.: \[",
        ),
        ({"classes": "none", "numbers": "none"}, "no column is asked"),
        ({"numbers": "weight", "values": '{"weight": [3, 1]}'}, "numbers: column 'weight': .*rise"),
        ({"numbers": "weight", "lowest": 3, "highest": 2}, "lowest = 3 must be below highest = 2"),
        ({"classes": "training"}, "training can't be the name of a head"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(options, words):
    with pytest.raises(ConfigError, match=words):
        task(**options)


def test_a_column_that_is_not_there_is_named_with_the_nearest_one():
    with pytest.raises(DataError, match=r"no column 'wieght' for .* numbers\. Did you mean 'weight'"):
        task(numbers="wieght")
    with pytest.raises(ValueError, match=r"^weight: 'heavy' is no number$"):
        task(**ALL).encode(ROWS[0] | {"weight": "heavy"})
    with pytest.raises(ValueError, match=r"kind: 'cot' is not one of cat, dog\. Did you mean 'cat'\?"):
        task(**ALL).encode(ROWS[0] | {"kind": "cot"})
