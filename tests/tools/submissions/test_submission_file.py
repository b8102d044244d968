"""A submission's file is what the template says, or every kind of problem is named at once, with lines."""

import csv
import io

import pytest

from dataset.readers.eval_base import EvalDataset
from dataset.tasks.classification import ClassificationTask
from dataset.tasks.mask import MaskTask
from tools.submissions.submission_file import read_submission
from utils.errors import DataError

IDS = ("c9.jpg", "001498-1.jpg", "마스크, 여자.jpg", "NA", "a1.jpg")
ROWS = [[name, str(4 * number)] for number, name in enumerate(IDS)]
HEADER = ["ImageID", "ans"]


@pytest.fixture
def images(tmp_path):
    return EvalDataset(root=tmp_path, columns=HEADER, ids=IDS, files=IDS)


def written(rows, header=HEADER, **options):
    out = io.StringIO(newline="")
    csv.writer(out, **({"lineterminator": "\n"} | options)).writerows([header, *rows])
    return out.getvalue()


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_right_file_gives_its_rows(images, tmp_path, end):
    path = tmp_path / "made.csv"
    path.write_bytes(written(ROWS, lineterminator=end).encode())
    found = read_submission(path, images, MaskTask())
    assert [list(row.values()) for row in found] == ROWS
    assert list(found[0]) == HEADER


def values(*answers):
    return written([[name, answer] for (name, _), answer in zip(ROWS, answers, strict=True)])


WRONG = {
    "a BOM": ("\N{ZERO WIDTH NO-BREAK SPACE}" + written(ROWS), ["a BOM at its beginning"]),
    "semicolons": (written(ROWS, delimiter=";"), ["';' between its values, where a comma belongs"]),
    "an index of pandas": (
        written([[i, *row] for i, row in enumerate(ROWS)], ["", *HEADER]),
        ["a column '' that the template lacks: an index; write it with index=False"],
    ),
    "an index of pandas, read again": (
        written([[i, *row] for i, row in enumerate(ROWS)], ["Unnamed: 0", *HEADER]),
        ["a column 'Unnamed: 0' that the template lacks: an index"],
    ),
    "another name": (
        written(ROWS, ["ImageID", "answer"]),
        ["no column 'ans', but 'answer'", "a column 'answer' that the template lacks"],
    ),
    "columns the other way round": (
        written([row[::-1] for row in ROWS], HEADER[::-1]),
        ["the columns ans, ImageID in another order than ImageID, ans"],
    ),
    "a column twice": (
        written([[*row, row[1]] for row in ROWS], [*HEADER, "ans"]),
        ["column 'ans' twice"],
    ),
    "a row too few": (
        written(ROWS[:-1]),
        ["4 rows where the template has 5", "1 of the template's ids missing: 'a1.jpg'"],
    ),
    "an id twice": (
        written([*ROWS, ROWS[1]]),
        ["6 rows where the template has 5", "id '001498-1.jpg' 2 times (line 3, 7)"],
    ),
    "an id for another": (
        written([*ROWS[:3], ["c9.jpg", "1"], ROWS[4]]),
        ["id 'c9.jpg' 2 times (line 2, 5)", "1 of the template's ids missing: 'NA'"],
    ),
    "ids without their extension": (
        written([["c9", "0"], *ROWS[1:]]),
        ["1 ids that the template lacks: 'c9' (line 2): is 'c9' 'c9.jpg'?", "ids missing: 'c9.jpg'"],
    ),
    "sorted": (written(sorted(ROWS)), ["the template's ids in another order (line 2, 3, 4 and 2 more)"]),
    "reversed": (written(ROWS[::-1]), ["the template's ids in another order (line 2, 3, 5 and 1 more)"]),
    "floats": (
        values("0.0", "4.0", "8.0", "0.0", "16"),
        ["ans = '0.0' is not one of 0, 1,", "17: write 0 (line 2, 5)", "write 4 (line 3)", "write 8 ("],
    ),
    "classes that are none": (
        values("18", "-1", "nan", "", "2.5"),
        [f"ans = '{value}' is not one of 0, 1" for value in ("18", "-1", "nan", "", "2.5")],
    ),
    "a space": (values("0", " 4", "8", "12", "16"), ["ans = ' 4' is not one of", ": write 4 (line 3)"]),
    "a value too many": (written([ROWS[0], [*ROWS[1], "x"], *ROWS[2:]]), ["another number of values than"]),
    "nothing at all": ("", ["is empty"]),
    "a header alone": (written([]), ["0 rows where the template has 5", "5 of the template's ids missing"]),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_anything_else_is_refused_with_its_lines(images, tmp_path, what):
    text, words = WRONG[what]
    path = tmp_path / "made.csv"
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(DataError) as refused:
        read_submission(path, images, MaskTask())
    message = str(refused.value)
    assert str(path) in message
    for word in words:
        assert word in message
    if message.count("\n  - "):
        assert f"has {message.count(chr(10))} problem(s)" in message  # one a line, and no more than these


def test_a_folder_is_refused_by_its_name(images, tmp_path):
    with pytest.raises(DataError, match=rf"{tmp_path} can't be read: Is a directory"):
        read_submission(tmp_path, images, MaskTask())


def test_all_kinds_of_problems_are_named_at_once(images, tmp_path):
    path = tmp_path / "made.csv"
    rows = [["c9.jpg", "0.0"], ["c9.jpg", "18"], ["b.jpg", "1"], ["a1.jpg", "2", "3"]]
    path.write_text("\N{ZERO WIDTH NO-BREAK SPACE}" + written(rows), encoding="utf-8")
    with pytest.raises(DataError, match=r"has 8 problem\(s\)") as refused:
        read_submission(path, images, MaskTask())
    for word in ("BOM", "another number", "4 rows", "2 times", "lacks: 'b.jpg'", "missing", "0.0", "18"):
        assert word in str(refused.value)


def test_thousands_of_wrong_rows_are_one_line(images, tmp_path):
    many = EvalDataset(root=tmp_path, columns=HEADER, ids=list(map(str, range(6000))), files=())
    path = tmp_path / "made.csv"
    path.write_text(written([[i, "3.0"] for i in range(6000)]), encoding="utf-8")
    with pytest.raises(DataError) as refused:
        read_submission(path, many, MaskTask())
    assert str(refused.value).count("\n") == 1
    assert "write 3 (line 2, 3, 4 and 5997 more)" in str(refused.value)


def test_probabilities_are_checked_as_such(tmp_path):
    task = ClassificationTask(root=tmp_path, labels_found=lambda: ("cat", "dog"), submit="probabilities")
    images = EvalDataset(root=tmp_path, columns=("id", "cat", "dog"), ids=("a", "b"), files=())
    path = tmp_path / "made.csv"
    path.write_text("id,cat,dog\na,0.4,0.6\nb,1.2,much\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"has 2 problem") as refused:
        read_submission(path, images, task)
    assert "cat = '1.2' is no probability in [0, 1] (line 3)" in str(refused.value)
    path.write_text("id,cat,dog\na,0.4,0.6\nb,1,0\n", encoding="utf-8")
    assert len(read_submission(path, images, task)) == 2


def test_what_is_no_text_is_said_to_be_none(images, tmp_path):
    path = tmp_path / "made.csv"
    path.write_bytes("ImageID,ans\n마스크,1\n".encode("cp949"))
    with pytest.raises(DataError, match="is not UTF-8 text"):
        read_submission(path, images, MaskTask())
    path.write_bytes(b"PK\x03\x04" + bytes(range(128, 256)))
    with pytest.raises(DataError, match="is a zip archive or an Excel file: unpack it, or save it"):
        read_submission(path, images, MaskTask())
    with pytest.raises(DataError, match="There is no file"):
        read_submission(tmp_path / "gone.csv", images, MaskTask())
