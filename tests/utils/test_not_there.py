"""A path that leads nowhere is told of from where it is wrong, with the nearest name."""

from pathlib import Path

import pytest

from utils.errors import DataError
from utils.not_there import no_file, no_folder
from utils.tables import read_table


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data" / "train").mkdir(parents=True)
    (tmp_path / "data" / "train" / "labels.csv").write_text("a,b\n1,2\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "data/train/label.csv",
            "There is no file data/train/label.csv. Did you mean data/train/labels.csv?",
        ),
        ("data/labels.csv", "There is no file data/labels.csv. Did you mean data/train/labels.csv?"),
        ("data/train/x.txt", "There is no file data/train/x.txt."),
        (
            "dat/train/labels.csv",
            "There is no file dat/train/labels.csv: there is no folder dat. Did you mean data?",
        ),
        ("data/test/labels.csv", "There is no file data/test/labels.csv: there is no folder data/test."),
        (
            "data/train/labels.csv/a.csv",
            "There is no file data/train/labels.csv/a.csv: data/train/labels.csv is a file, no folder.",
        ),
        ("labels.csv", "There is no file labels.csv."),
    ],
)
def test_a_file_that_is_not_there_is_told_of_from_where_its_path_is_wrong(
    here: Path, path: str, said: str
) -> None:
    assert no_file(Path(path)) == said
    with pytest.raises(DataError) as refused:
        read_table(Path(path), ())
    assert str(refused.value) == said


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("dada", "There is no folder dada. Did you mean data?"),
        ("dada/a", "There is no folder dada/a: there is no folder dada. Did you mean data?"),
        ("data/train/labels.csv", "data/train/labels.csv is a file, no folder."),
        ("/nowhere/at/all", "There is no folder /nowhere/at/all: there is no folder /nowhere."),
    ],
)
def test_so_is_a_folder(here: Path, path: str, said: str) -> None:
    assert no_folder(Path(path)) == said


def test_a_link_to_nowhere_is_called_that_and_not_taken_for_a_slip_of_its_own_name(here: Path) -> None:
    Path("labels.csv").symlink_to("nowhere.csv")
    Path("images").symlink_to("gone")
    assert no_file(Path("labels.csv")) == "labels.csv is a link to nowhere.csv, which is not there."
    assert no_file(Path("images/a.csv")) == "images is a link to gone, which is not there."
    assert no_folder(Path("images")) == "images is a link to gone, which is not there."
