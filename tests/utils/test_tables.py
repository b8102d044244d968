"""CSV files of every kind that people save; what can't be read is one DataError that says why."""

import os
import re
import tracemalloc
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from utils.errors import ConfigError, DataError
from utils.tables import for_spreadsheet, from_spreadsheet, read_table, write_table


@pytest.fixture
def read(tmp_path):
    def read(content: str | bytes, needs=("id", "age")):
        path = tmp_path / "some.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_table(path, needs)

    return read


def values(table):
    return [dict(row.values) for row in table.rows]


def test_values_are_as_they_are_compared_and_are_kept_as_they_were_written(read):
    decomposed = unicodedata.normalize("NFD", "나이")
    table = read(
        f" id,{decomposed}\n가 , {unicodedata.normalize('NFD', '가')}\nb,c\n", needs=("id", decomposed)
    )
    assert table.columns == ("id", "나이")
    assert table.header == (" id", decomposed)
    assert values(table) == [{"id": "가", "나이": "가"}, {"id": "b", "나이": "c"}]
    assert table.rows[0].as_written("id") == "가 "
    assert table.rows[0].as_written("나이") == " " + unicodedata.normalize("NFD", "가")
    assert table.rows[1].as_written("나이") == "c"


@pytest.mark.parametrize(
    "content",
    [
        "id,age\n001,20\n001498-1,60\n",
        "\ufeffid,age\r\n001,20\r\n001498-1,60\r\n",
        " id , age\n  001 ,20 \n001498-1,\t60\n",
        'id,age\n"001","20"\n001498-1,60',
        "id,age\n\n001,20\n,\n\n001498-1,60\n\n",
    ],
    ids=["plain", "bom and crlf", "spaces", "quotes and no last line feed", "blank lines"],
)
def test_every_way_to_save_the_same_table_reads_the_same(read, content):
    # trap: ids are text; int('001498-1') crashes and int('001') loses zeros
    table = read(content)
    assert table.columns == ("id", "age")
    assert values(table) == [{"id": "001", "age": "20"}, {"id": "001498-1", "age": "60"}]


def test_na_is_a_word_and_an_empty_cell_is_empty_text(read):
    assert values(read("id,age\nNA,\nnull,nan\n")) == [
        {"id": "NA", "age": ""},
        {"id": "null", "age": "nan"},
    ]


def test_korean_text_and_commas_in_quotes_are_kept(read):
    table = read('id,age\n"김, ""영희""",스물\n')
    assert values(table) == [{"id": '김, "영희"', "age": "스물"}]


def test_rows_know_their_lines_also_after_a_quoted_line_feed(read):
    table = read('id,age\n"a\nb",1\n\nc,2\n')
    assert [row.line for row in table.rows] == ["some.csv line 3", "some.csv line 5"]


def test_all_ragged_rows_are_listed_together(read):
    with pytest.raises(DataError) as caught:
        read("id,age\n1,2,3\n1,2\n4\n")
    assert "2 problem(s)" in str(caught.value)
    assert "some.csv line 2: 3 values for 2 columns" in str(caught.value)
    assert "some.csv line 4: 1 values for 2 columns" in str(caught.value)


def test_all_missing_columns_are_named_with_the_nearest_that_is_there(read):
    with pytest.raises(DataError) as caught:
        read("id,gendr,aeg\n1,male,20\n", needs=("id", "gender", "age"))
    message = str(caught.value)
    assert "no column 'gender'" in message
    assert "Did you mean 'gendr'?" in message
    assert "no column 'age'" in message
    assert "Did you mean 'aeg'?" in message


def test_a_column_that_stands_twice_is_refused(read):
    with pytest.raises(DataError, match="'age' stands there twice"):
        read("id,age,age\n1,2,3\n")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is empty; it needs the columns id, age"),
        ("\ufeff\r\n\r\n", "is empty"),
        ("id,age\n", "a header and no row"),
        ("id,age\n1,2\0\n", "NUL byte"),
        (
            "id,age\n김,20\n".encode("cp949"),
            "not UTF-8 text: it looks like CP949. Save it as UTF-8, or: iconv",
        ),
        ("id,age\n1,20\n".encode("utf-16"), "not UTF-8 text"),
        ("id,age\n1,'a'\n2,\"b\n3,c\n", "a quotation mark in line 3 is never closed"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        ('[{"image": "0.png", "label": "a"}]', "a JSON file"),
        ('{"image": "0.png", "label": "a"}\n' * 3, "a JSON file"),
        ("<?xml version='1.0'?><Workbook/>", "an XML file"),
        ("\n<table><tr><td>image</td></tr></table>", "a table of a web page"),
        ("<!DOCTYPE html>\n<html></html>\n", "a web page"),
        (b"PK\x03\x04" + b"x" * 40, "a zip archive or an Excel file"),
        (b"\x1f\x8b" + b"x" * 40, "packed by gzip"),
        (b"\x89PNG\r\n" + b"x" * 40, "an image (PNG)"),
    ],
    ids=[
        "empty",
        "blank",
        "header only",
        "NUL",
        "cp949",
        "utf-16",
        "open quote",
        "LFS",
        "JSON",
        "JSON lines",
        "XML",
        "HTML table",
        "HTML",
        "Excel",
        "gzip",
        "PNG",
    ],
)
def test_a_file_that_can_not_be_read_is_a_data_error_that_says_why(read, content, why):
    with pytest.raises(DataError, match=f"some.csv.*{re.escape(why)}"):
        read(content)


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_values_may_be_divided_by_another_mark_than_a_comma(read, mark):
    table = read(f"id{mark}age\na,1.png{mark}20\nb,2.png{mark}\n")
    assert table.separator == mark
    assert values(table) == [{"id": "a,1.png", "age": "20"}, {"id": "b,2.png", "age": ""}]


def test_excels_line_that_names_the_separator_is_read_and_lines_are_counted_with_it(read):
    table = read("\ufeffsep=;\r\nid;age\r\na;1\r\n")
    assert (table.columns, table.rows[0].line) == (("id", "age"), "some.csv line 3")


def test_a_comma_stays_what_divides_where_other_marks_stand_in_cells(read):
    assert values(read("id,age\na;b,1\nc;d,2\n"))[0] == {"id": "a;b", "age": "1"}
    assert values(read("id\na;b\nc\n", needs=("id",)))[0] == {"id": "a;b"}
    assert read("id,a;b\nx,1;2\n", needs=("id",)).columns == ("id", "a;b")


def test_blanks_between_values_are_named(read):
    with pytest.raises(DataError, match="'id age': is there no comma between its values"):
        read("id age\na 1\n")


def test_a_cell_may_be_as_long_as_a_run_length_mask(read):
    mask = "1 2 " * 100_000
    assert values(read(f"id,age\n1,{mask}\n"))[0]["age"] == mask.strip()


@pytest.mark.parametrize(
    "text", ["id,age\na,1,\nb,2,\n", "id,age,,\na,1,,\nb,2\n,,,\n", "id,age,\na,1,\nb,2, \n"]
)
def test_columns_at_the_end_in_which_nothing_stands_are_none(read, text):
    table = read(text)
    assert table.columns == ("id", "age")
    assert values(table) == [{"id": "a", "age": "1"}, {"id": "b", "age": "2"}]


def test_an_empty_column_with_a_name_is_one(read):
    assert values(read("id,age,note\na,1,\n")) == [{"id": "a", "age": "1", "note": ""}]


def test_a_first_line_that_names_an_image_is_no_header(read):
    with pytest.raises(DataError, match="first line names an image"):
        read("0.JPG,cat\n1.JPG,dog\n")


def test_rows_that_are_all_ragged_alike_are_one_cause(read):
    with pytest.raises(DataError, match="a value with a separator in it without quotation marks") as caught:
        read("id,age\n" + "a,cat,dog\n" * 50)
    assert "50 of 50 rows have 3 values for 2 columns" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="something else between their values"):
        read("id,age\n" + "a;1\n" * 50)


def test_values_are_also_there_as_they_were_written(read):
    row = read("id,age\n a ,1\n").rows[0]
    assert (row["id"], row.as_written("id"), row.as_written("age")) == ("a", " a ", "1")


def test_a_missing_file_and_a_folder_are_data_errors(tmp_path):
    with pytest.raises(DataError, match="no file"):
        read_table(tmp_path / "none.csv", ())
    with pytest.raises(DataError, match="can't be read"):
        read_table(tmp_path, ())


def test_what_is_written_has_line_feeds_and_no_index_column(tmp_path):
    write_table(tmp_path / "a.csv", ("ImageID", "ans"), [("b.jpg", 3), ("a.jpg", 0)])
    assert (tmp_path / "a.csv").read_bytes() == b"ImageID,ans\nb.jpg,3\na.jpg,0\n"


characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\ufeff")
cells = st.text(characters, max_size=8).map(str.strip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    rows=st.lists(
        st.tuples(cells.filter(bool), cells, cells),
        min_size=1,
        max_size=6,
    ),
    guarded=st.booleans(),
)
def test_what_is_written_is_read_back_the_same(tmp_path: Path, rows, guarded):
    path = tmp_path / "roundtrip.csv"
    write_table(path, ("id", "b c", "나이"), rows, guarded=guarded)
    table = read_table(path, ("id",), guarded=guarded)
    assert [tuple(row.values.values()) for row in table.rows] == rows


@given(st.text("'=+-@\t\r1a. ", max_size=5))
def test_no_cell_is_run_by_a_spreadsheet_and_each_is_read_back(cell):
    guarded = for_spreadsheet(cell)
    assert from_spreadsheet(guarded) == cell
    assert guarded[:1] not in tuple("=@\t\r")
    assert guarded[:1] not in tuple("+-") or float(guarded) is not None  # numbers stay as they are


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "train.csv")
    with pytest.raises(DataError, match=r"train\.csv is a pipe"):
        read_table(tmp_path / "train.csv", ["label"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(content=st.one_of(st.binary(max_size=40), st.text(' ,"\n\r\0ab', max_size=30).map(str.encode)))
def test_any_bytes_are_a_table_or_a_data_error(tmp_path: Path, content):
    assume(not content.startswith(b"PAR1"))  # a Parquet file needs a library that may not be here
    path = tmp_path / "random.csv"
    path.write_bytes(content)
    try:
        table = read_table(path, ())
    except DataError:
        return
    except ConfigError:  # a Parquet file, where nothing that reads it is installed
        return
    assert table.rows


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "'=1", "''-x"])
def test_no_cell_of_a_table_is_a_live_formula_and_each_is_read_as_it_was(tmp_path, cell):
    write_table(tmp_path / "a.csv", ("group", "fold"), [(cell, 3), ("-1.5e-05", -2)])
    text = (tmp_path / "a.csv").read_text().splitlines()[1]
    assert not text.lstrip('"').startswith(("=", "+", "-", "@", "\t"))
    rows = read_table(tmp_path / "a.csv", ("group",), guarded=True).rows
    assert [row.as_written("group") for row in rows] == [cell, "-1.5e-05"]


def test_a_submission_is_written_letter_by_letter(tmp_path):
    write_table(tmp_path / "a.csv", ("id", "ans"), [("=1.jpg", "-x")], guarded=False)
    assert (tmp_path / "a.csv").read_text() == "id,ans\n=1.jpg,-x\n"


def test_a_quotation_mark_inside_a_cell_of_several_lines_costs_no_row(read):
    table = read('id,age\na,"2\n0"" x"\nb,30\nc,"4"0"\nd,5\n')
    assert [row["id"] for row in table.rows][:2] == ["a", "b"]
    assert [row.line for row in table.rows][:2] == ["some.csv line 3", "some.csv line 4"]


def test_rows_are_a_sequence_that_gives_the_same_each_time(read):
    table = read("id,age\na, 1\nb,2\nc,3\n")
    assert len(table.rows) == 3
    assert table.rows[-1] == list(table.rows)[2]
    assert table.rows[1:] == list(table.rows)[1:]
    assert table.rows[0].as_written("age") == " 1"
    with pytest.raises(IndexError):
        table.rows[3]


def test_a_table_takes_little_more_memory_than_its_different_cells(tmp_path):
    path, rows = tmp_path / "large.csv", 20_000
    lines = (f"{row:06d},{'male' if row % 2 else 'female'},Asian,{row % 43}\n" for row in range(rows))
    path.write_text("id,gender,race,age\n" + "".join(lines), encoding="utf-8")
    tracemalloc.start()
    try:
        table = read_table(path, ("id",))
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert table.rows[19_999].line == "large.csv line 20001"
    assert kept / rows < 220  # bytes: an id's text, a tuple of four, a number; one object a row would be 600
    assert peak / rows < 330


def test_a_column_is_what_its_rows_say_also_when_some_were_taken_out(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("name,label\na, x \nb,y\nc,z\n", encoding="utf-8")
    table = read_table(path, ())
    assert table.column("label") == [row["label"] for row in table.rows] == ["x", "y", "z"]
    assert replace(table, rows=table.rows[1:]).column("label") == ["y", "z"]
