"""A run that can only be read predicts into another folder."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.experiment.two_competitions import draw, labels_in, podium, write_config

NOBODY = 65534


@contextmanager
def only_reading(folder: Path) -> Iterator[None]:
    """Take the right to write from all of a folder; root, whom no mode stops, is nobody meanwhile."""
    paths = [folder, *folder.rglob("*")]
    modes = {path: path.stat().st_mode for path in paths}
    for path in paths:
        path.chmod(0o555 if path.is_dir() else 0o444)
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(NOBODY)
    try:
        with pytest.raises(PermissionError):
            (folder / "probe").touch()
        yield
    finally:
        if was_root:
            os.seteuid(0)
        for path, mode in modes.items():
            path.chmod(stat.S_IMODE(mode))


def state(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with runs: 001, 002 over two folds, and an ensemble of both, which has predicted."""
    work = tmp_path_factory.mktemp("read_only")
    draw(work / "data", ("cat", "dog"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        write_config(work, "a", data="data", runs="runs", cache=".cache")
        assert podium() == 0
        assert podium("--folds", "all") == 0
        assert podium("--mode", "ensemble", "a/001", "a/002") == 0
        assert podium("--mode", "infer", "--run", "a_ensemble") == 0
        shutil.rmtree(".cache")
    return work


@pytest.fixture
def checkout(made):
    """A copy that everybody can read, with a folder ``out`` where everybody can write beside it."""
    work = Path(tempfile.mkdtemp())
    shutil.copytree(made, work / "checkout")
    work.chmod(0o755)
    (work / "out").mkdir()
    (work / "out").chmod(0o777)
    yield work / "checkout"
    shutil.rmtree(work)


@pytest.mark.parametrize("run", ["a/001", "a/002", "a_ensemble/001"])
def test_a_run_in_a_checkout_that_can_only_be_read_predicts_with_out(checkout, monkeypatch, capsys, run):
    out = checkout.parent / "out" / "mine"
    monkeypatch.chdir(checkout)
    before = state(checkout)
    with only_reading(checkout):
        assert podium("--mode", "infer", "--run", run) == 2
        assert f"--run runs/{run} --out FOLDER" in capsys.readouterr().err
        assert podium("--mode", "infer", "--run", run, "--out", out) == 0
    assert state(checkout) == before
    assert labels_in(out / "submission.csv") <= {"cat", "dog"}
    for name in ("test_predictions.csv", "log.txt", "submissions.csv", ".cache"):
        assert (out / name).exists(), name
    members = {"a/001": [], "a/002": ["fold-0", "fold-1"], "a_ensemble/001": ["member-1", "member-2"]}[run]
    assert [(out / name / "test_predictions.csv").exists() for name in members] == [True] * len(members)


def test_the_files_are_those_that_the_run_would_have_written(checkout, monkeypatch):
    monkeypatch.chdir(checkout)
    out = checkout.parent / "out"
    for run in ("a/001", "a/002", "a_ensemble/001"):
        assert podium("--mode", "infer", "--run", run) == 0
        assert podium("--mode", "infer", "--run", run, "--out", out) == 0
        for name in ("submission.csv", "test_predictions.csv"):
            assert (out / name).read_bytes() == (checkout / "runs" / run / name).read_bytes()


def test_members_predict_hidden_images_that_have_the_names_of_others(checkout, monkeypatch):
    monkeypatch.chdir(checkout)
    hidden = draw(checkout.parent / "hidden", ("cat", "dog"), shade=90)
    out = checkout.parent / "out"
    data = ("--set", f"paths.data={hidden}")
    assert podium("--mode", "infer", "--run", "a_ensemble", "--out", out, *data) == 0
    before = (checkout / "runs/a_ensemble/001/test_predictions.csv").read_bytes()
    assert (out / "test_predictions.csv").read_bytes() != before


@pytest.mark.parametrize(("mode", "name"), [("views", "views.json"), ("pseudo", "pseudo_labels.csv")])
def test_other_modes_that_ask_a_run_write_there_too(checkout, monkeypatch, capsys, mode, name):
    monkeypatch.chdir(checkout)
    with only_reading(checkout):
        assert podium("--mode", mode) == 2
        assert "--out FOLDER" in capsys.readouterr().err
        assert podium("--mode", mode, "--run", "001", "--out", checkout.parent / "out") == 0
    assert (checkout.parent / "out" / name).exists()


def test_a_folder_that_cannot_be_made_or_is_another_runs_is_refused(checkout, monkeypatch, capsys):
    monkeypatch.chdir(checkout)
    (checkout.parent / "file").touch()
    for out, said in (
        (checkout.parent / "file" / "in", "can't be made: Not a directory"),
        (checkout / "runs/a/002", "is the folder of another run"),
        ("x" * 300, "can't be made: File name too long"),
    ):
        assert podium("--mode", "infer", "--run", "001", "--out", out) == 2
        assert said in capsys.readouterr().err
