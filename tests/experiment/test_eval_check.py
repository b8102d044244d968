"""What a submission needs is looked at before the first epoch; who has no eval images is told and trains."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from experiment.run_folder import check_writable
from run import main
from utils.errors import WriteFailed

CONFIG = """
[run]
name = check
seed = 1
device = cpu
[paths]
data = {work}/data
runs = {work}/runs
cache = {work}/cache
[task]
name = ClassificationTask
[dataset]
name = FolderDataset
folds = 2
{eval}
[images]
size = 16, 16
[model]
name = TinyNet
width = 4
[train]
epochs = 1
batch_size = 8
"""
TEMPLATE = "[test_dataset]\ntable = sample.csv\nimages = test"


class Work:
    """A small competition in a folder."""

    def __init__(self, work: Path) -> None:
        self.work, self.data = work, work / "data"
        for number, name in enumerate(
            ["train/a/0", "train/a/1", "train/b/2", "train/b/3", "test/4", "test/5"]
        ):
            path = self.data / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((16, 16, 3), 40 * number, np.uint8))
        self.template("image,label\n4.png,a\n5.png,a\n")

    def template(self, text: str) -> None:
        (self.data / "sample.csv").write_text(text, encoding="utf-8")

    def train(self, *arguments: str, eval: str = TEMPLATE) -> int:
        (self.work / "config.ini").write_text(CONFIG.format(work=self.work, eval=eval), encoding="utf-8")
        return main(["--config", str(self.work / "config.ini"), *arguments])

    @property
    def prepared(self) -> bool:
        return (self.work / "cache").exists() or (self.work / "runs").exists()


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("image,label\n4.png,a\n6.png,a\n", "line 3: there is no image"),
        ("image,label\n4.png,a\n4.png,b\n", "4.png"),
        ("image,target,Usage\n4.png,a,x\n5.png,a,x\n", "Write column = target in [task]?"),
        ("image,label\n4.jpg,a\n5.jpg,a\n", "extension = any"),
        ("", "is empty"),
    ],
    ids=["a missing image", "an id twice", "other columns", "another ending", "empty"],
)
def test_what_would_stop_the_submission_stops_training_before_it_begins(
    work: Work, capsys: pytest.CaptureFixture[str], template: str, words: str
) -> None:
    work.template(template)
    assert work.train() == 3
    said = capsys.readouterr().err
    assert words in said
    assert "no submission after training (see [test_dataset])" in said
    assert "check_first = no in [infer]" in said
    assert not work.prepared


def test_it_can_be_trained_nevertheless(work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    work.template("image,label\n4.png,a\n6.png,a\n")
    assert work.train("--set", "infer.check_first=no") == 0
    assert "eval" not in capsys.readouterr().out.lower()


@pytest.mark.parametrize("missing", ["sample.csv", "test"])
def test_who_has_no_eval_images_is_told_and_trains(
    work: Work, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    (work.data / missing).rename(work.work / "away")
    assert work.train() == 0
    assert f"There is no {work.data / missing}: a submission can't be checked" in capsys.readouterr().out


def test_who_names_no_eval_images_is_not_asked_for_them(
    work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    assert work.train(eval="") == 0
    assert "submission" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n"])
def test_empty_files_and_pointers_are_found_without_decoding(
    work: Work, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    for name in ("4.png", "5.png"):
        (work.data / "test" / name).write_bytes(content)
    assert work.train() == 3
    assert ("Git LFS" if content else "4.png is an empty file") in capsys.readouterr().err
    assert not work.prepared


def test_a_template_that_fits_is_said_and_what_is_inferred_from_it_is_submitted(
    work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    work.template("id,kind,Usage\n5,a,x\n4,a,y\n")
    assert work.train("--set", "task.column=kind") == 0
    said = capsys.readouterr().out
    assert "lack the ending of their files, which is added" in said
    assert "Usage are no answers: they stay as they are" in said
    assert "Eval images: 2 files are there, and the submission's form fits the task." in said
    assert (
        main(["--config", str(work.work / "config.ini"), "--set", "task.column=kind", "--mode", "infer"]) == 0
    )
    lines = (work.work / "runs" / "check" / "001" / "submission.csv").read_text().splitlines()
    assert lines[0] == "id,kind,Usage"
    assert [(line.split(",")[0], line.split(",")[2]) for line in lines[1:]] == [("5", "x"), ("4", "y")]


def test_a_folder_of_runs_that_can_not_be_written_is_told_before_anything_is_read(
    work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    (work.work / "runs").write_text("a file")
    assert work.train() == 4
    assert "runs can't be written: Not a directory." in capsys.readouterr().err
    assert not (work.work / "cache").exists()


def test_so_is_a_link_to_nowhere(tmp_path: Path) -> None:
    (tmp_path / "runs").symlink_to("gone/runs")
    with pytest.raises(
        WriteFailed, match=r"^\[paths\] runs = .*runs is a link to gone/runs, which is not there"
    ):
        check_writable(tmp_path / "runs", "x")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_so_is_one_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with pytest.raises(WriteFailed, match="Permission denied"):
        check_writable(tmp_path / "runs", "x")


def test_a_look_leaves_nothing_behind(tmp_path: Path) -> None:
    check_writable(tmp_path / "runs", "x")
    assert not list(tmp_path.iterdir())
