"""What is odd about a column that a model is to see."""

import numpy as np
import pytest

from tests.dataset.readers.test_csv_dataset import Folder

NUMBERS = np.random.default_rng(0).permutation(60)


def notes(tmp_path, column, cells, *, task="ClassificationTask", labels=None) -> list[str]:
    labels = labels or ["cat" if number % 2 else "dog" for number in NUMBERS.tolist()]
    pairs = enumerate(zip(labels, cells, strict=True))
    rows = [[f"i{row:02d}", label, cell, str(row // 2)] for row, (label, cell) in pairs]
    options = {"labels": "cat, dog"} if task == "ClassificationTask" else {}
    data = Folder(tmp_path, ("id", "label", column, "group"), rows).read(
        task=task, label_column="label", features=column, **options
    )
    return [note for note in data.notes if note.startswith("[dataset] features")]


@pytest.mark.parametrize(
    "cells", [NUMBERS.astype(str), [f"p{number}" for number in NUMBERS], [f"p{n // 1.5:g}" for n in NUMBERS]]
)
def test_an_id_is_named(tmp_path, cells) -> None:
    (note,) = notes(tmp_path, "number", list(cells))
    assert "'number' has" in note
    assert "as an id has" in note


@pytest.mark.parametrize(
    "cells",
    [
        [f"{number / 7:.3f}" for number in NUMBERS],  # a measurement
        (NUMBERS % 40).astype(str),  # an age
        [f"site {number % 7}" for number in NUMBERS],
        ["cat" if number % 2 and number < 50 else "dog" for number in NUMBERS],  # nearly the label
        ["same"] * 60,
    ],
)
def test_what_many_have_is_no_id_and_not_the_answer(tmp_path, cells) -> None:
    assert notes(tmp_path, "x", list(cells)) == []


@pytest.mark.parametrize("words", [("cat", "dog"), ("1", "0"), ("meow", "woof")])
def test_a_column_that_says_the_label_is_named(tmp_path, words) -> None:
    cells = [words[0] if number % 2 else words[1] for number in NUMBERS.tolist()]
    (note,) = notes(tmp_path, "x", cells)
    assert "'x' says 'label' of every image" in note


def test_a_column_that_says_the_number_is_named(tmp_path) -> None:
    numbers = [f"{number / 7:.6f}" for number in NUMBERS]
    (note,) = notes(tmp_path, "x", numbers, task="RegressionTask", labels=numbers)
    assert "of every image" in note
    others = [f"{number / 7 + 0.01:.6f}" for number in NUMBERS]
    assert notes(tmp_path, "x", others, task="RegressionTask", labels=numbers) == []
