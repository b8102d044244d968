"""pandas reads of a table what the reader with lines reads, to the last bit, and no damaged one."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inference.saved_table import read_plain, read_with_lines
from utils.errors import DataError
from utils.tables import write_table

IDS, LABELS = ("id", "fold"), ("sex/male", "sex/female", "age/old")
NAMES = ["a/1.jpg", "마스크, 1.png", 'a "b".jpg', "NA", "=1+1", "two\nlines", " blanks ", "true", "", "007"]


def write(path, rows):
    write_table(path, (*IDS, *LABELS), rows)
    return path


@pytest.fixture
def table(tmp_path):
    values = np.random.default_rng(0).random((len(NAMES), len(LABELS)))
    rows = [(name, "0", *(f"{p:.6f}" for p in of)) for name, of in zip(NAMES, values, strict=True)]
    return write(tmp_path / "valid_predictions.csv", rows)


def test_names_of_every_kind_are_read_as_the_reader_with_lines_reads_them(table):
    ids, values = read_plain(table, IDS, LABELS)
    expected_ids, expected, wrong = read_with_lines(table, IDS, LABELS)
    assert ids == expected_ids
    assert values.tobytes() == expected.tobytes()
    assert wrong == []


def test_six_decimals_are_what_python_reads_to_the_last_bit(tmp_path):
    texts = [f"{number / 1e6:.6f}" for number in range(0, 1_000_001, 101)]
    path = write(tmp_path / "x.csv", [(str(i), "0", text, "0", "1") for i, text in enumerate(texts)])
    _, values = read_plain(path, IDS, LABELS)
    assert values[:, 0].tolist() == list(map(float, texts))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (r",0\.\d+\n", ",many\n"),
        (r",0\.\d+\n", ",1.5\n"),
        (r",0\.\d+\n", ",-0.1\n"),
        (r",0\.\d+\n", ",\n"),
        (r",0\.\d+\n", ",nan\n"),
        (r",0\.\d+\n", ",inf\n"),
        (r",0\.\d+\n", ",NA\n"),
        (r",0\.\d+\n", ",0.5,0.5\n"),
        (r",0\.\d+\n", "\n"),
        ("sex/male", "sex/man"),
        ("sex/male", "age/old"),
        ("age/old", "age/old,"),
    ],
)
def test_a_damaged_table_is_left_to_the_reader_with_lines(table, old, new):
    text, count = re.subn(old, new, table.read_text(encoding="utf-8"), count=1)
    assert count
    table.write_text(text, encoding="utf-8")
    assert read_plain(table, IDS, LABELS) is None


@pytest.mark.parametrize("end", [",0.5", ",", ""])
def test_rows_that_are_all_longer_or_shorter_are_left_to_the_reader_with_lines(tmp_path, end):
    rows = [f"{name},0,0.1,0.2{',0.3' if end else ''}{end}\n" for name in "abc"]
    (tmp_path / "x.csv").write_text(",".join((*IDS, *LABELS)) + "\n" + "".join(rows), encoding="utf-8")
    assert read_plain(tmp_path / "x.csv", IDS, LABELS) is None


@pytest.mark.parametrize("word", ["True", "false"])
def test_a_column_of_true_and_false_is_no_column_of_ones_and_zeros(tmp_path, word):
    path = write(tmp_path / "x.csv", [("a", "0", word, "0.5", "0.5")])
    assert read_plain(path, IDS, LABELS) is None
    assert read_with_lines(path, IDS, LABELS)[2] == [
        f"x.csv line 2: sex/male = {word!r} is no probability in [0, 1]"
    ]


def test_whole_numbers_are_probabilities_too(tmp_path):
    path = write(tmp_path / "x.csv", [("a", "0", "1", "0", "1")])
    assert read_plain(path, IDS, LABELS)[1].tolist() == [[1.0, 0.0, 1.0]]


def test_a_table_that_is_divided_by_semicolons_is_left_to_the_reader_with_lines(table):
    table.write_text("id;fold;sex/male;sex/female;age/old\na;0;0.1;0.2;0.3\n", encoding="utf-8")
    assert read_plain(table, IDS, LABELS) is None
    assert read_with_lines(table, IDS, LABELS)[1].tolist() == [[0.1, 0.2, 0.3]]


WHOLE = "id,fold,sex/male,sex/female,age/old\n" + "".join(
    f"{name},0,0.25,0.123457,1.000000\n"
    for name in ("a/1.jpg", '"마스크, 1.png"', '"a ""b"".jpg"', "NA", "'=1+1", '"two\nlines"', "true", "007")
)


def read_careful(path):
    try:
        ids, values, wrong = read_with_lines(path, IDS, LABELS)
    except DataError:
        return None
    return None if wrong else (ids, values.tolist())


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=100,
    deadline=None,
)
@given(
    st.lists(
        st.tuples(st.integers(0, 330), st.integers(0, 6), st.text("\",;\n\r'= 01.e-TNa가", max_size=4)),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_happens_to_a_table_pandas_never_reads_it_differently(table, damages):
    text = WHOLE
    for start, length, instead in damages:
        text = text[:start] + instead + text[start + length :]
    table.write_bytes(text.encode())

    plain = read_plain(table, IDS, LABELS)
    if plain is not None:
        assert (plain[0], plain[1].tolist()) == read_careful(table)
