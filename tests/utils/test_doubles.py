"""Equal rows of a table are kept once; others of the same thing are named with both lines."""

from utils.doubles import keep_one
from utils.tables import Row


def rows(*cells, columns=("", "image", "label")):
    return [Row.of(columns, (str(i), *cell), f"t.csv line {i}") for i, cell in enumerate(cells, start=2)]


def image(row):
    return row["image"]


def test_equal_rows_are_kept_once_and_columns_that_number_them_do_not_count():
    found = keep_one(rows(("a", "x"), ("b", "x"), ("a ", "x"), ("a", "x"), ("", "y"), ("", "y")), image)
    assert [row.line for row in found.rows] == [f"t.csv line {line}" for line in (2, 3, 6, 7)]
    assert found.notes == [f"t.csv line {line} repeats t.csv line 2: it is kept once" for line in (4, 5)]
    assert not found.clashes


def test_rows_that_differ_are_all_kept_and_named_with_both_lines():
    found = keep_one(rows(("a", "x"), ("b", "x"), ("a", "z")), image)
    assert len(found.rows) == 3
    assert found.clashes == {
        "t.csv line 2": "'a' stands in 2 rows, in t.csv line 4 with another label ('z' there, 'x' here)",
        "t.csv line 4": "'a' stands in 2 rows, in t.csv line 2 with another label ('x' there, 'z' here)",
    }


def test_of_many_equal_rows_the_first_are_named():
    found = keep_one(rows(*[("a", "x")] * 100), image)
    assert len(found.rows) == 1
    assert len(found.notes) == 11
    assert found.notes[-1] == "... and 89 more rows repeat others"
