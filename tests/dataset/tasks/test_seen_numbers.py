"""What a submission's numbers are held against."""

import numpy as np
import pytest

from dataset.tasks.regression import RegressionTask
from dataset.tasks.seen_numbers import SeenNumbers, number_doubts, wrong_number
from utils.errors import ConfigError


def test_tenths_hold_as_many_numbers_each():
    generator = np.random.default_rng(1)
    values = generator.lognormal(size=1000)
    seen = SeenNumbers.of(values)
    assert (seen.edges[0], seen.edges[-1]) == (values.min(), values.max())
    counts = seen.answers([repr(value) for value in values]).shares.sum(axis=0)
    assert counts[0] == counts[-1] == 0
    assert np.ptp(counts[1:-1]) <= 2
    again = SeenNumbers.from_text(str(seen))
    assert not len(again.outside([f"{value:.9g}" for value in values]))  # of digits that were left out


def test_numbers_beyond_and_what_is_none_are_told_apart():
    seen = SeenNumbers((0.0, 5.0, 10.0))
    answers = seen.answers(["-1", "0", "5", "7", "10", "11", "nan", "x"])
    assert answers.labels == ("below 0", "0 to 5", "5 to 10", "above 10")
    assert answers.shares.argmax(axis=1)[:6].tolist() == [0, 1, 2, 2, 2, 3]
    assert answers.counted.tolist() == [True] * 6 + [False] * 2
    assert seen.outside(["-1", "0", "11", "nan"]).tolist() == [-1, 11]


@pytest.mark.parametrize("numbers", [[], [np.nan], [3.0, 3.0]])
def test_nothing_can_be_held_against_less_than_two_numbers(numbers):
    assert SeenNumbers.of(numbers) is None


@pytest.mark.parametrize("text", ["1", "2, 1", "1, 1", "1, x", "1, inf", "1;2"])
def test_texts_that_are_no_numbers_that_rise_are_refused(text):
    with pytest.raises(ValueError, match="numbers"):
        SeenNumbers.from_text(text)


def test_a_constant_and_numbers_outside_are_doubted():
    seen = SeenNumbers((0.0, 10.0))
    assert number_doubts("price", ["4", "4.0", "4"], seen) == ["All 3 answers in column 'price' are 4."]
    assert (
        "2 of 3 answers in column 'price' lie outside what training has, 0 to 10, as -1 and 12"
        in (number_doubts("price", ["-1", "12", "3"], seen)[0])
    )
    assert number_doubts("price", ["-1", "3"], None) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("1e3", None),
        ("-2", None),
        ("inf", "is not a finite number"),
        ("nan", "is not a finite number"),
        ("", "is no number"),
    ],
)
def test_a_number_is_finite(text, wrong):
    assert wrong_number(text) == wrong


def test_a_task_reads_what_training_has_and_keeps_it():
    task = RegressionTask(labels_found=lambda: ("3", "", "1.5", "9"))
    assert task.resolved == {"seen": "1.5, 3, 9"}
    assert RegressionTask(seen=SeenNumbers.from_text("1.5, 3, 9")).resolved == task.resolved
    assert RegressionTask().resolved == {}

    def no_table():
        raise ConfigError("there is none")

    assert RegressionTask(labels_found=no_table).resolved == {}
