"""A submission is exactly the organiser's template with answers, or there is none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dataset.tasks.mask import MaskTask
from inference.submission import check_submission, histogram, write_submission
from utils.errors import DataError
from utils.tables import read_table

COLUMNS = ("ImageID", "ans")
IDS = ("c9.jpg", "001498-1.jpg", "마스크, 여자.jpg", "NA", "a1.jpg")
ALLOWED = MaskTask().allowed
Rows = list[dict[str, str]]


def rows() -> Rows:
    return [{"ImageID": name, "ans": str(i * 4)} for i, name in enumerate(IDS)]


def test_the_file_has_the_templates_columns_ids_and_order(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    write_submission(path, rows(), IDS, COLUMNS, ALLOWED)
    lines = path.read_bytes().decode("utf-8").split("\n")
    assert lines[:3] == ["ImageID,ans", "c9.jpg,0", "001498-1.jpg,4"]
    assert lines[3:] == ['"마스크, 여자.jpg",8', "NA,12", "a1.jpg,16", ""]


# Trap "CSV written with an index column, ... ans float or string".
def test_there_is_no_index_column_and_ans_is_a_whole_number(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    write_submission(path, rows(), IDS, COLUMNS, ALLOWED)
    found = read_table(path, COLUMNS)
    assert found.columns == COLUMNS
    assert [int(row["ans"]) for row in found.rows] == [0, 4, 8, 12, 16]
    assert all(row["ans"].isdigit() for row in found.rows)


def change(edit: Callable[[Rows], object]) -> Rows:
    changed = rows()
    edit(changed)
    return changed


# Trap "rows reordered by a shuffled loader or by sort, ... wrong count".
WRONG = {
    "a row too few": (change(lambda r: r.pop()), "4 rows where the template has 5"),
    "a row too many": (change(lambda r: r.append({"ImageID": "x", "ans": "1"})), "6 rows where .* has 5"),
    "no row": ([], "0 rows"),
    "a wrong id": (change(lambda r: r[1].update(ImageID="1498-1.jpg")), "row 2: id '1498-1.jpg' where"),
    "sorted": (change(lambda r: r.sort(key=lambda row: row["ImageID"])), "row 1: id '001498-1.jpg' where"),
    "reversed": (change(lambda r: r.reverse()), "row 1: id 'a1.jpg'"),
    "an id twice": (change(lambda r: r[3].update(ImageID="c9.jpg")), "row 4"),
    "an index column": (
        [{"": str(i)} | row for i, row in enumerate(rows())],
        "columns , ImageID, ans instead of",
    ),
    "a missing column": (change(lambda r: r[0].pop("ans")), "row 1: columns ImageID instead of ImageID, ans"),
    "columns in another order": (
        [{"ans": row["ans"], "ImageID": row["ImageID"]} for row in rows()],
        "columns ans",
    ),
    "class 18": (change(lambda r: r[2].update(ans="18")), "row 3: ans = '18' is not one of 0, 1"),
    "class -1": (change(lambda r: r[2].update(ans="-1")), "ans = '-1'"),
    "a float": (change(lambda r: r[0].update(ans="3.0")), "ans = '3.0'"),
    "nan": (change(lambda r: r[0].update(ans="nan")), "ans = 'nan'"),
    "nothing": (change(lambda r: r[0].update(ans="")), "ans = ''"),
}


@pytest.mark.parametrize("what", WRONG)
def test_anything_else_is_refused_and_nothing_is_written(what: str, tmp_path: Path) -> None:
    wrong, message = WRONG[what]
    path = tmp_path / "submission.csv"
    with pytest.raises(DataError, match=message) as refused:
        write_submission(path, wrong, IDS, COLUMNS, ALLOWED)
    assert refused.value.exit_code == 3
    assert "Nothing was written" in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_leaves_the_submission_of_before_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "submission.csv"
    write_submission(path, rows(), IDS, COLUMNS, ALLOWED)
    before = path.read_bytes()
    with pytest.raises(DataError):
        write_submission(path, rows()[1:], IDS, COLUMNS, ALLOWED)
    assert path.read_bytes() == before


def test_a_column_without_a_list_of_values_may_hold_anything() -> None:
    check_submission(rows(), IDS, COLUMNS, {})
    check_submission([row | {"ans": "a cat"} for row in rows()], IDS, COLUMNS, {})


def test_the_histogram_counts_every_class_also_those_that_never_occur() -> None:
    counted = histogram([*rows(), {"ImageID": "x", "ans": "4"}], "ans", ALLOWED["ans"])
    assert len(counted) == 18
    assert {i: n for i, n in enumerate(counted) if n} == {0: 1, 4: 2, 8: 1, 12: 1, 16: 1}
