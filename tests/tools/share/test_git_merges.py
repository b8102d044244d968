"""Two members who each add lines to a shared table: git merges them, and the readers take what comes out."""

import shutil
import subprocess
from pathlib import Path

import pytest

from dataset.readers.fold_table import read_folds
from dataset.readers.relabel import read_corrections
from utils.errors import DataError
from utils.tables import read_table

ROOT = Path(__file__).parents[3]
RELABEL = "profile,field,value,reason\n000001,age,30,born in 1990\n"


@pytest.fixture
def git(tmp_path):
    """A repository with the project's .gitattributes; the function runs git in it."""
    shutil.copy(ROOT / ".gitattributes", tmp_path)

    def run(*arguments, check=True):
        command = ["git", "-C", tmp_path, "-c", "user.name=A", "-c", "user.email=a@b", *arguments]
        return subprocess.run(command, check=check, capture_output=True, text=True)

    run("init", "-q", "-b", "main")
    return run


def merged(git, folder, name, before, one, other):
    """Return the file after two branches have each written theirs and are merged."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    for branch, text in (("main", before), ("one", one), ("other", other)):
        if branch != "main":
            git("checkout", "-q", "-b", branch, "main")
        path.write_bytes(text.encode())
        git("add", ".")
        git("commit", "-qm", branch)
    result = git("merge", "-q", "--no-edit", "one", check=False)
    assert result.returncode == 0, result.stdout
    return path


def test_corrections_of_two_members_are_all_kept(git, tmp_path):
    one, other = RELABEL + "000002,gender,female,seen\n", RELABEL + "000003,age,61,seen\n"
    path = merged(git, tmp_path, "relabel.csv", RELABEL, one, other)
    people = {name: [name] for name in ("000001", "000002", "000003")}
    assert read_corrections(path, people, ("age", "gender")) == {
        "000001": {"age": "30"}, "000002": {"gender": "female"}, "000003": {"age": "61"},
    }  # fmt: skip


def test_the_same_correction_by_both_counts_once_and_two_different_ones_are_named(git, tmp_path):
    same = RELABEL + "000002,gender,female,seen\n"
    path = merged(git, tmp_path, "data/relabel.csv", RELABEL, same, same.replace("seen", "asked"))
    people = {name: [name] for name in ("000001", "000002")}
    assert read_corrections(path, people, ("age", "gender"))["000002"] == {"gender": "female"}
    path.write_text(path.read_text() + "000002,gender,male,no\n")
    with pytest.raises(DataError, match="has another value further up"):
        read_corrections(path, people, ("age", "gender"))


@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_lines_of_a_spreadsheet_or_without_a_last_line_end_are_merged_too(git, tmp_path, end):
    one = RELABEL + "000002,gender,female,seen\n"
    other = (RELABEL + "000003,age,61,seen").replace("\n", end or "\n") + end
    path = merged(git, tmp_path, "relabel.csv", RELABEL, one, other)
    rows = read_table(path, ("profile",)).rows
    assert sorted(row["profile"] for row in rows) == ["000001", "000002", "000003"]


def test_fold_tables_of_two_members_are_one_table(git, tmp_path):
    before = "group,fold\na,0\n"
    path = merged(git, tmp_path, "folds.csv", before, before + "b,1\n", before + "c,2\n")
    assert read_folds(path, ["a", "b", "c", "a"]).tolist() == [0, 1, 2, 0]


def test_the_ledger_keeps_the_submissions_of_both(git, tmp_path):
    before = "when,sha256\n1,a\n"
    path = merged(git, tmp_path, "submissions.csv", before, before + "2,b\n", before + "3,c\n")
    assert sorted(row["sha256"] for row in read_table(path, ("sha256",)).rows) == ["a", "b", "c"]
